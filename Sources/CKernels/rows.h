#ifndef ROWS_H
#define ROWS_H

#include "vector.h"

// What products of rows with packed matrices have in common, whatever the matrices' elements are; see panels.h.

#define PANEL LANES
/// Floats that memory hands over at once, on most processors.
#define LINE 16L
/// How many rows or steps ahead memory is asked for.
#define AHEAD 32

INLINE long least(long a, long b) { return a < b ? a : b; }

/// Rows of a factor, and how many floats it is from a row to the next and from a step of a row to the next.
struct rows {
  const float *first;
  long row, step;
};

/// How many of the rows that are left are multiplied at once: as many as there are registers for, or some fewer if just a few would be left.
INLINE long strip(const int registers, long rows) {
  const long most = registers == 32 ? 12 : 6;
  long strips = (rows + most - 1) / most, last = rows - (strips - 1) * most;
  return 2 * last >= most ? least(rows, most) : (rows + strips - 1) / strips;
}

#endif
