#ifndef LAYERS_H
#define LAYERS_H

#include "vector.h"

// What the layers are made of, whether their results stay floats or are rounded.

/// exp(x) of sixteen floats from -87.33 to 88.37, with a relative error below 3e-7.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^n exp(r). Adding 1.5 * 2^23 rounds x / ln 2 to the integer n in the low bits of
/// the sum, and n is added to the exponent bits of exp(r). Of all polynomials 1 + r + r^2 q(r) with q of degree 3, the one below has the smallest
/// relative error from exp(r), 1.05e-7.
INLINE vector exponential_within(vector x) {
  const float shifter = 12582912;
  vector shifted = x * 1.44269504f + shifter;
  vector n = shifted - shifter;
  vector r = (x - n * 0.693359375f) + n * 2.1219444e-4f;
  vector p = every(8.31252038e-3f);
  p = p * r + 4.18901576e-2f;
  p = p * r + 0.166671147f;
  p = p * r + 0.499992315f;
  p = (p * r) * r + r + 1;
  return as_floats(as_integers(p) + (as_integers(shifted) << 23));
}

/// 1 / (1 + exp(-x)), at least 1e-38; anything where x is NaN.
INLINE vector sigmoid(vector x) {
  const vector limit = every(87);
  vector t = __builtin_elementwise_min(__builtin_elementwise_max(x, -limit), limit);
  return 1 / (1 + exponential_within(-t));
}

/// The gate of SwiGLU.
INLINE vector gated(vector g, vector u) { return g * u * sigmoid(g); }

/// The products of a row with each of `ROWS` rows of w, a constant once this is inlined, in sixteen sums for each. Four times sixteen at a time,
/// so that additions need not wait for one another.
INLINE void products(
    const long ROWS, long columns, const float *x, const float *w, long w_stride, vector *sums) {
  vector parts[4][4];
  UNROLL for (long r = 0; r < ROWS; r++)
    UNROLL for (long part = 0; part < 4; part++) parts[r][part] = every(0);
  long i = 0;
  for (; i + 4 * LANES <= columns; i += 4 * LANES) {
    UNROLL for (long part = 0; part < 4; part++) {
      long at = i + part * LANES;
      vector u = load(x + at);
      UNROLL for (long r = 0; r < ROWS; r++) parts[r][part] += u * load(w + r * w_stride + at);
    }
  }
  for (; i < columns; i += LANES) {
    long n = columns - i;
    vector u = load_some(x + i, n);
    UNROLL for (long r = 0; r < ROWS; r++)
      parts[r][0] += u * load_some(w + r * w_stride + i, n);
  }
  UNROLL for (long r = 0; r < ROWS; r++)
    sums[r] = (parts[r][0] + parts[r][1]) + (parts[r][2] + parts[r][3]);
}

/// Of so many rows the roots below come first, so that no multiplications wait for them and for quotients.
#define ROWS_OF_ROOTS 8L

/// inverse[r] = 1 / sqrt(mean of x[r]^2 + epsilon).
INLINE void inverse_roots(
    long rows, long columns, float epsilon, const float *x, long x_stride, float *inverse) {
  const float share = 1 / (float)columns;
  for (long row = 0; row < rows; row++, x += x_stride) {
    vector squares;
    products(1, columns, x, x, 0, &squares);
    float mean = share * sum(squares);
    inverse[row] = 1 / __builtin_elementwise_sqrt(mean + epsilon);
  }
}

/// Sixteen elements of a row, normalized with the inverse root of its mean square.
INLINE vector normalized(vector x, float inverse, vector gain) { return gain * (x * inverse); }

#endif
