#include "CKernels.h"
#include "vector.h"

#define UNROLL _Pragma("clang loop unroll(full)")
#define PANEL 16L

#define WEIGHT float
#define LOAD_PANEL(p, low, high) \
  do {                           \
    low = load(p);               \
    high = load((p) + 8);        \
  } while (0)
#define NAME(name) name##_of_floats
#include "panels.h"

// Eight words, each with a bfloat16 (the upper half of a float) of the first eight columns below one of the last eight.
#define WEIGHT unsigned short
#define LOAD_PANEL(p, low, high)             \
  do {                                       \
    integers pairs = *(const integers *)(p); \
    low = as_floats(pairs << 16);            \
    high = as_floats(pairs & -65536);        \
  } while (0)
#define NAME(name) name##_of_halves
#include "panels.h"

EACH_PROCESSOR(
    void, temper_multiply_packed, each_row_of_floats,
    (long rows, long columns, long inner, const float *x, long x_stride, const float *w,
     float keep, float *y, long y_stride),
    (rows, columns, inner, x, x_stride, w, keep, y, y_stride))
EACH_PROCESSOR(
    void, temper_multiply_packed_bfloat16, each_row_of_halves,
    (long rows, long columns, long inner, const float *x, long x_stride, const unsigned short *w,
     float keep, float *y, long y_stride),
    (rows, columns, inner, x, x_stride, w, keep, y, y_stride))

/// Eight rows of eight times `scale`, exchanged with their columns: pairs, then fours, then halves.
INLINE void transpose(
    const float *from, long from_stride, float scale, float *to, long to_stride) {
  vector r[8], s[8];
  UNROLL for (int i = 0; i < 8; i++) r[i] = scale * load(from + i * from_stride);
  UNROLL for (int i = 0; i < 8; i += 2) {
    s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  UNROLL for (int i = 0; i < 8; i += 4) {
    UNROLL for (int j = 0; j < 2; j++) {
      r[i + 2 * j] = __builtin_shufflevector(s[i + j], s[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      r[i + 2 * j + 1] = __builtin_shufflevector(s[i + j], s[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  UNROLL for (int i = 0; i < 4; i++) {
    store(__builtin_shufflevector(r[i], r[i + 4], 0, 1, 2, 3, 8, 9, 10, 11), to + i * to_stride);
    store(
        __builtin_shufflevector(r[i], r[i + 4], 4, 5, 6, 7, 12, 13, 14, 15),
        to + (i + 4) * to_stride);
  }
}

/// A panel of rows of w, the first `count` of sixteen, times `scale`.
INLINE void lay_out_rows(
    long inner, long count, const float *w, long w_stride, float scale, float *panel) {
  long i = 0;
  for (; count == PANEL && i + 8 <= inner; i += 8) {
    transpose(w + i, w_stride, scale, panel + i * PANEL, PANEL);
    transpose(w + i + 8 * w_stride, w_stride, scale, panel + i * PANEL + 8, PANEL);
  }
  for (; i < inner; i++) {
    for (long j = 0; j < PANEL; j++)
      panel[i * PANEL + j] = j < count ? scale * w[j * w_stride + i] : 0;
  }
}

/// A panel of columns of w, the first `count` of sixteen, times `scale`.
INLINE void lay_out_columns(
    long inner, long count, const float *w, long w_stride, float scale, float *panel) {
  for (long i = 0; i < inner; i++, w += w_stride, panel += PANEL) {
    if (count == PANEL) {
      store(scale * load(w), panel);
      store(scale * load(w + 8), panel + 8);
    } else {
      for (long j = 0; j < PANEL; j++) panel[j] = j < count ? scale * w[j] : 0;
    }
  }
}

INLINE long least(long a, long b) { return a < b ? a : b; }

INLINE void pack(long columns, long inner, const float *w, long w_stride, float *packed) {
  for (long c = 0; c < columns; c += PANEL)
    lay_out_rows(
        inner, least(columns - c, PANEL), w + c * w_stride, w_stride, 1, packed + c * inner);
}

EACH_PROCESSOR(
    void, temper_pack, pack,
    (long columns, long inner, const float *w, long w_stride, float *packed),
    (columns, inner, w, w_stride, packed))

// How much of a product is done at once: a panel of so many steps and six rows of x stay in the nearest cache, the other rows in the second
// one.
#define STEPS 384L
#define COLUMNS (32 * PANEL)
#define ROWS_AT_ONCE 48L

INLINE void multiply(
    long rows, long columns, long inner, float scale, const float *x, long x_stride,
    const float *w, long w_stride, int transposed, float keep, float *y, long y_stride) {
  static _Thread_local float panels[STEPS * COLUMNS] __attribute__((aligned(64)));
  long parts = (inner + STEPS - 1) / STEPS, steps = (inner + parts - 1) / parts;
  for (long c = 0; c < columns; c += COLUMNS) {
    long width = least(columns - c, COLUMNS);
    for (long i = 0; i < inner; i += steps) {
      long depth = least(inner - i, steps);
      for (long p = 0; p < width; p += PANEL) {
        long count = least(width - p, PANEL);
        if (transposed)
          lay_out_rows(
              depth, count, w + (c + p) * w_stride + i, w_stride, scale, panels + p * depth);
        else
          lay_out_columns(
              depth, count, w + i * w_stride + c + p, w_stride, scale, panels + p * depth);
      }
      for (long r = 0; r < rows; r += ROWS_AT_ONCE)
        each_row_of_floats(
            least(rows - r, ROWS_AT_ONCE), width, depth, x + r * x_stride + i, x_stride, panels,
            i == 0 ? keep : 1, y + r * y_stride + c, y_stride);
    }
  }
}

EACH_PROCESSOR(
    void, temper_multiply, multiply,
    (long rows, long columns, long inner, float scale, const float *x, long x_stride,
     const float *w, long w_stride, int transposed, float keep, float *y, long y_stride),
    (rows, columns, inner, scale, x, x_stride, w, w_stride, transposed, keep, y, y_stride))

int temper_multiply_pays(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      !__builtin_cpu_supports("avx512f");
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
  for (long c = 0; c < columns; c += PANEL) {
    long count = columns - c < PANEL ? columns - c : PANEL;
    const float *from = w + c * w_stride;
    for (long i = 0; i < inner; i++, packed += PANEL) {
      for (long j = 0; j < PANEL; j++) {
        unsigned bits = j < count ? bits_of(from[j * w_stride + i]) : 0;
        lost |= bits;
        // In the order of the words' halves in memory: little-endian, as on every processor that Swift runs on.
        packed[j < 8 ? 2 * j : 2 * j - 15] = (unsigned short)(bits >> 16);
      }
    }
    if (lost & 0xFFFF) return 0;
  }
  return 1;
}
