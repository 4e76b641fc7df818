#include "CKernels.h"
#include "vector.h"

/// exp(x) of eight floats, with a relative error below 3e-7.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^n exp(r). Adding 1.5 * 2^23 rounds x / ln 2 to the integer n in the low bits of
/// the sum, exp(r) is its polynomial of degree 6, and n is added to the exponent bits.
///
/// Edge cases: below -87.33 (the smallest normal result) the result is 0; above 88.37 it is that of 88.37; NaN stays NaN.
INLINE vector exponential(vector argument) {
  const float low = -87.33f, high = 88.37f, shifter = 12582912;
  vector x = select(argument < low, every(low), argument);
  x = select(x > high, every(high), x);
  vector shifted = x * 1.44269504f + shifter;
  vector n = shifted - shifter;
  vector r = (x - n * 0.693359375f) + n * 2.1219444e-4f;
  vector p = every(1.3888889e-3f);
  p = p * r + 8.3333333e-3f;
  p = p * r + 4.1666666e-2f;
  p = p * r + 1.6666666e-1f;
  p = p * r + 0.5f;
  p = (p * r) * r + r + 1;
  vector result = as_floats(as_integers(p) + (as_integers(shifted) << 23));
  result = select(argument < low, every(0), result);
  // The addition to the exponent bits would turn a NaN with a payload into a number.
  return select(argument != argument, argument, result);
}

INLINE float exponentials(const float *x, float shift, float *y, long count) {
  vector sums = every(0);
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    vector e = exponential(load(x + i) - shift);
    store(e, y + i);
    sums += e;
  }
  if (i < count) {
    vector e = exponential(load_part(x + i, count - i, -HUGE) - shift);
    store_part(e, y + i, count - i);
    sums += e;
  }
  return sum(sums);
}

INLINE void sigmoids(const float *x, float *y, long count) {
  long i = 0;
  for (; i + 8 <= count; i += 8) store(1 / (1 + exponential(-load(x + i))), y + i);
  if (i < count)
    store_part(1 / (1 + exponential(-load_part(x + i, count - i, 0))), y + i, count - i);
}

/// Four sums at a time, so that additions need not wait for one another.
INLINE float dot(const float *x, const float *y, long count) {
  vector a = every(0), b = a, c = a, d = a;
  long i = 0;
  for (; i + 32 <= count; i += 32) {
    a += load(x + i) * load(y + i);
    b += load(x + i + 8) * load(y + i + 8);
    c += load(x + i + 16) * load(y + i + 16);
    d += load(x + i + 24) * load(y + i + 24);
  }
  for (; i + 8 <= count; i += 8) a += load(x + i) * load(y + i);
  float rest = 0;
  for (; i < count; i++) rest += x[i] * y[i];
  return sum((a + b) + (c + d)) + rest;
}

INLINE float dot3(const float *x, const float *y, const float *z, long count) {
  vector a = every(0), b = a;
  long i = 0;
  for (; i + 16 <= count; i += 16) {
    a += load(x + i) * load(y + i) * load(z + i);
    b += load(x + i + 8) * load(y + i + 8) * load(z + i + 8);
  }
  for (; i + 8 <= count; i += 8) a += load(x + i) * load(y + i) * load(z + i);
  float rest = 0;
  for (; i < count; i++) rest += x[i] * y[i] * z[i];
  return sum(a + b) + rest;
}

INLINE void adamw(
    const struct temper_adamw_step *step, const float *gradient, float *first, float *second,
    float *weights, long count) {
  for (long i = 0; i < count; i += 8) {
    long n = count - i < 8 ? count - i : 8;
    vector g = step->gradient_scale * load_some(gradient + i, n);
    vector m = step->beta1 * load_some(first + i, n) + (1 - step->beta1) * g;
    vector v = step->beta2 * load_some(second + i, n) + (1 - step->beta2) * g * g;
    vector w = step->kept * load_some(weights + i, n) -
        step->rate * m / (__builtin_elementwise_sqrt(v) * step->root + step->epsilon);
    store_some(m, first + i, n);
    store_some(v, second + i, n);
    store_some(w, weights + i, n);
  }
}

EACH_PROCESSOR(
    float, temper_exponentials, exponentials,
    (const float *x, float shift, float *y, long count), (x, shift, y, count))
EACH_PROCESSOR(
    void, temper_sigmoids, sigmoids, (const float *x, float *y, long count), (x, y, count))
EACH_PROCESSOR(
    float, temper_dot, dot, (const float *x, const float *y, long count), (x, y, count))
EACH_PROCESSOR(
    float, temper_dot3, dot3, (const float *x, const float *y, const float *z, long count),
    (x, y, z, count))
EACH_PROCESSOR(
    void, temper_adamw, adamw,
    (const struct temper_adamw_step *step, const float *gradient, float *first, float *second,
     float *weights, long count),
    (step, gradient, first, second, weights, count))
