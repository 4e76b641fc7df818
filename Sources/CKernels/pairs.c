#include <limits.h>

#include "CKernels.h"
#include "layout.h"
#include "pairs.h"
#include "rows.h"

/// Sixteen floats as the nearest bfloat16, the even one where two are as near; numbers too small to be normal are zero. So does the instruction.
INLINE integers rounded(vector v) {
  integers bits = as_integers(v), sign = bits & INT_MIN, magnitude = bits & INT_MAX;
  integers is_nan = magnitude > 0x7F800000, is_normal = magnitude >= 0x00800000;
  magnitude = (is_nan & 0x7FC00000) | (~is_nan & magnitude);
  magnitude = (magnitude + 0x7FFF + ((magnitude >> 16) & 1)) & -65536;
  return sign | (magnitude & is_normal);
}

// Products in bfloat16: w is in words of two, one step of a column below the next one, and x in floats that are rounded. The upper products are
// added before the lower ones: what the instruction in pairs_avx512.c does, and since a product of two bfloat16 is a float without rounding,
// to the last bit.
INLINE vector upper(vector words) { return as_floats(as_integers(words) & -65536); }
INLINE vector lower(vector words) { return as_floats(as_integers(words) << 16); }
#define WEIGHT float
#define TOGETHER 1
#define LOAD_PANEL(p, n) load(p)
#define ADD(sum, u, w) ((sum) + every((u)[1]) * upper(w) + every((u)[0]) * lower(w))
#define NAME(name) name##_of_pairs
#include "panels.h"

INLINE vector words_of(const float *x, long count) {
  integers low = rounded(load_some(x, count));
  integers high = count > LANES ? rounded(load_some(x + LANES, count - LANES)) : low & 0;
  integers even = __builtin_shufflevector(
      low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  integers odd = __builtin_shufflevector(
      low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return as_floats(odd | ((even >> 16) & 0xFFFF));
}

INLINE integers halves_of(const float *x, long count) {
  return (rounded(load_some(x, count)) >> 16) & 0xFFFF;
}

#define DOT(sums, u, w) ((sums) + upper(u) * upper(w) + lower(u) * lower(w))
#include "pair_rows.h"

INLINE void multiply_pairs(
    const int registers, long rows, long columns, long inner, long pairs, const float *x,
    long x_stride, const float *w, float keep, float *y, long y_stride,
    struct temper_wanted *wanted) {
  static _Thread_local float floats[ROWS_OF_PAIRS * 2 * PAIRS] __attribute__((aligned(64)));
  for (long r = 0; r < rows; r++) {
    const float *row = x + r * x_stride;
    float *to = floats + r * 2 * PAIRS;
    long i = 0;
    for (; i + LANES <= inner; i += LANES) store(as_floats(rounded(load(row + i))), to + i);
    // The last pair may have no second step: it is zero.
    if (i < inner) store(as_floats(rounded(load_part(row + i, inner - i, 0))), to + i);
  }
  struct rows factor = {floats, 2 * PAIRS, 2};
  struct panels_of_pairs packed = {w, pairs * PANEL, PANEL, .wanted = wanted};
  // Of sixteen registers the other halves of the words take two, which sums would wait for otherwise.
  each_row_of_pairs(
      registers == 32 ? 32 : registers - 2, rows, columns, (inner + 1) / 2, 1, factor, packed, keep,
      y, y_stride);
}

EACH_PROCESSOR(
    void, temper_multiply_pairs_by_floats, multiply_pairs,
    (long rows, long columns, long inner, long pairs, const float *x, long x_stride,
     const float *w, float keep, float *y, long y_stride, struct temper_wanted *wanted),
    rows, columns, inner, pairs, x, x_stride, w, keep, y, y_stride, wanted)

EACH_PROCESSOR(
    void, temper_keep_by_floats, keep_rows,
    (long rows, long head, const float *keys, const float *values, long stride,
     const struct temper_range *seen, float *k, long k_stride, float *v, long v_stride),
    rows, head, keys, values, stride, seen, k, k_stride, v, v_stride)
EACH_PROCESSOR(
    void, temper_score_by_floats, score_rows,
    (long rows, long head, float scale, const float *x, long x_stride,
     const struct temper_range *seen, const float *k, long k_stride, float *rounded, float *y,
     long y_stride),
    rows, head, scale, x, x_stride, seen, k, k_stride, rounded, y, y_stride)
EACH_PROCESSOR(
    void, temper_sum_by_floats, sum_each_row,
    (long rows, long head, const float *x, long x_stride, const struct temper_range *seen,
     const float *v, long v_stride, float *y, long y_stride),
    rows, head, x, x_stride, seen, v, v_stride, y, y_stride)

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
      for (long j = 0; j < count; j++) {
        for (long k = 0; k < steps; k += LANES)
          store(
              words_of(w + (c + j) * w_stride + 2 * (i + k), inner - 2 * (i + k)),
              words + j * STEPS + k);
      }
      lay_out_rows(steps, count, words, STEPS, (float *)packed + i * PANEL);
    }
  }
}

EACH_PROCESSOR(
    void, temper_pack_pairs, pack_pairs,
    (long columns, long inner, const float *w, long w_stride, unsigned *packed), columns, inner,
    w, w_stride, packed)

void temper_multiply_packed_pairs(
    long rows, long columns, long inner, const float *x, long x_stride, const unsigned *w,
    float keep, float *y, long y_stride, struct temper_wanted *wanted) {
  if (rows == 0) return;
  multiply_pairs_function *multiply = FOR_PAIRS(temper_multiply_pairs);
  long parts = (rows + ROWS_OF_PAIRS - 1) / ROWS_OF_PAIRS, part = (rows + parts - 1) / parts;
  // Some rows and steps at a time, as many as are rounded at once.
  for (long i = 0; i < inner; i += 2 * PAIRS) {
    for (long r = 0; r < rows; r += part)
      multiply(
          least(rows - r, part), columns, least(inner - i, 2 * PAIRS), (inner + 1) / 2,
          x + r * x_stride + i, x_stride, (const float *)w + i / 2 * PANEL, i == 0 ? keep : 1,
          y + r * y_stride, y_stride, wanted);
  }
}

void temper_keep_rounded(
    long rows, long head, const float *keys, const float *values, long stride,
    const struct temper_range *seen, float *k, long k_stride, float *v, long v_stride) {
  FOR_PAIRS(temper_keep)(rows, head, keys, values, stride, seen, k, k_stride, v, v_stride);
}

void temper_scores_of_rounded(
    long rows, long head, float scale, const float *x, long x_stride,
    const struct temper_range *seen, const float *k, long k_stride, float *rounded, float *y,
    long y_stride) {
  FOR_PAIRS(temper_score)(rows, head, scale, x, x_stride, seen, k, k_stride, rounded, y, y_stride);
}

void temper_sums_of_rounded(
    long rows, long head, const float *x, long x_stride, const struct temper_range *seen,
    const float *v, long v_stride, float *y, long y_stride) {
  FOR_PAIRS(temper_sum)(rows, head, x, x_stride, seen, v, v_stride, y, y_stride);
}
