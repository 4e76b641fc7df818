#include "CKernels.h"
#include "vector.h"

#define UNROLL _Pragma("clang loop unroll(full)")
#define PANEL 16L

#define WEIGHT float
#define LOAD_PANEL(p, low, high) \
  do {                           \
    low = load(p);               \
    high = load((p) + 8);        \
  } while (0)
#define NAME(name) name##_of_floats
#include "panels.h"

// Eight words, each with a bfloat16 (the upper half of a float) of the first eight columns below one of the last eight.
#define WEIGHT unsigned short
#define LOAD_PANEL(p, low, high)             \
  do {                                       \
    integers pairs = *(const integers *)(p); \
    low = as_floats(pairs << 16);            \
    high = as_floats(pairs & -65536);        \
  } while (0)
#define NAME(name) name##_of_halves
#include "panels.h"

EACH_PROCESSOR(
    void, temper_multiply_packed, each_row_of_floats,
    (long rows, long columns, long inner, const float *x, long x_stride, const float *w,
     float keep, float *y, long y_stride),
    (rows, columns, inner, x, x_stride, w, keep, y, y_stride))
EACH_PROCESSOR(
    void, temper_multiply_packed_bfloat16, each_row_of_halves,
    (long rows, long columns, long inner, const float *x, long x_stride, const unsigned short *w,
     float keep, float *y, long y_stride),
    (rows, columns, inner, x, x_stride, w, keep, y, y_stride))

void temper_pack(long columns, long inner, const float *w, long w_stride, float *packed) {
  for (long c = 0; c < columns; c += PANEL) {
    long count = columns - c < PANEL ? columns - c : PANEL;
    const float *from = w + c * w_stride;
    for (long i = 0; i < inner; i++, packed += PANEL) {
      for (long j = 0; j < count; j++) packed[j] = from[j * w_stride + i];
      for (long j = count; j < PANEL; j++) packed[j] = 0;
    }
  }
}

INLINE unsigned bits_of(float value) {
  union {
    float value;
    unsigned bits;
  } u = {value};
  return u.bits;
}

int temper_pack_bfloat16(
    long columns, long inner, const float *w, long w_stride, unsigned short *packed) {
  unsigned lost = 0;
  for (long c = 0; c < columns; c += PANEL) {
    long count = columns - c < PANEL ? columns - c : PANEL;
    const float *from = w + c * w_stride;
    for (long i = 0; i < inner; i++, packed += PANEL) {
      for (long j = 0; j < PANEL; j++) {
        unsigned bits = j < count ? bits_of(from[j * w_stride + i]) : 0;
        lost |= bits;
        // In the order of the words' halves in memory: little-endian, as on every processor that Swift runs on.
        packed[j < 8 ? 2 * j : 2 * j - 15] = (unsigned short)(bits >> 16);
      }
    }
    if (lost & 0xFFFF) return 0;
  }
  return 1;
}
