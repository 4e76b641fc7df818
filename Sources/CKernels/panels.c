#include "CKernels.h"
#include "layout.h"
#include "rows.h"

#define WEIGHT float
#define TOGETHER 1
#define LOAD_PANEL(p, n) load(p)
#define ADD(sum, u, w) ((sum) + every(*(u)) * (w))
#define NAME(name) name##_of_floats
#include "panels.h"

// Sixteen words, each with a bfloat16 (the upper half of a float) of one panel below one of the next.
#define WEIGHT unsigned short
#define TOGETHER 2
#define LOAD_PANEL(p, n) as_floats((*(const integers *)(p) << ((n) ? 0 : 16)) & -65536)
#define ADD(sum, u, w) ((sum) + every(*(u)) * (w))
#define NAME(name) name##_of_halves
#include "panels.h"

// How much of a product is done at once: the panels and rows of a tile, so many steps of each, stay in the nearest cache or close to it, the
// other rows in the second one.
#define STEPS 384L
#define COLUMNS (32 * PANEL)
#define ROWS_AT_ONCE 144L

/// All rows, some at a time, by panels that are at hand once the first of them have been through.
INLINE void each_block(
    const int registers, long rows, long columns, long inner, float scale, struct rows x,
    struct panels_of_floats w, float keep, float *y, long y_stride) {
  for (long r = 0; r < rows; r += ROWS_AT_ONCE) {
    each_row_of_floats(
        registers, least(rows - r, ROWS_AT_ONCE), columns, inner, scale, x, w, keep,
        y + r * y_stride, y_stride);
    x.first += ROWS_AT_ONCE * x.row;
    x.shift += ROWS_AT_ONCE;
    w.is_far = 0;
  }
}

INLINE void multiply_packed(
    const int registers, long rows, long columns, long inner, const float *x, long x_stride,
    const float *w, float keep, float *y, long y_stride, struct temper_wanted *wanted) {
  struct rows stored = {x, x_stride, 1};
  // Whole panels, with all steps about as much as a product lays out at once.
  long some = (STEPS * COLUMNS / inner + PANEL) / PANEL * PANEL;
  for (long c = 0; c < columns; c += some) {
    struct panels_of_floats packed = {
        w + c * inner, PANEL * inner, PANEL, rows > 1, .wanted = wanted};
    each_block(
        registers, rows, least(columns - c, some), inner, 1, stored, packed, keep, y + c, y_stride);
  }
}

INLINE void multiply_packed_bfloat16(
    const int registers, long rows, long columns, long inner, const float *x, long x_stride,
    const unsigned short *w, float keep, float *y, long y_stride, struct temper_wanted *wanted) {
  struct rows stored = {x, x_stride, 1};
  struct panels_of_halves packed = {w, 2 * PANEL * inner, 2 * PANEL, .wanted = wanted};
  each_row_of_halves(registers, rows, columns, inner, 1, stored, packed, keep, y, y_stride);
}

EACH_PROCESSOR(
    void, temper_multiply_packed, multiply_packed,
    (long rows, long columns, long inner, const float *x, long x_stride, const float *w,
     float keep, float *y, long y_stride, struct temper_wanted *wanted),
    rows, columns, inner, x, x_stride, w, keep, y, y_stride, wanted)
EACH_PROCESSOR(
    void, temper_multiply_packed_bfloat16, multiply_packed_bfloat16,
    (long rows, long columns, long inner, const float *x, long x_stride, const unsigned short *w,
     float keep, float *y, long y_stride, struct temper_wanted *wanted),
    rows, columns, inner, x, x_stride, w, keep, y, y_stride, wanted)

/// Panels of columns of w, a few at a time: more than one, to read whole stretches of memory, but no more than the nearest
/// cache has room for where all panels begin.
INLINE void lay_out_columns(
    long columns, long inner, const float *w, long w_stride, float *panels) {
  for (long first = 0; first < columns; first += 4 * PANEL) {
    const float *from = w + first;
    float *to = panels + first * inner;
    long count = least(columns - first, 4 * PANEL);
    for (long i = 0; i < inner; i++, from += w_stride, to += PANEL) {
      for (long c = 0; c < count; c += PANEL) {
        __builtin_prefetch(from + AHEAD * w_stride + c);
        store(load_some(from + c, count - c), to + c * inner);
      }
    }
  }
}

/// Panels of rows of w.
INLINE void lay_out_all_rows(
    long columns, long inner, const float *w, long w_stride, float *panels) {
  for (long c = 0; c < columns; c += PANEL)
    lay_out_rows(
        inner, least(columns - c, PANEL), w + c * w_stride, w_stride, panels + c * inner);
}

INLINE void pack(
    const int registers, long columns, long inner, const float *w, long w_stride, float *packed) {
  lay_out_all_rows(columns, inner, w, w_stride, packed);
}

EACH_PROCESSOR(
    void, temper_pack, pack,
    (long columns, long inner, const float *w, long w_stride, float *packed),
    columns, inner, w, w_stride, packed)

INLINE void multiply(
    const int registers, long rows, long columns, long inner, float scale,
    const float *x, long x_stride, int x_transposed, const float *w, long w_stride,
    int w_transposed, enum temper_reach reach, long shift, float keep, float *y, long y_stride) {
  static _Thread_local float panels[STEPS * COLUMNS] __attribute__((aligned(64)));
  long parts = (inner + STEPS - 1) / STEPS, steps = (inner + parts - 1) / parts;
  for (long c = 0; c < columns; c += COLUMNS) {
    long width = least(columns - c, COLUMNS);
    for (long i = 0; i < inner; i += steps) {
      long depth = least(inner - i, steps);
      struct panels_of_floats packed = {panels, PANEL * depth, PANEL};
      if (w_transposed)
        lay_out_all_rows(width, depth, w + c * w_stride + i, w_stride, panels);
      else if (width % PANEL != 0)
        lay_out_columns(width, depth, w + i * w_stride + c, w_stride, panels);
      else
        packed = (struct panels_of_floats){w + i * w_stride + c, PANEL, w_stride, rows > 1};
      struct rows factor = {x + i, x_stride, 1};
      if (x_transposed) factor = (struct rows){x + i * x_stride, 1, x_stride};
      factor.reach = reach;
      factor.shift = shift - (reach == TEMPER_COLUMNS_UP_TO ? c : i);
      each_block(
          registers, rows, width, depth, scale, factor, packed, i == 0 ? keep : 1, y + c,
          y_stride);
    }
  }
}

EACH_PROCESSOR(
    void, temper_multiply, multiply,
    (long rows, long columns, long inner, float scale, const float *x, long x_stride,
     int x_transposed, const float *w, long w_stride, int w_transposed, enum temper_reach reach,
     long shift, float keep, float *y, long y_stride),
    rows, columns, inner, scale, x, x_stride, x_transposed, w, w_stride, w_transposed, reach, shift,
    keep, y, y_stride)

int temper_multiply_pays(void) {
#if defined(__x86_64__)
  return HAS_AVX2;
#else
  return 0;
#endif
}

INLINE unsigned bits_of(float value) {
  union {
    float value;
    unsigned bits;
  } u = {value};
  return u.bits;
}

int temper_pack_bfloat16(
    long columns, long inner, const float *w, long w_stride, unsigned short *packed) {
  unsigned lost = 0;
  for (long c = 0; c < columns; c += 2 * PANEL) {
    for (long i = 0; i < inner; i++, packed += 2 * PANEL) {
      for (long j = 0; j < 2 * PANEL; j++) {
        unsigned bits = c + j < columns ? bits_of(w[(c + j) * w_stride + i]) : 0;
        lost |= bits;
        // In the order of the words' halves in memory: little-endian, as on every processor that Swift runs on.
        packed[j < PANEL ? 2 * j : 2 * (j - PANEL) + 1] = (unsigned short)(bits >> 16);
      }
    }
    if (lost & 0xFFFF) return 0;
  }
  return 1;
}
