// Rows times a packed matrix, for one type of matrix elements. Included once for each, with these defined:
//
//   WEIGHT             the type
//   TOGETHER           panels that share their steps in memory
//   LOAD_PANEL(p, n)   the n-th of the panels that share a step at p, sixteen columns
//   ADD(sum, u, w)     the sum and the product of a step of a row, at u, with one of a panel
//   NAME(name)         a name for each type

/// Panels of w from the panel `index` on, how many elements it is from panels that share their steps to the next and from a step to the next,
/// and whether they are yet to come from memory. Of the panels after those of a tile, memory is asked meanwhile for one of so many parts. And what
/// else is asked for, or null.
struct NAME(panels) {
  const WEIGHT *first;
  long panel, step;
  int is_far;
  long index, part, parts;
  struct temper_wanted *wanted;
};

/// Where a step of a panel is.
INLINE const WEIGHT *NAME(step)(struct NAME(panels) w, long panel, long step) {
  return w.first + (w.index + panel) / TOGETHER * w.panel + step * w.step;
}

/// A tile of y: ROWS rows of x times PANELS panels of w, whose sums all stay in registers. Both are constants once this is inlined.
///
/// Each sum adds up its products first to last, in every tile alike: what a row of y becomes does not depend on the rows beside it.
INLINE void NAME(tile)(
    const long ROWS, const long PANELS, long inner, float scale, struct rows x,
    struct NAME(panels) w, float keep, float *y, long y_stride, long columns) {
  vector sums[12][8];
  UNROLL for (long r = 0; r < ROWS; r++)
    UNROLL for (long p = 0; p < PANELS; p++) sums[r][p] = every(0);
  const long quarter = (ROWS + 3) / 4, quarters = (ROWS + quarter - 1) / quarter;
  const float *results = y;
  for (long start = 0; start < inner; start += LINE) {
    long end = least(start + LINE, inner);
    // The results are wanted in the nearest cache when all sums are done. Asked for all at once, they would keep what is multiplied next waiting.
    if (start < quarters * LINE) {
      UNROLL for (long r = 0; r < quarter; r++)
        UNROLL for (long p = 0; p < PANELS; p++)
          __builtin_prefetch(results + r * y_stride + least(PANEL * p, columns - 1), 1);
      results += quarter * y_stride;
    }
    // What is read next often comes from far away: the rows of the next tile, or steps to come.
    if (x.step <= 2)
      UNROLL for (long r = 0; r < ROWS; r++)
        __builtin_prefetch(x.first + (ROWS + r) * x.row + start * x.step);
    else
      UNROLL for (long i = 0; i < LINE; i++)
        __builtin_prefetch(x.first + (start + AHEAD + i) * x.step + ROWS - 1);
    if (w.is_far)
      UNROLL for (long i = 0; i < LINE; i++)
        UNROLL for (long p = 0; p < PANELS; p += TOGETHER)
          __builtin_prefetch(NAME(step)(w, p, start + AHEAD + i));
    if (w.parts > 0)
      for (long i = (w.part * inner + start) / w.parts; i < (w.part * inner + end) / w.parts; i++)
        UNROLL for (long p = 0; p < PANELS; p += TOGETHER)
          __builtin_prefetch(NAME(step)(w, PANELS + p, i), 0, SECOND_CACHE);
    if (w.wanted) ask(w.wanted);
    for (long i = start; i < end; i++) {
      vector steps[8];
      UNROLL for (long p = 0; p < PANELS; p++)
        steps[p] = LOAD_PANEL(
            NAME(step)(w, p, i), (PANELS % TOGETHER == 0 ? p : w.index + p) % TOGETHER);
      UNROLL for (long r = 0; r < ROWS; r++) {
        const float *u = x.first + r * x.row + i * x.step;
        UNROLL for (long p = 0; p < PANELS; p++) sums[r][p] = ADD(sums[r][p], u, steps[p]);
      }
    }
  }
  if (columns < PANELS * PANEL) {
    float results[ROWS * PANELS * PANEL] __attribute__((aligned(64)));
    UNROLL for (long r = 0; r < ROWS; r++)
      UNROLL for (long p = 0; p < PANELS; p++)
        store(scale * sums[r][p], results + (r * PANELS + p) * PANEL);
    keep_columns(ROWS, columns, results, PANELS * PANEL, keep, y, y_stride);
    return;
  }
  UNROLL for (long r = 0; r < ROWS; r++) {
    UNROLL for (long p = 0; p < PANELS; p++) {
      float *to = y + r * y_stride + PANEL * p;
      vector result = scale * sums[r][p];
      store(keep == 0 ? result : result + keep * load(to), to);
    }
  }
}

/// So many rows times all panels, PANELS at a time and then fewer.
INLINE void NAME(tiles)(
    const long ROWS, const long PANELS, long columns, long inner, float scale, struct rows x,
    struct NAME(panels) w, float keep, float *y, long y_stride) {
  UNROLL for (long n = PANELS; n > 0; n /= 2)
    for (; columns > (n - 1) * PANEL; columns -= n * PANEL, y += n * PANEL, w.index += n)
      NAME(tile)(ROWS, n, inner, scale, x, w, keep, y, y_stride, columns);
}

/// As many rows share each step of a panel as there are registers for their sums beside what is multiplied: twelve of sixteen, and twenty-four
/// of thirty-two. One row takes several panels at a time, so that additions need not wait for one another.
INLINE void NAME(each_row)(
    const int registers, long rows, long columns, long inner, float scale, struct rows x,
    struct NAME(panels) w, float keep, float *y, long y_stride) {
  if (rows == 1) {
    NAME(tiles)(1, registers == 32 ? 8 : 4, columns, inner, scale, x, w, keep, y, y_stride);
    return;
  }
  const long PANELS = registers == 32 ? 2 : 1;
  for (long c = 0; c < columns; c += PANELS * PANEL, w.index += PANELS) {
    long width = least(columns - c, PANELS * PANEL);
    struct rows some = x;
    struct NAME(panels) these = w;
    // Only the first panels have not been asked for before.
    these.is_far = w.is_far && c == 0;
    these.parts = w.is_far && c + width < columns ? strips(registers, rows) : 0;
    for (long r = 0, n; r < rows;
         r += n, some.first += n * x.row, these.is_far = 0, these.part++) {
      n = strip(registers, rows - r);
      struct part part = part_of(x, r, n, inner, c, width);
      struct rows from = {some.first + part.first * some.step, some.row, some.step};
      these.first = w.first + part.first * w.step;
      float *to = y + r * y_stride + c;
      switch (n) {
#define CASE(ROWS)                                                                             \
  case ROWS:                                                                                   \
    NAME(tiles)(                                                                               \
        ROWS, PANELS, part.columns, part.steps, scale, from, these, keep, to, y_stride);       \
    break;
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
      }
      if (registers == 32) {
        switch (n) {
          CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#undef CASE
        }
      }
    }
  }
}

#undef WEIGHT
#undef TOGETHER
#undef LOAD_PANEL
#undef ADD
#undef NAME
