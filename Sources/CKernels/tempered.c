#include "CKernels.h"
#include "vector.h"

/// Eight doubles, as many bytes as sixteen floats.
typedef double doubles __attribute__((vector_size(64), aligned(8)));
typedef long longs __attribute__((vector_size(64), aligned(8)));
#define DOUBLES 8L

INLINE doubles every_double(double x) { return (doubles){x, x, x, x, x, x, x, x}; }
INLINE doubles select_double(longs mask, doubles a, doubles b) {
  return (doubles)((mask & (longs)a) | (~mask & (longs)b));
}

/// exp(x) of eight doubles that are at most 0, with a relative error below 4e-16; below -708 it is 0. NaN gives anything.
///
/// As for floats: x = n ln 2 + r, exp(x) = 2^n exp(r), and n is found by adding 1.5 * 2^52. The polynomial has degree 13.
INLINE doubles exponential_of_doubles(doubles argument) {
  const double shifter = 6755399441055744, low = -708;
  longs is_zero = argument < low;
  doubles x = select_double(is_zero, every_double(low), argument);
  doubles shifted = x * 1.4426950408889634 + shifter;
  doubles n = shifted - shifter;
  // The upper part of ln 2 has so few bits that n times it is exact.
  doubles r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  doubles p = every_double(1.0 / 6227020800);
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = (p * r) * r + r + 1;
  doubles result = (doubles)((longs)p + ((longs)shifted << 52));
  return select_double(is_zero, every_double(0), result);
}

INLINE double sum_of_doubles(doubles v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

INLINE struct temper_tempered_sums tempered(
    const int registers, const double *logits, double maximum, double temperature,
    double *weights, long count) {
  doubles sum = every_double(0), weighted = sum;
  for (long i = 0; i < count; i += DOUBLES) {
    long some = count - i < DOUBLES ? count - i : DOUBLES;
    doubles z = every_double(-HUGE), weight;
    if (some == DOUBLES)
      z = *(const doubles *)(logits + i);
    else
      __builtin_memcpy(&z, logits + i, some * sizeof(double));
    doubles exponent = (z - maximum) / temperature;
    weight = exponential_of_doubles(exponent);
    if (some == DOUBLES)
      *(doubles *)(weights + i) = weight;
    else
      __builtin_memcpy(weights + i, &weight, some * sizeof(double));
    sum += weight;
    // 0 ln 0 counts as 0.
    weighted += select_double(weight > 0, weight * exponent, every_double(0));
  }
  return (struct temper_tempered_sums){sum_of_doubles(sum), sum_of_doubles(weighted)};
}

EACH_PROCESSOR(
    struct temper_tempered_sums, temper_tempered, tempered,
    (const double *logits, double maximum, double temperature, double *weights, long count),
    logits, maximum, temperature, weights, count)
