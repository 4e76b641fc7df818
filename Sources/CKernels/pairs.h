#ifndef PAIRS_H
#define PAIRS_H

/// Rows of `count` floats as words of two bfloat16; words are filled up with zeros to a multiple of sixteen, for which there is room.
typedef void round_rows_function(
    long rows, long count, const float *x, long x_stride, float *words, long words_stride);

/// y = x . w + keep y for rows and packed columns of `pairs` words of two bfloat16; panels of w are `w_panel` words apart.
typedef void multiply_pairs_function(
    long rows, long columns, long pairs, const float *x, long x_stride, const float *w,
    long w_panel, float keep, float *y, long y_stride);

// With the instructions that the processor has for floats.
round_rows_function temper_round_rows;
multiply_pairs_function temper_multiply_pairs;

#if defined(__x86_64__)
// With those for bfloat16, where `HAS_AVX512_BF16`.
round_rows_function temper_round_rows_at_once;
multiply_pairs_function temper_multiply_pairs_at_once;
#define HAS_AVX512_BF16 (HAS_AVX512 && __builtin_cpu_supports("avx512bf16"))
#else
#define temper_round_rows_at_once temper_round_rows
#define temper_multiply_pairs_at_once temper_multiply_pairs
#define HAS_AVX512_BF16 0
#endif

#endif
