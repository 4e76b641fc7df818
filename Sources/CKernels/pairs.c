#include <limits.h>

#include "CKernels.h"
#include "layers.h"
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

INLINE vector first(const float *p, long count) {
  return count > 0 ? load_some(p, count) : every(0);
}

INLINE vector words_of(vector low, vector high) {
  integers a = rounded(low), b = rounded(high);
  integers even = __builtin_shufflevector(
      a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  integers odd = __builtin_shufflevector(
      a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return as_floats(odd | ((even >> 16) & 0xFFFF));
}

INLINE integers halves_of(vector v) { return (rounded(v) >> 16) & 0xFFFF; }

#define DOT(sums, u, w) ((sums) + upper(u) * upper(w) + lower(u) * lower(w))
#include "pair_rows.h"

INLINE void multiply_pairs(
    const int registers, long rows, long columns, long inner, long pairs, const float *x,
    long x_stride, const float *w, float keep, float *y, long y_stride,
    struct temper_wanted *wanted) {
  static _Thread_local float floats[ROWS_OF_PAIRS * 2 * PAIRS] __attribute__((aligned(64)));
  for (long r = 0; r < rows; r++) {
    const float *words = x + r * x_stride;
    float *to = floats + r * 2 * PAIRS;
    for (long i = 0; i < words_in(inner); i += LANES) {
      vector low = lower(load(words + i)), high = upper(load(words + i));
      store(
          __builtin_shufflevector(
              low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
          to + 2 * i);
      store(
          __builtin_shufflevector(
              low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31),
          to + 2 * i + LANES);
    }
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
    void, temper_normalize_by_floats, normalize_into_words,
    (long rows, long columns, float epsilon, const float *x, long x_stride, const float *gain,
     float *words, long stride),
    rows, columns, epsilon, x, x_stride, gain, words, stride)
EACH_PROCESSOR(
    void, temper_gate_by_floats, gate_into_words,
    (long rows, long columns, const float *gate_up, long gate_up_stride, float *words,
     long stride),
    rows, columns, gate_up, gate_up_stride, words, stride)
EACH_PROCESSOR(
    void, temper_keep_by_floats, keep_rows,
    (long rows, long head, const float *qkv, long stride, const long *which,
     const struct temper_range *seen, const float *cosines, const float *sines, long table_stride,
     float *turned, float *q, long q_stride, float *k, long k_stride, float *v, long v_stride),
    rows, head, qkv, stride, which, seen, cosines, sines, table_stride, turned, q, q_stride, k,
    k_stride, v, v_stride)
EACH_PROCESSOR(
    void, temper_score_by_floats, score_rows,
    (long rows, long head, float scale, const float *q, long q_stride,
     const struct temper_range *seen, const float *k, long k_stride, float *y, long y_stride),
    rows, head, scale, q, q_stride, seen, k, k_stride, y, y_stride)
EACH_PROCESSOR(
    void, temper_sum_by_floats, sum_each_row,
    (long rows, long head, const float *x, long x_stride, const struct temper_range *seen,
     const float *v, long v_stride, float *words, long stride),
    rows, head, x, x_stride, seen, v, v_stride, words, stride)

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
              words_from(w + (c + j) * w_stride + 2 * (i + k), inner - 2 * (i + k)),
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
  // Some rows and steps at a time, as many as there is room for where words are floats again.
  for (long i = 0; i < inner; i += 2 * PAIRS) {
    for (long r = 0; r < rows; r += part)
      multiply(
          least(rows - r, part), columns, least(inner - i, 2 * PAIRS), (inner + 1) / 2,
          x + r * x_stride + i / 2, x_stride, (const float *)w + i / 2 * PANEL, i == 0 ? keep : 1,
          y + r * y_stride, y_stride, wanted);
  }
}

void temper_normalize_rounded(
    long rows, long columns, float epsilon, const float *x, long x_stride, const float *gain,
    float *words, long stride) {
  FOR_PAIRS(temper_normalize)(rows, columns, epsilon, x, x_stride, gain, words, stride);
}

void temper_gate_rounded(
    long rows, long columns, const float *gate_up, long gate_up_stride, float *words,
    long stride) {
  FOR_PAIRS(temper_gate)(rows, columns, gate_up, gate_up_stride, words, stride);
}

void temper_keep_rounded(
    long rows, long head, const float *qkv, long stride, const long *which,
    const struct temper_range *seen, const float *cosines, const float *sines, long table_stride,
    float *turned, float *q, long q_stride, float *k, long k_stride, float *v, long v_stride) {
  FOR_PAIRS(temper_keep)(
      rows, head, qkv, stride, which, seen, cosines, sines, table_stride, turned, q, q_stride, k,
      k_stride, v, v_stride);
}

void temper_scores_of_rounded(
    long rows, long head, float scale, const float *q, long q_stride,
    const struct temper_range *seen, const float *k, long k_stride, float *y, long y_stride) {
  FOR_PAIRS(temper_score)(rows, head, scale, q, q_stride, seen, k, k_stride, y, y_stride);
}

void temper_sums_of_rounded(
    long rows, long head, const float *x, long x_stride, const struct temper_range *seen,
    const float *v, long v_stride, float *words, long stride) {
  FOR_PAIRS(temper_sum)(rows, head, x, x_stride, seen, v, v_stride, words, stride);
}
