// A few rows times the transpose of a matrix, for one type of matrix elements. Included once for each, with these defined:
//
//   WEIGHT            the type
//   WEIGHTS(p)        eight of them as floats
//   ONE_WEIGHT(p)     one
//   NAME(name)        a name for each type

/// The sum of the eight, and of the products of what does not fill a vector, added to what y has.
INLINE void NAME(finish)(
    vector sums, const float *x, const WEIGHT *w, long from, long inner, float keep, float *y) {
  float total = sum(sums);
  for (long i = from; i < inner; i++) total += x[i] * ONE_WEIGHT(w + i);
  *y = keep == 0 ? total : total + keep * *y;
}

/// One row of x and one of w.
INLINE void NAME(one_by_one)(long inner, const float *x, const WEIGHT *w, float keep, float *y) {
  vector sums = every(0);
  long i = 0;
  for (; i + 8 <= inner; i += 8) sums += load(x + i) * WEIGHTS(w + i);
  NAME(finish)(sums, x, w, i, inner, keep, y);
}

/// One row of x and four of w: as fast as w arrives from memory, which is asked for what comes a little later.
INLINE void NAME(one_by_four)(
    long inner, const float *x, const WEIGHT *w, long w_stride, float keep, float *y) {
  const WEIGHT *w0 = w, *w1 = w0 + w_stride, *w2 = w1 + w_stride, *w3 = w2 + w_stride;
  vector a0 = every(0), a1 = a0, a2 = a0, a3 = a0;
  const long ahead = 4096;
  long i = 0;
  for (; i + 8 <= inner; i += 8) {
    const char *later = (const char *)(w0 + 4 * i) + ahead;
    __builtin_prefetch(later);
    if (sizeof(WEIGHT) == 4) __builtin_prefetch(later + 64);
    vector u = load(x + i);
    a0 += u * WEIGHTS(w0 + i);
    a1 += u * WEIGHTS(w1 + i);
    a2 += u * WEIGHTS(w2 + i);
    a3 += u * WEIGHTS(w3 + i);
  }
  NAME(finish)(a0, x, w0, i, inner, keep, y);
  NAME(finish)(a1, x, w1, i, inner, keep, y + 1);
  NAME(finish)(a2, x, w2, i, inner, keep, y + 2);
  NAME(finish)(a3, x, w3, i, inner, keep, y + 3);
}

/// Three rows of x and four of w: twelve sums, as many as fit into sixteen registers beside what is multiplied.
INLINE void NAME(three_by_four)(
    long inner, const float *x, long x_stride, const WEIGHT *w, long w_stride,
    float keep, float *y, long y_stride) {
  const float *x0 = x, *x1 = x0 + x_stride, *x2 = x1 + x_stride;
  const WEIGHT *w0 = w, *w1 = w0 + w_stride, *w2 = w1 + w_stride, *w3 = w2 + w_stride;
  vector a0 = every(0), a1 = a0, a2 = a0, a3 = a0;
  vector b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  vector c0 = a0, c1 = a0, c2 = a0, c3 = a0;
  long i = 0;
  for (; i + 8 <= inner; i += 8) {
    vector u = load(x0 + i), v = load(x1 + i), t = load(x2 + i);
    vector p = WEIGHTS(w0 + i);
    a0 += u * p, b0 += v * p, c0 += t * p;
    p = WEIGHTS(w1 + i);
    a1 += u * p, b1 += v * p, c1 += t * p;
    p = WEIGHTS(w2 + i);
    a2 += u * p, b2 += v * p, c2 += t * p;
    p = WEIGHTS(w3 + i);
    a3 += u * p, b3 += v * p, c3 += t * p;
  }
  float *y0 = y, *y1 = y0 + y_stride, *y2 = y1 + y_stride;
  NAME(finish)(a0, x0, w0, i, inner, keep, y0);
  NAME(finish)(a1, x0, w1, i, inner, keep, y0 + 1);
  NAME(finish)(a2, x0, w2, i, inner, keep, y0 + 2);
  NAME(finish)(a3, x0, w3, i, inner, keep, y0 + 3);
  NAME(finish)(b0, x1, w0, i, inner, keep, y1);
  NAME(finish)(b1, x1, w1, i, inner, keep, y1 + 1);
  NAME(finish)(b2, x1, w2, i, inner, keep, y1 + 2);
  NAME(finish)(b3, x1, w3, i, inner, keep, y1 + 3);
  NAME(finish)(c0, x2, w0, i, inner, keep, y2);
  NAME(finish)(c1, x2, w1, i, inner, keep, y2 + 1);
  NAME(finish)(c2, x2, w2, i, inner, keep, y2 + 2);
  NAME(finish)(c3, x2, w3, i, inner, keep, y2 + 3);
}

/// Four rows of w at a time meet all rows of x, while they are in the nearest cache.
INLINE void NAME(each_row)(
    long rows, long columns, long inner, const float *x, long x_stride,
    const WEIGHT *w, long w_stride, float keep, float *y, long y_stride) {
  long c = 0;
  for (; c + 4 <= columns; c += 4) {
    const WEIGHT *wc = w + c * w_stride;
    long r = 0;
    for (; r + 3 <= rows; r += 3)
      NAME(three_by_four)(
          inner, x + r * x_stride, x_stride, wc, w_stride, keep, y + r * y_stride + c, y_stride);
    for (; r < rows; r++)
      NAME(one_by_four)(inner, x + r * x_stride, wc, w_stride, keep, y + r * y_stride + c);
  }
  for (; c < columns; c++)
    for (long r = 0; r < rows; r++)
      NAME(one_by_one)(inner, x + r * x_stride, w + c * w_stride, keep, y + r * y_stride + c);
}

#undef WEIGHT
#undef WEIGHTS
#undef ONE_WEIGHT
#undef NAME
