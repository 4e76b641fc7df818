#include "pairs.h"

#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16"))), apply_to = function)

#include "rows.h"

typedef __bf16 bfloats __attribute__((vector_size(64)));

/// The first `count` of sixteen floats, the others zero: without a way through memory, because attention's rows are of any length.
INLINE vector load_first(const float *p, long count) {
  if (count >= LANES) return load(p);
  return (vector)__builtin_ia32_loadups512_mask(p, every(0), (unsigned short)((1 << count) - 1));
}

INLINE vector words_of(const float *x, long count) {
  vector high = count > LANES ? load_first(x + LANES, count - LANES) : every(0);
  return (vector)__builtin_ia32_cvtne2ps2bf16_512(high, load_first(x, count));
}

INLINE integers halves_of(const float *x, long count) {
  typedef unsigned short halves __attribute__((vector_size(64)));
  halves all = (halves)__builtin_ia32_cvtne2ps2bf16_512(every(0), load_first(x, count));
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
  static _Thread_local float words[ROWS_OF_PAIRS * PAIRS] __attribute__((aligned(64)));
  for (long r = 0; r < rows; r++, x += x_stride) round_row(inner, x, words + r * PAIRS);
  struct rows factor = {words, PAIRS, 1};
  struct panels_of_pairs packed = {w, pairs * PANEL, PANEL, .wanted = wanted};
  each_row_of_pairs(32, rows, columns, (inner + 1) / 2, 1, factor, packed, keep, y, y_stride);
}

void temper_round_at_once(long count, const float *x, float *words) { round_row(count, x, words); }

void temper_round_half_at_once(long count, const float *x, int is_upper, float *words) {
  round_half_row(count, x, is_upper, words);
}

void temper_sum_rows_at_once(
    long columns, long count, const float *x, const float *w, long w_stride, float *y) {
  sum_rows_of_words(32, columns, count, x, w, w_stride, y);
}

void temper_dots_at_once(
    long rows, long words, float scale, const float *x, const float *w, long w_stride, float *y) {
  dots_of_words(rows, words, scale, x, w, w_stride, y);
}

#pragma clang attribute pop
#endif
