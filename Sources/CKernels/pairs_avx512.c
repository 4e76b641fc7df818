#include "pairs.h"

#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16"))), apply_to = function)

#include "layers.h"
#include "rows.h"

typedef __bf16 bfloats __attribute__((vector_size(64)));

/// Without a way through memory, because attention's rows are of any length.
INLINE vector first(const float *p, long count) {
  if (count >= LANES) return load(p);
  if (count <= 0) return every(0);
  return (vector)__builtin_ia32_loadups512_mask(p, every(0), (unsigned short)((1 << count) - 1));
}

INLINE vector words_of(vector low, vector high) {
  return (vector)__builtin_ia32_cvtne2ps2bf16_512(high, low);
}

INLINE integers halves_of(vector v) {
  typedef unsigned short halves __attribute__((vector_size(64)));
  halves all = (halves)__builtin_ia32_cvtne2ps2bf16_512(every(0), v);
  return __builtin_convertvector(
      __builtin_shufflevector(all, all, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
      integers);
}

#define DOT(sums, u, w) ((vector)__builtin_ia32_dpbf16ps_512(sums, (bfloats)(u), (bfloats)(w)))
#include "pair_rows.h"

#define WEIGHT float
#define TOGETHER 1
#define LOAD_PANEL(p, n) load(p)
#define ADD(sum, u, w) DOT(sum, every(*(u)), w)
#define NAME(name) name##_of_pairs
#include "panels.h"

void temper_multiply_pairs_at_once(
    long rows, long columns, long inner, long pairs, const float *x, long x_stride, const float *w,
    float keep, float *y, long y_stride, struct temper_wanted *wanted) {
  struct rows factor = {x, x_stride, 1};
  struct panels_of_pairs packed = {w, pairs * PANEL, PANEL, .wanted = wanted};
  each_row_of_pairs(32, rows, columns, (inner + 1) / 2, 1, factor, packed, keep, y, y_stride);
}

void temper_normalize_at_once(
    long rows, long columns, float epsilon, const float *x, long x_stride, const float *gain,
    float *words, long stride) {
  normalize_into_words(32, rows, columns, epsilon, x, x_stride, gain, words, stride);
}

void temper_gate_at_once(
    long rows, long columns, const float *gate_up, long gate_up_stride, float *words,
    long stride) {
  gate_into_words(32, rows, columns, gate_up, gate_up_stride, words, stride);
}

void temper_keep_at_once(
    long rows, long head, const float *qkv, long stride, const long *which,
    const struct temper_range *seen, const float *cosines, const float *sines, long table_stride,
    float *turned, float *q, long q_stride, float *k, long k_stride, float *v, long v_stride) {
  keep_rows(
      32, rows, head, qkv, stride, which, seen, cosines, sines, table_stride, turned, q, q_stride,
      k, k_stride, v, v_stride);
}

void temper_score_at_once(
    long rows, long head, float scale, const float *q, long q_stride,
    const struct temper_range *seen, const float *k, long k_stride, float *y, long y_stride) {
  score_rows(32, rows, head, scale, q, q_stride, seen, k, k_stride, y, y_stride);
}

void temper_sum_at_once(
    long rows, long head, const float *x, long x_stride, const struct temper_range *seen,
    const float *v, long v_stride, float *words, long stride) {
  sum_each_row(32, rows, head, x, x_stride, seen, v, v_stride, words, stride);
}

#pragma clang attribute pop
#endif
