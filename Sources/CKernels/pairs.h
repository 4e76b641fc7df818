#ifndef PAIRS_H
#define PAIRS_H

// How many rows and words of each are rounded at once, at most, to stay in a near cache until they are multiplied.
#define ROWS_OF_PAIRS 48L
#define PAIRS 384L

/// y = x . w + keep y for at most ROWS_OF_PAIRS rows of at most 2 PAIRS floats, which are rounded to bfloat16, and panels of words of two bfloat16 that are
/// `w_panel` words apart.
typedef void multiply_pairs_function(
    long rows, long columns, long inner, const float *x, long x_stride, const float *w,
    long w_panel, float keep, float *y, long y_stride);

/// With the instructions that the processor has for floats.
multiply_pairs_function temper_multiply_pairs;

#if defined(__x86_64__)
/// With those for bfloat16, where `HAS_AVX512_BF16`.
multiply_pairs_function temper_multiply_pairs_at_once;
#define HAS_AVX512_BF16 (HAS_AVX512 && __builtin_cpu_supports("avx512bf16"))
#else
#define temper_multiply_pairs_at_once temper_multiply_pairs
#define HAS_AVX512_BF16 0
#endif

#endif
