#ifndef LAYOUT_H
#define LAYOUT_H

#include "rows.h"

// How rows become panels.

typedef float four __attribute__((vector_size(16), aligned(4)));

/// Four floats of each of the rows 0, 4, 8 and 12.
INLINE vector every_fourth_row(const float *p, long stride) {
  four a = *(const four *)p, b = *(const four *)(p + 4 * stride),
       c = *(const four *)(p + 8 * stride), d = *(const four *)(p + 12 * stride);
  return __builtin_shufflevector(
      __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7),
      __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
      12, 13, 14, 15);
}

// In each four of sixteen: the first or the last two of a and b in turn; the first or the last two of a, then those of b.
#define LOW_TURNS(a, b)  \
  __builtin_shufflevector( \
      a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH_TURNS(a, b) \
  __builtin_shufflevector( \
      a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_PAIRS(a, b)  \
  __builtin_shufflevector( \
      a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_PAIRS(a, b) \
  __builtin_shufflevector( \
      a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)

/// Sixteen rows of four, exchanged with their columns.
INLINE void transpose(const float *w, long w_stride, float *panel) {
  vector a = every_fourth_row(w, w_stride), b = every_fourth_row(w + w_stride, w_stride),
         c = every_fourth_row(w + 2 * w_stride, w_stride),
         d = every_fourth_row(w + 3 * w_stride, w_stride);
  vector low = LOW_TURNS(a, b), high = HIGH_TURNS(a, b), low2 = LOW_TURNS(c, d),
         high2 = HIGH_TURNS(c, d);
  store(LOW_PAIRS(low, low2), panel);
  store(HIGH_PAIRS(low, low2), panel + PANEL);
  store(LOW_PAIRS(high, high2), panel + 2 * PANEL);
  store(HIGH_PAIRS(high, high2), panel + 3 * PANEL);
}

/// A panel of rows of w, the first `count` of sixteen.
INLINE void lay_out_rows(
    long inner, long count, const float *w, long w_stride, float *panel) {
  long i = 0;
  for (; count == PANEL && i + 4 <= inner; i += 4) {
    // A quarter of the next panel's rows, as far as this line of memory goes.
    UNROLL for (long row = 0; row < 4; row++)
      __builtin_prefetch(w + (PANEL + i % LINE + row) * w_stride + i - i % LINE);
    transpose(w + i, w_stride, panel + i * PANEL);
  }
  for (; i < inner; i++) {
    for (long j = 0; j < PANEL; j++)
      panel[i * PANEL + j] = j < count ? w[j * w_stride + i] : 0;
  }
}

#endif
