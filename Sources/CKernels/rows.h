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

/// How many of the rows that are left are multiplied at once.
INLINE long strip(const int registers, long rows) {
  if (registers == 32) return rows >= 12 ? 12 : rows >= 8 ? 8 : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
  return rows >= 6 && rows != 8 ? 6 : rows >= 4 ? 4 : rows >= 2 ? 2 : 1;
}

INLINE unsigned bits_of(float value) {
  union {
    float value;
    unsigned bits;
  } u = {value};
  return u.bits;
}

#endif
