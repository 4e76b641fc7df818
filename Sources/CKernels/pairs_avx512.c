#include "pairs.h"

#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16"))), apply_to = function)

#include "rows.h"

typedef __bf16 bfloats __attribute__((vector_size(64)));

#define WEIGHT float
#define TOGETHER 1
#define LOAD_PANEL(p, n) load(p)
#define ADD(sum, u, w) ((vector)__builtin_ia32_dpbf16ps_512(sum, (bfloats)(u), (bfloats)(w)))
#define NAME(name) name##_of_pairs
#include "panels.h"

void temper_round_rows_at_once(
    long rows, long count, const float *x, long x_stride, float *words, long words_stride) {
  for (long r = 0; r < rows; r++, x += x_stride, words += words_stride) {
    for (long i = 0; i < count; i += 2 * LANES) {
      vector low = load_some(x + i, count - i), high = every(0);
      if (count - i > LANES) high = load_some(x + i + LANES, count - i - LANES);
      store((vector)__builtin_ia32_cvtne2ps2bf16_512(high, low), words + i / 2);
    }
  }
}

void temper_multiply_pairs_at_once(
    long rows, long columns, long pairs, const float *x, long x_stride, const float *w,
    long w_panel, float keep, float *y, long y_stride) {
  struct rows factor = {x, x_stride, 1};
  struct panels_of_pairs packed = {w, w_panel, PANEL, 0, 0};
  each_row_of_pairs(32, rows, columns, pairs, 1, factor, packed, keep, y, y_stride);
}

#pragma clang attribute pop
#endif
