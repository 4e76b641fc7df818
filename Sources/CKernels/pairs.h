#ifndef PAIRS_H
#define PAIRS_H

#include "CKernels.h"

// How many rows, and words of each, are multiplied at once, at most: what stays in a near cache meanwhile.
#define ROWS_OF_PAIRS 48L
#define PAIRS 384L

/// y = x . w + keep y for at most ROWS_OF_PAIRS rows of at most 2 PAIRS numbers rounded to bfloat16, in words of two, and panels of `pairs` steps of
/// such words, of which the first are multiplied.
typedef void multiply_pairs_function(
    long rows, long columns, long inner, long pairs, const float *x, long x_stride, const float *w,
    float keep, float *y, long y_stride, struct temper_wanted *wanted);
typedef void normalize_function(
    long rows, long columns, float epsilon, const float *x, long x_stride, const float *gain,
    float *words, long stride);
typedef void gate_function(
    long rows, long columns, const float *gate_up, long gate_up_stride, float *words, long stride);
typedef void keep_function(
    long rows, long head, const float *qkv, long stride, const long *which,
    const struct temper_range *seen, const float *cosines, const float *sines, long table_stride,
    float *turned, float *q, long q_stride, float *k, long k_stride, float *v, long v_stride);
typedef void score_function(
    long rows, long head, float scale, const float *q, long q_stride,
    const struct temper_range *seen, const float *k, long k_stride, float *y, long y_stride);
typedef void sum_function(
    long rows, long head, const float *x, long x_stride, const struct temper_range *seen,
    const float *v, long v_stride, float *words, long stride);

// With the instructions that the processor has for floats.
multiply_pairs_function temper_multiply_pairs_by_floats;
normalize_function temper_normalize_by_floats;
gate_function temper_gate_by_floats;
keep_function temper_keep_by_floats;
score_function temper_score_by_floats;
sum_function temper_sum_by_floats;

// With those for bfloat16, where `HAS_AVX512_BF16`.
#if defined(__x86_64__)
multiply_pairs_function temper_multiply_pairs_at_once;
normalize_function temper_normalize_at_once;
gate_function temper_gate_at_once;
keep_function temper_keep_at_once;
score_function temper_score_at_once;
sum_function temper_sum_at_once;
#define HAS_AVX512_BF16 (HAS_AVX512 && __builtin_cpu_supports("avx512bf16"))
#define FOR_PAIRS(name) (HAS_AVX512_BF16 ? name##_at_once : name##_by_floats)
#else
#define FOR_PAIRS(name) name##_by_floats
#endif

#endif
