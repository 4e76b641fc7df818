#ifndef VECTOR_H
#define VECTOR_H

// C, because a function can ask here for vector instructions that the rest of the program does without: EACH_PROCESSOR compiles the same
// source for processors with AVX2 and for those without, and the processor at hand decides at run time.

/// Eight floats: one register with AVX2, two with SSE or NEON. They may start anywhere in memory.
typedef float vector __attribute__((vector_size(32), aligned(4)));
typedef int integers __attribute__((vector_size(32), aligned(4)));

// How vectors are handed over depends on the processor; these functions are all inlined, so none is handed over.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#define HUGE __builtin_huge_valf()

INLINE vector every(float x) { return (vector){x, x, x, x, x, x, x, x}; }
INLINE vector load(const float *p) { return *(const vector *)p; }
INLINE void store(vector v, float *p) { *(vector *)p = v; }

/// The first `count` of eight, the others filled up.
INLINE vector load_part(const float *p, long count, float filling) {
  vector v = every(filling);
  for (long i = 0; i < count; i++) v[i] = p[i];
  return v;
}
INLINE void store_part(vector v, float *p, long count) {
  for (long i = 0; i < count; i++) p[i] = v[i];
}

/// Eight floats, or fewer at the end of a row.
INLINE vector load_some(const float *p, long count) {
  return count == 8 ? load(p) : load_part(p, count, 0);
}
INLINE void store_some(vector v, float *p, long count) {
  if (count == 8)
    store(v, p);
  else
    store_part(v, p, count);
}

INLINE integers as_integers(vector v) { return (integers)v; }
INLINE vector as_floats(integers v) { return (vector)v; }
/// a where the mask is set, b elsewhere.
INLINE vector select(integers mask, vector a, vector b) {
  return as_floats((mask & as_integers(a)) | (~mask & as_integers(b)));
}

INLINE float sum(vector v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/// Defines `name`, which does what the inline function `body` does, with the best instructions that the processor has.
#if defined(__x86_64__)
#define EACH_PROCESSOR(result, name, body, parameters, arguments)                  \
  __attribute__((target("avx2,fma"))) static result name##_with_avx2 parameters {  \
    return body arguments;                                                         \
  }                                                                                \
  result name parameters {                                                         \
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")         \
        ? name##_with_avx2 arguments                                               \
        : body arguments;                                                          \
  }
#else
#define EACH_PROCESSOR(result, name, body, parameters, arguments) \
  result name parameters { return body arguments; }
#endif

#endif
