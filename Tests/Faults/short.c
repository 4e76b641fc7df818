// Preloaded into a program: its writes to files are cut short, as POSIX allows and hardly ever happens.
//
//   SHORT_AT=n     the n-th write to a descriptor above 2 writes half of what it should, at least one byte
//   SHORT_ALL=n    every such write writes at most n bytes
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static size_t shortened(int descriptor, size_t count) {
  static long seen = 0;
  if (descriptor <= 2 || count < 2) return count;
  seen++;
  const char *at = getenv("SHORT_AT"), *all = getenv("SHORT_ALL");
  if (at && atol(at) == seen) return (count + 1) / 2;
  if (all && (size_t)atol(all) < count) return (size_t)atol(all);
  return count;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  return real(descriptor, bytes, shortened(descriptor, count));
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (!real) real = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
  return real(descriptor, bytes, shortened(descriptor, count), offset);
}
