#ifndef VECTOR_H
#define VECTOR_H

// C, because a function can ask here for vector instructions that the rest of the program does without: EACH_PROCESSOR compiles the same
// source for processors with AVX2 and for those without, and the processor at hand decides at run time.

/// Sixteen floats: one register with AVX-512, two with AVX2, four with SSE or NEON. They may start anywhere in memory.
typedef float vector __attribute__((vector_size(64), aligned(4)));
typedef int integers __attribute__((vector_size(64), aligned(4)));

// How vectors are handed over depends on the processor; these functions are all inlined, so none is handed over.
#pragma clang diagnostic ignored "-Wpsabi"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
#define HUGE __builtin_huge_valf()
#define LANES 16L

INLINE long least(long a, long b) { return a < b ? a : b; }
INLINE long most(long a, long b) { return a > b ? a : b; }

INLINE vector every(float x) { return (vector){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE vector load(const float *p) { return *(const vector *)p; }
INLINE void store(vector v, float *p) { *(vector *)p = v; }

/// The first `count` of sixteen, fewer than all, as one piece each of 8, 4, 2 and 1.
INLINE void copy_part(const float *from, float *to, long count) {
  UNROLL for (long piece = 8; piece > 0; piece /= 2) {
    if (!(count & piece)) continue;
    __builtin_memcpy(to, from, piece * sizeof(float));
    from += piece;
    to += piece;
  }
}

/// The first `count` of sixteen, the others filled up.
INLINE vector load_part(const float *p, long count, float filling) {
  vector v = every(filling);
  copy_part(p, (float *)&v, count);
  return v;
}
INLINE void store_part(vector v, float *p, long count) { copy_part((const float *)&v, p, count); }

/// Sixteen floats, or fewer at the end of a row.
INLINE vector load_some(const float *p, long count) {
  return count >= LANES ? load(p) : load_part(p, count, 0);
}
INLINE void store_some(vector v, float *p, long count) {
  if (count >= LANES)
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

typedef float half_vector __attribute__((vector_size(32)));
typedef float quarter_vector __attribute__((vector_size(16)));
#define LOW_HALF(v) __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
#define HIGH_HALF(v) __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)
#define LOW_QUARTER(v) __builtin_shufflevector(v, v, 0, 1, 2, 3)
#define HIGH_QUARTER(v) __builtin_shufflevector(v, v, 4, 5, 6, 7)

/// Halves are added until one number is left.
INLINE float sum(vector v) {
  half_vector half = LOW_HALF(v) + HIGH_HALF(v);
  quarter_vector quarter = LOW_QUARTER(half) + HIGH_QUARTER(half);
  return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

/// The sums of four vectors, each added up as `sum` does.
INLINE quarter_vector four_sums(vector a, vector b, vector c, vector d) {
#define LOW_HALVES(a, b)  \
  __builtin_shufflevector( \
      a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define HIGH_HALVES(a, b) \
  __builtin_shufflevector( \
      a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define FIRST_QUARTERS(a, b) \
  __builtin_shufflevector(    \
      a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define SECOND_QUARTERS(a, b) \
  __builtin_shufflevector(     \
      a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
  vector ab = LOW_HALVES(a, b) + HIGH_HALVES(a, b), cd = LOW_HALVES(c, d) + HIGH_HALVES(c, d);
  vector each = FIRST_QUARTERS(ab, cd) + SECOND_QUARTERS(ab, cd);
  each += __builtin_shufflevector(
      each, each, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  return __builtin_shufflevector(each, each, 0, 4, 8, 12) +
      __builtin_shufflevector(each, each, 1, 5, 9, 13);
#undef LOW_HALVES
#undef HIGH_HALVES
#undef FIRST_QUARTERS
#undef SECOND_QUARTERS
}

/// The largest of sixteen, none of them NaN.
INLINE float largest_of(vector v) {
  half_vector half = __builtin_elementwise_max(LOW_HALF(v), HIGH_HALF(v));
  quarter_vector quarter = __builtin_elementwise_max(LOW_QUARTER(half), HIGH_QUARTER(half));
  float a = quarter[0] > quarter[2] ? quarter[0] : quarter[2];
  float b = quarter[1] > quarter[3] ? quarter[1] : quarter[3];
  return a > b ? a : b;
}

/// Defines `name`, which calls the inline function `body` compiled for the best instructions that the processor has: AVX-512, AVX2, or what every
/// processor of its kind has. The first argument of `body` is how many vector registers there are, a constant that only products
/// use; what follows are the arguments of `name`.
#if defined(__x86_64__)
#define AVX512 "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"
#define HAS_AVX512                                                               \
  (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&    \
   __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
#define HAS_AVX2 (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#define EACH_PROCESSOR(result, name, body, parameters, ...)                       \
  __attribute__((target(AVX512))) static result name##_with_avx512 parameters {   \
    return body(32, __VA_ARGS__);                                                 \
  }                                                                               \
  __attribute__((target("avx2,fma"))) static result name##_with_avx2 parameters { \
    return body(16, __VA_ARGS__);                                                 \
  }                                                                               \
  result name parameters {                                                        \
    return HAS_AVX512 ? name##_with_avx512(__VA_ARGS__)                           \
        : HAS_AVX2    ? name##_with_avx2(__VA_ARGS__)                             \
                      : body(16, __VA_ARGS__);                                    \
  }
#else
#define EACH_PROCESSOR(result, name, body, parameters, ...) \
  result name parameters { return body(16, __VA_ARGS__); }
#endif

#endif
