// Rows times a packed matrix, for one type of matrix elements. Included once for each, with these defined:
//
//   WEIGHT                    the type
//   LOAD_PANEL(p, low, high)  one step of a panel: the first and the last eight of sixteen columns, as floats
//   NAME(name)                a name for each type

/// A tile of y: ROWS rows of x times PANELS panels of w, whose sums all stay in registers. Both are constants once this is inlined.
///
/// Each sum adds up its products first to last, in every tile alike: what a row of y becomes does not depend on the rows beside it.
INLINE void NAME(tile)(
    const long ROWS, const long PANELS, long inner, const float *x, long x_stride, const WEIGHT *w,
    float keep, float *y, long y_stride, long columns) {
  vector sums[6][8];
  UNROLL for (long r = 0; r < ROWS; r++)
    UNROLL for (long p = 0; p < 2 * PANELS; p++) sums[r][p] = every(0);
  for (long i = 0; i < inner; i++) {
    UNROLL for (long p = 0; p < PANELS; p++) {
      vector low, high;
      LOAD_PANEL(w + PANEL * (p * inner + i), low, high);
      UNROLL for (long r = 0; r < ROWS; r++) {
        vector u = every(x[r * x_stride + i]);
        sums[r][2 * p] += u * low;
        sums[r][2 * p + 1] += u * high;
      }
    }
  }
  UNROLL for (long r = 0; r < ROWS; r++) {
    UNROLL for (long p = 0; p < 2 * PANELS; p++) {
      long count = columns - 8 * p;
      float *to = y + r * y_stride + 8 * p;
      if (count >= 8) {
        store(keep == 0 ? sums[r][p] : sums[r][p] + keep * load(to), to);
      } else if (count > 0) {
        vector before = keep == 0 ? every(0) : load_part(to, count, 0);
        store_part(keep == 0 ? sums[r][p] : sums[r][p] + keep * before, to, count);
      }
    }
  }
}

/// One row takes four panels at a time, so that additions need not wait for one another. More rows share each step of a panel, six at a time:
/// twelve sums are as many as fit into sixteen registers beside what is multiplied.
INLINE void NAME(each_row)(
    long rows, long columns, long inner, const float *x, long x_stride, const WEIGHT *w,
    float keep, float *y, long y_stride) {
  if (rows == 1) {
    long c = 0;
    for (; c + 3 * PANEL < columns; c += 4 * PANEL)
      NAME(tile)(1, 4, inner, x, x_stride, w + c * inner, keep, y + c, y_stride, columns - c);
    for (; c < columns; c += PANEL)
      NAME(tile)(1, 1, inner, x, x_stride, w + c * inner, keep, y + c, y_stride, columns - c);
    return;
  }
  for (long c = 0; c < columns; c += PANEL) {
    const WEIGHT *panel = w + c * inner;
    long r = 0;
    for (; r + 6 <= rows; r += 6)
      NAME(tile)(
          6, 1, inner, x + r * x_stride, x_stride, panel, keep, y + r * y_stride + c, y_stride,
          columns - c);
    for (; r + 4 <= rows; r += 4)
      NAME(tile)(
          4, 1, inner, x + r * x_stride, x_stride, panel, keep, y + r * y_stride + c, y_stride,
          columns - c);
    for (; r + 2 <= rows; r += 2)
      NAME(tile)(
          2, 1, inner, x + r * x_stride, x_stride, panel, keep, y + r * y_stride + c, y_stride,
          columns - c);
    if (r < rows)
      NAME(tile)(
          1, 1, inner, x + r * x_stride, x_stride, panel, keep, y + r * y_stride + c, y_stride,
          columns - c);
  }
}

#undef WEIGHT
#undef LOAD_PANEL
#undef NAME
