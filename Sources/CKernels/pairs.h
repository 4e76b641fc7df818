#ifndef PAIRS_H
#define PAIRS_H

#include "CKernels.h"

// How many rows and words of each are rounded at once, at most, to stay in a near cache until they are multiplied.
#define ROWS_OF_PAIRS 48L
#define PAIRS 384L

/// y = x . w + keep y for at most ROWS_OF_PAIRS rows of at most 2 PAIRS floats, which are rounded to bfloat16, and panels of `pairs` steps of words
/// of two bfloat16, of which the first are multiplied.
typedef void multiply_pairs_function(
    long rows, long columns, long inner, long pairs, const float *x, long x_stride, const float *w,
    float keep, float *y, long y_stride, struct temper_wanted *wanted);
typedef void round_function(long count, const float *x, float *words);
typedef void round_half_function(long count, const float *x, int is_upper, float *words);
typedef void sum_rows_function(
    long columns, long count, const float *x, const float *w, long w_stride, float *y);
typedef void dots_function(
    long rows, long words, float scale, const float *x, const float *w, long w_stride, float *y);

// With the instructions that the processor has for floats.
multiply_pairs_function temper_multiply_pairs_by_floats;
round_function temper_round_by_floats;
round_half_function temper_round_half_by_floats;
sum_rows_function temper_sum_rows_by_floats;
dots_function temper_dots_by_floats;

// With those for bfloat16, where `HAS_AVX512_BF16`.
#if defined(__x86_64__)
multiply_pairs_function temper_multiply_pairs_at_once;
round_function temper_round_at_once;
round_half_function temper_round_half_at_once;
sum_rows_function temper_sum_rows_at_once;
dots_function temper_dots_at_once;
#define HAS_AVX512_BF16 (HAS_AVX512 && __builtin_cpu_supports("avx512bf16"))
#define FOR_PAIRS(name) (HAS_AVX512_BF16 ? name##_at_once : name##_by_floats)
#else
#define FOR_PAIRS(name) name##_by_floats
#endif

#endif
