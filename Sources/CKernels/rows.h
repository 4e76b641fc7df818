#ifndef ROWS_H
#define ROWS_H

#include "CKernels.h"
#include "vector.h"

// What products of rows with packed matrices have in common, whatever the matrices' elements are; see panels.h.

#define PANEL LANES
/// Floats that memory hands over at once, on most processors.
#define LINE 16L
/// How many rows or steps ahead memory is asked for.
#define AHEAD 32
/// What memory is asked for with this goes to the second cache, because it is wanted only when the nearest one has been filled anew.
#define SECOND_CACHE 2

/// Rows of a factor, how many floats it is from a row to the next and from a step of a row to the next, and what is to be done of the product
/// of row r: see `temper_reach`.
struct rows {
  const float *first;
  long row, step;
  enum temper_reach reach;
  long shift;
};

/// Of a strip of rows: the first step, how many steps, and how many columns there are to do.
struct part {
  long first, steps, columns;
};

/// What is left of the rows r..<r + n for columns c..<c + width. Columns are whole panels, where there are.
INLINE struct part part_of(struct rows x, long r, long n, long inner, long c, long width) {
  struct part part = {0, inner, width};
  long end = x.shift + r + n;
  switch (x.reach) {
    case TEMPER_WHOLE:
      break;
    case TEMPER_COLUMNS_UP_TO:
      part.columns = least(width, most(0, (end - c + PANEL - 1) / PANEL * PANEL));
      break;
    case TEMPER_STEPS_UP_TO:
      part.steps = most(0, least(inner, end));
      break;
    case TEMPER_STEPS_FROM:
      part.first = least(inner, most(0, x.shift + r));
      part.steps = inner - part.first;
      break;
  }
  return part;
}

/// The most rows that are multiplied at once: as many as there are registers for.
INLINE long most_rows(const int registers) { return registers == 32 ? 12 : registers / 2 - 2; }

/// How many times rows are multiplied until all are.
INLINE long strips(const int registers, long rows) {
  return (rows + most_rows(registers) - 1) / most_rows(registers);
}

/// How many of the rows that are left are multiplied at once: the most, or some fewer if just a few would be left.
INLINE long strip(const int registers, long rows) {
  const long full = most_rows(registers);
  long count = strips(registers, rows), last = rows - (count - 1) * full;
  return 2 * last >= full ? least(rows, full) : (rows + count - 1) / count;
}

/// Asks for the next lines of what is wanted, so few that a tile's multiplications go on meanwhile.
INLINE void ask(struct temper_wanted *wanted) {
  const long lines = 16, bytes = 64;
  if (wanted->count == 0) return;
  struct temper_stretch *stretch = wanted->next;
  for (long i = 0; i < lines; i++)
    __builtin_prefetch(stretch->first + i * bytes, 0, SECOND_CACHE);
  stretch->first += lines * bytes;
  stretch->bytes -= lines * bytes;
  if (stretch->bytes > 0) return;
  wanted->next++;
  wanted->count--;
}

/// y = results + keep y, where a tile has more columns than y. By itself, so that tiles, of which most are whole, are short.
__attribute__((noinline, unused)) static void keep_columns(
    long rows, long columns, const float *results, long stride, float keep, float *y,
    long y_stride) {
  for (; rows > 0; rows--, results += stride, y += y_stride)
    for (long c = 0; c < columns; c++)
      y[c] = keep == 0 ? results[c] : results[c] + keep * y[c];
}

#endif
