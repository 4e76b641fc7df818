#include <limits.h>

#include "CKernels.h"
#include "layout.h"
#include "pairs.h"
#include "rows.h"

// Products in bfloat16: both factors are words of two, one step of a row or column below the next one. The upper products are added before the
// lower ones: what the instruction in pairs_avx512.c does, and since a product of two bfloat16 is a float without rounding, to the last bit.
#define WEIGHT float
#define TOGETHER 1
#define LOAD_PANEL(p, n) load(p)
#define ADD(sum, u, w) ((sum) + upper(u) * upper(w) + lower(u) * lower(w))
#define NAME(name) name##_of_pairs
INLINE vector upper(vector words) { return as_floats(as_integers(words) & -65536); }
INLINE vector lower(vector words) { return as_floats(as_integers(words) << 16); }
#include "panels.h"

INLINE void multiply_pairs(
    const int registers, long rows, long columns, long pairs, const float *x, long x_stride,
    const float *w, long w_panel, float keep, float *y, long y_stride) {
  struct rows factor = {x, x_stride, 1};
  struct panels_of_pairs packed = {w, w_panel, PANEL, 0, 0};
  each_row_of_pairs(registers, rows, columns, pairs, 1, factor, packed, keep, y, y_stride);
}

EACH_PROCESSOR(
    void, temper_multiply_pairs, multiply_pairs,
    (long rows, long columns, long pairs, const float *x, long x_stride, const float *w,
     long w_panel, float keep, float *y, long y_stride),
    rows, columns, pairs, x, x_stride, w, w_panel, keep, y, y_stride)

/// Sixteen floats as the nearest bfloat16, the even one where two are as near; numbers too small to be normal are zero. So does the instruction.
INLINE integers rounded(vector v) {
  integers bits = as_integers(v), sign = bits & INT_MIN, magnitude = bits & INT_MAX;
  integers is_nan = magnitude > 0x7F800000, is_normal = magnitude >= 0x00800000;
  magnitude = (is_nan & 0x7FC00000) | (~is_nan & magnitude);
  magnitude = (magnitude + 0x7FFF + ((magnitude >> 16) & 1)) & -65536;
  return sign | (magnitude & is_normal);
}

/// The first two times sixteen steps of a row as sixteen words; see `of_pairs`. What the row does not have is zero.
INLINE vector words_of(const float *x, long count) {
  integers low = rounded(load_some(x, count));
  integers high = count > LANES ? rounded(load_some(x + LANES, count - LANES)) : low & 0;
  integers even = __builtin_shufflevector(
      low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  integers odd = __builtin_shufflevector(
      low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return as_floats(odd | ((even >> 16) & 0xFFFF));
}

INLINE void round_rows(
    const int registers, long rows, long count, const float *x, long x_stride, float *words,
    long words_stride) {
  for (long r = 0; r < rows; r++, x += x_stride, words += words_stride) {
    for (long i = 0; i < count; i += 2 * LANES) store(words_of(x + i, count - i), words + i / 2);
  }
}

EACH_PROCESSOR(
    void, temper_round_rows, round_rows,
    (long rows, long count, const float *x, long x_stride, float *words, long words_stride), rows,
    count, x, x_stride, words, words_stride)

INLINE void pack_pairs(
    const int registers, long columns, long inner, const float *w, long w_stride,
    unsigned *packed) {
  enum { STEPS = 64 };
  float words[PANEL * STEPS];
  long pairs = (inner + 1) / 2;
  for (long c = 0; c < columns; c += PANEL, packed += PANEL * pairs) {
    long count = least(columns - c, PANEL);
    for (long i = 0; i < pairs; i += STEPS) {
      long steps = least(pairs - i, STEPS);
      round_rows(
          registers, count, least(inner - 2 * i, 2 * STEPS), w + c * w_stride + 2 * i, w_stride,
          words, STEPS);
      lay_out_rows(steps, count, words, STEPS, (float *)packed + i * PANEL);
    }
  }
}

EACH_PROCESSOR(
    void, temper_pack_pairs, pack_pairs,
    (long columns, long inner, const float *w, long w_stride, unsigned *packed), columns, inner,
    w, w_stride, packed)

/// How many rows and words of each are rounded at once, at most, to stay in a near cache until they are multiplied.
#define ROWS 48L
#define PAIRS 384L

void temper_multiply_packed_pairs(
    long rows, long columns, long inner, const float *x, long x_stride, const unsigned *w,
    float keep, float *y, long y_stride) {
  static _Thread_local float words[ROWS * PAIRS] __attribute__((aligned(64)));
  if (rows == 0) return;
  int at_once = HAS_AVX512_BF16;
  round_rows_function *round = at_once ? temper_round_rows_at_once : temper_round_rows;
  multiply_pairs_function *multiply =
      at_once ? temper_multiply_pairs_at_once : temper_multiply_pairs;
  long pairs = (inner + 1) / 2, parts = (rows + ROWS - 1) / ROWS, part = (rows + parts - 1) / parts;
  for (long i = 0; i < pairs; i += PAIRS) {
    long steps = least(pairs - i, PAIRS);
    for (long r = 0; r < rows; r += part) {
      long some = least(rows - r, part);
      round(
          some, least(inner - 2 * i, 2 * PAIRS), x + r * x_stride + 2 * i, x_stride, words, PAIRS);
      multiply(
          some, columns, steps, words, PAIRS, (const float *)w + i * PANEL, PANEL * pairs,
          i == 0 ? keep : 1, y + r * y_stride, y_stride);
    }
  }
}
