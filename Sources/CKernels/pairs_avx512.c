#include "pairs.h"

#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx512bf16"))), apply_to = function)

#include "rows.h"

typedef __bf16 bfloats __attribute__((vector_size(64)));

#define WEIGHT float
#define TOGETHER 1
#define LOAD_PANEL(p, n) load(p)
#define ADD(sum, u, w) ((vector)__builtin_ia32_dpbf16ps_512(sum, (bfloats)every(*(u)), (bfloats)(w)))
#define NAME(name) name##_of_pairs
#include "panels.h"

void temper_multiply_pairs_at_once(
    long rows, long columns, long inner, const float *x, long x_stride, const float *w,
    long w_panel, float keep, float *y, long y_stride) {
  static _Thread_local float words[ROWS_OF_PAIRS * PAIRS] __attribute__((aligned(64)));
  for (long r = 0; r < rows; r++, x += x_stride) {
    for (long i = 0; i < inner; i += 2 * LANES) {
      vector low = load_some(x + i, inner - i), high = every(0);
      if (inner - i > LANES) high = load_some(x + i + LANES, inner - i - LANES);
      store(
          (vector)__builtin_ia32_cvtne2ps2bf16_512(high, low), words + r * PAIRS + i / 2);
    }
  }
  struct rows factor = {words, PAIRS, 1};
  struct panels_of_pairs packed = {w, w_panel, PANEL, 0, 0};
  each_row_of_pairs(32, rows, columns, (inner + 1) / 2, 1, factor, packed, keep, y, y_stride);
}

#pragma clang attribute pop
#endif
