#include "CKernels.h"
#include "vector.h"

/// The sum of the eight, and of the products of what does not fill a vector, added to what y has.
INLINE void finish(
    vector sums, const float *x, const float *w, long from, long inner, float keep, float *y) {
  float total = sum(sums);
  for (long i = from; i < inner; i++) total += x[i] * w[i];
  *y = keep == 0 ? total : total + keep * *y;
}

/// One row of x and one of w.
INLINE void one_by_one(long inner, const float *x, const float *w, float keep, float *y) {
  vector sums = {0};
  long i = 0;
  for (; i + 8 <= inner; i += 8) sums += load(x + i) * load(w + i);
  finish(sums, x, w, i, inner, keep, y);
}

/// One row of x and four of w: as fast as w arrives from memory.
INLINE void one_by_four(
    long inner, const float *x, const float *w, long w_stride, float keep, float *y) {
  const float *w0 = w, *w1 = w0 + w_stride, *w2 = w1 + w_stride, *w3 = w2 + w_stride;
  vector a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
  long i = 0;
  for (; i + 8 <= inner; i += 8) {
    vector u = load(x + i);
    a0 += u * load(w0 + i);
    a1 += u * load(w1 + i);
    a2 += u * load(w2 + i);
    a3 += u * load(w3 + i);
  }
  finish(a0, x, w0, i, inner, keep, y);
  finish(a1, x, w1, i, inner, keep, y + 1);
  finish(a2, x, w2, i, inner, keep, y + 2);
  finish(a3, x, w3, i, inner, keep, y + 3);
}

/// Three rows of x and four of w: twelve sums, as many as fit into sixteen registers beside what is multiplied.
INLINE void three_by_four(
    long inner, const float *x, long x_stride, const float *w, long w_stride,
    float keep, float *y, long y_stride) {
  const float *x0 = x, *x1 = x0 + x_stride, *x2 = x1 + x_stride;
  const float *w0 = w, *w1 = w0 + w_stride, *w2 = w1 + w_stride, *w3 = w2 + w_stride;
  vector a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
  vector b0 = {0}, b1 = {0}, b2 = {0}, b3 = {0};
  vector c0 = {0}, c1 = {0}, c2 = {0}, c3 = {0};
  long i = 0;
  for (; i + 8 <= inner; i += 8) {
    vector u = load(x0 + i), v = load(x1 + i), t = load(x2 + i);
    vector p = load(w0 + i);
    a0 += u * p, b0 += v * p, c0 += t * p;
    p = load(w1 + i);
    a1 += u * p, b1 += v * p, c1 += t * p;
    p = load(w2 + i);
    a2 += u * p, b2 += v * p, c2 += t * p;
    p = load(w3 + i);
    a3 += u * p, b3 += v * p, c3 += t * p;
  }
  float *y0 = y, *y1 = y0 + y_stride, *y2 = y1 + y_stride;
  finish(a0, x0, w0, i, inner, keep, y0);
  finish(a1, x0, w1, i, inner, keep, y0 + 1);
  finish(a2, x0, w2, i, inner, keep, y0 + 2);
  finish(a3, x0, w3, i, inner, keep, y0 + 3);
  finish(b0, x1, w0, i, inner, keep, y1);
  finish(b1, x1, w1, i, inner, keep, y1 + 1);
  finish(b2, x1, w2, i, inner, keep, y1 + 2);
  finish(b3, x1, w3, i, inner, keep, y1 + 3);
  finish(c0, x2, w0, i, inner, keep, y2);
  finish(c1, x2, w1, i, inner, keep, y2 + 1);
  finish(c2, x2, w2, i, inner, keep, y2 + 2);
  finish(c3, x2, w3, i, inner, keep, y2 + 3);
}

/// Four rows of w at a time meet all rows of x, while they are in the nearest cache.
INLINE void multiply_each_row(
    long rows, long columns, long inner, const float *x, long x_stride,
    const float *w, long w_stride, float keep, float *y, long y_stride) {
  long c = 0;
  for (; c + 4 <= columns; c += 4) {
    const float *wc = w + c * w_stride;
    long r = 0;
    for (; r + 3 <= rows; r += 3)
      three_by_four(
          inner, x + r * x_stride, x_stride, wc, w_stride, keep, y + r * y_stride + c, y_stride);
    for (; r < rows; r++)
      one_by_four(inner, x + r * x_stride, wc, w_stride, keep, y + r * y_stride + c);
  }
  for (; c < columns; c++)
    for (long r = 0; r < rows; r++)
      one_by_one(inner, x + r * x_stride, w + c * w_stride, keep, y + r * y_stride + c);
}

EACH_PROCESSOR(
    void, temper_multiply_each_row, multiply_each_row,
    (long rows, long columns, long inner, const float *x, long x_stride, const float *w,
     long w_stride, float keep, float *y, long y_stride),
    (rows, columns, inner, x, x_stride, w, w_stride, keep, y, y_stride))
