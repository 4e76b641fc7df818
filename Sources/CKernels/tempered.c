#include <limits.h>

#include "CKernels.h"
#include "philox.h"

/// Eight doubles, as many bytes as sixteen floats.
typedef double doubles __attribute__((vector_size(64), aligned(8)));
typedef long longs __attribute__((vector_size(64), aligned(8)));
#define DOUBLES 8L
#define LARGEST 0x1.fffffffffffffp1023

INLINE doubles every_double(double x) { return (doubles){x, x, x, x, x, x, x, x}; }
INLINE doubles select_double(longs mask, doubles a, doubles b) {
  return (doubles)((mask & (longs)a) | (~mask & (longs)b));
}

/// The least of eight, none of them NaN: halves are compared until one number is left, because a branch for each could not be foreseen.
INLINE double least_of_doubles(doubles v) {
#define LEAST(...)                                                  \
  do {                                                              \
    doubles other = __builtin_shufflevector(v, v, __VA_ARGS__);     \
    v = select_double(other < v, other, v);                         \
  } while (0)
  LEAST(4, 5, 6, 7, 0, 1, 2, 3);
  LEAST(2, 3, 0, 1, 6, 7, 4, 5);
  LEAST(1, 0, 3, 2, 5, 4, 7, 6);
#undef LEAST
  return v[0];
}

/// exp(x) of eight doubles that are at most 0, with a relative error below 4e-16; below -708, and for NaN, it is 0. And x becomes -708 there.
///
/// As for floats: x = n ln 2 + r, exp(x) = 2^n exp(r), and n is found by adding 1.5 * 2^52. Of all polynomials 1 + r + r^2 q(r) with q of
/// degree 9, the one below has the smallest relative error from exp(r), 3.7e-18.
INLINE doubles exponential_of_doubles(doubles *exponents) {
  const double shifter = 6755399441055744, low = -708;
  longs counts = *exponents >= low;
  doubles x = select_double(counts, *exponents, every_double(low));
  *exponents = x;
  doubles shifted = x * 1.4426950408889634 + shifter;
  doubles n = shifted - shifter;
  // The upper part of ln 2 has so few bits that n times it is exact.
  doubles r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
  doubles p = every_double(2.500007147391354e-08);
  p = p * r + 2.763023390085323e-07;
  p = p * r + 2.755758626900966e-06;
  p = p * r + 2.4801493136247937e-05;
  p = p * r + 0.00019841269506776888;
  p = p * r + 0.0013888888943597631;
  p = p * r + 0.008333333333494335;
  p = p * r + 0.041666666666530267;
  p = p * r + 0.16666666666666413;
  p = p * r + 0.5000000000000011;
  p = (p * r) * r + r + 1;
  doubles result = (doubles)((longs)p + ((longs)shifted << 52));
  return select_double(counts, result, every_double(0));
}

INLINE double sum_of_doubles(doubles v) {
  return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7]));
}

/// A temperature, and its reciprocal, which is finite.
struct temperature {
  double value, inverse;
};

INLINE struct temperature reciprocal(double value) {
  double inverse = 1 / value;
  return (struct temperature){value, inverse < LARGEST ? inverse : LARGEST};
}

/// The quotient by a temperature, in less time than a division: the product with the reciprocal, which may miss it by a unit in the last place,
/// and the share of what is left then. Where the quotient is beyond all numbers, it is that or NaN.
INLINE doubles divided(doubles x, struct temperature by) {
  doubles quotient = x * by.inverse;
  return quotient + (x - quotient * by.value) * by.inverse;
}

/// What a row of logits is weighed at: its maximum, and the last temperature. There may be another one before it, which is 1.
struct weighing {
  double maximum;
  struct temperature last;
};

/// The sums of weights w, and of w ln w, eight of each.
struct eight_sums {
  doubles weights, weighted;
};

/// exp of eight exponents, of which `keep` says what counts.
INLINE doubles weigh(doubles exponents, longs keep, struct eight_sums *sums) {
  doubles weights = exponential_of_doubles(&exponents);
  doubles counted = select_double(keep, weights, every_double(0));
  sums->weights += counted;
  // Where a weight is 0 its logarithm counts as a number, so that the product is 0.
  sums->weighted += counted * exponents;
  return weights;
}

/// Eight logits at one temperature, or at two; the weights at the last are kept.
INLINE void weigh_eight(
    const long TEMPERATURES, struct weighing by, const double *logits, longs keep,
    double *weights, struct eight_sums *sums) {
  doubles exponents = *(const doubles *)logits - by.maximum;
  if (TEMPERATURES == 2) weigh(exponents, keep, sums++);
  *(doubles *)weights = weigh(divided(exponents, by.last), keep, sums);
}

/// A row at one temperature, or at two.
INLINE void weigh_row(
    const long TEMPERATURES, struct weighing by, const double *logits, double *weights, long count,
    struct temper_tempered_sums *results) {
  const longs lane = {0, 1, 2, 3, 4, 5, 6, 7}, all = {-1, -1, -1, -1, -1, -1, -1, -1};
  const struct eight_sums nothing = {every_double(0), every_double(0)};
  struct eight_sums sums[2] = {nothing, nothing};
  if (count < DOUBLES) {
    doubles few = every_double(-HUGE), kept;
    __builtin_memcpy(&few, logits, count * sizeof(double));
    weigh_eight(TEMPERATURES, by, (double *)&few, all, (double *)&kept, sums);
    __builtin_memcpy(weights, &kept, count * sizeof(double));
  } else {
    long last = count - DOUBLES, i = 0;
    for (; i < last; i += DOUBLES)
      weigh_eight(TEMPERATURES, by, logits + i, all, weights + i, sums);
    // Some of the last eight may be among those before them.
    weigh_eight(TEMPERATURES, by, logits + last, lane >= i - last, weights + last, sums);
  }
  UNROLL for (long t = 0; t < TEMPERATURES; t++) {
    results[t].sum = sum_of_doubles(sums[t].weights);
    results[t].weighted = sum_of_doubles(sums[t].weighted);
  }
}

INLINE struct temper_tempered_sums tempered(
    const int registers, const double *logits, double maximum, double temperature,
    double *weights, long count) {
  struct temper_tempered_sums sums;
  struct weighing by = {maximum, reciprocal(temperature)};
  weigh_row(1, by, logits, weights, count, &sums);
  return sums;
}

INLINE struct temper_two_tempered_sums tempered_twice(
    const int registers, const double *logits, double maximum, double temperature,
    double *weights, long count) {
  struct temper_tempered_sums sums[2];
  struct weighing by = {maximum, reciprocal(temperature)};
  weigh_row(2, by, logits, weights, count, sums);
  return (struct temper_two_tempered_sums){sums[0], sums[1]};
}

INLINE float widen(const int registers, const float *x, double *y, long count) {
  typedef float floats __attribute__((vector_size(32), aligned(4)));
  doubles largest = every_double(-HUGE);
  longs is_nan = {0};
  long i = 0;
  for (; i + DOUBLES <= count; i += DOUBLES) {
    doubles v = __builtin_convertvector(*(const floats *)(x + i), doubles);
    *(doubles *)(y + i) = v;
    is_nan |= v != v;
    largest = select_double(v > largest, v, largest);
  }
  double maximum = -least_of_doubles(-largest);
  if (__builtin_reduce_or(is_nan)) maximum = __builtin_nan("");
  for (; i < count; i++) {
    y[i] = x[i];
    // A NaN gets in, and nothing gets it out.
    if (!(y[i] <= maximum) && maximum == maximum) maximum = y[i];
  }
  return (float)maximum;
}

EACH_PROCESSOR(
    float, temper_widen, widen, (const float *x, double *y, long count), x, y, count)
EACH_PROCESSOR(
    struct temper_tempered_sums, temper_tempered, tempered,
    (const double *logits, double maximum, double temperature, double *weights, long count),
    logits, maximum, temperature, weights, count)
EACH_PROCESSOR(
    struct temper_two_tempered_sums, temper_tempered_twice, tempered_twice,
    (const double *logits, double maximum, double temperature, double *weights, long count),
    logits, maximum, temperature, weights, count)

/// (w + 0.5) / 2^32 of eight words, exactly: w becomes the last bits of 2^52 + w.
INLINE doubles unit(words w) {
  doubles shifted = (doubles)((w & LOWER) | 0x4330000000000000ul);
  return (shifted - 4503599627370495.5) * 0x1p-32;
}

// The first or the last four of p and q in turn; the first or the last two pairs of each, a pair of p before one of q.
#define LOW_TURNS(p, q) __builtin_shufflevector(p, q, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_TURNS(p, q) __builtin_shufflevector(p, q, 4, 12, 5, 13, 6, 14, 7, 15)
#define LOW_PAIRS(p, q) __builtin_shufflevector(p, q, 0, 1, 8, 9, 2, 3, 10, 11)
#define HIGH_PAIRS(p, q) __builtin_shufflevector(p, q, 4, 5, 12, 13, 6, 7, 14, 15)

/// Four words for each of eight counters, in the order of the counters.
INLINE void uniforms(
    const int registers, unsigned long key, unsigned long index, long count, double *u) {
  long first = 0;
  // One counter at the end, with the last of 65 characters, takes less time by itself.
  for (; count - first > 4; first += 4 * WORDS) {
    words a = {0}, b = a, c = {0, 1, 2, 3, 4, 5, 6, 7}, d = a;
    a += index & LOWER;
    b += index >> 32;
    c += (unsigned long)first / 4;
    philox(key, &a, &b, &c, &d);
    doubles p = unit(a), q = unit(b), r = unit(c), s = unit(d);
    doubles low = LOW_TURNS(p, q), high = HIGH_TURNS(p, q), low2 = LOW_TURNS(r, s),
            high2 = HIGH_TURNS(r, s);
    doubles all[4] = {
        LOW_PAIRS(low, low2), HIGH_PAIRS(low, low2), LOW_PAIRS(high, high2),
        HIGH_PAIRS(high, high2)};
    if (count - first >= 4 * WORDS)
      __builtin_memcpy(u + first, all, sizeof all);
    else
      __builtin_memcpy(u + first, all, (count - first) * sizeof(double));
  }
  if (first >= count) return;
  unsigned long four[4] = {index & LOWER, index >> 32, (unsigned long)first / 4, 0};
  philox_of_one(key, four, four + 1, four + 2, four + 3);
  for (long i = 0; i < count - first; i++)
    u[first + i] = ((double)(four[i] & LOWER) + 0.5) * 0x1p-32;
}

/// Lets another one take part.
INLINE void enter(double time, long place, struct temper_race *race) {
  if (time < race->time || (time == race->time && place < race->winner)) {
    race->next = race->time;
    race->winner = place;
    race->time = time;
  } else if (time < race->next) {
    race->next = time;
  }
}

INLINE struct temper_race soonest(
    const int registers, const double *u, const double *weights, long count) {
  // Of each lane the least time, where it was, and the next.
  doubles first = every_double(HUGE), second = first;
  longs places = {0, 1, 2, 3, 4, 5, 6, 7}, at = places & 0;
  long i = 0;
  for (; i + DOUBLES <= count; i += DOUBLES) {
    doubles times = (1 - *(const doubles *)(u + i)) / *(const doubles *)(weights + i);
    longs is_sooner = times < first;
    doubles later = select_double(is_sooner, first, times);
    second = select_double(later < second, later, second);
    first = select_double(is_sooner, times, first);
    at = (is_sooner & places) | (~is_sooner & at);
    places += DOUBLES;
  }
  // The winner of all lanes is in the first place of those with the least time. Of the others the least time is next, and the winner's next one.
  struct temper_race race = {0, HUGE, HUGE};
  if (i > 0) {
    race.time = least_of_doubles(first);
    longs fastest = first == race.time;
    race.winner = __builtin_reduce_min((fastest & at) | (~fastest & LONG_MAX));
    race.next = least_of_doubles(select_double(fastest & (at == race.winner), second, first));
  }
  for (; i < count; i++) enter((1 - u[i]) / weights[i], i, &race);
  return race;
}

INLINE long next_within(
    const int registers, const double *u, const double *weights, double limit, long from,
    long count) {
  long i = from;
  for (; i + DOUBLES <= count; i += DOUBLES) {
    longs is_within =
        1 - *(const doubles *)(u + i) <= limit * *(const doubles *)(weights + i);
    if (__builtin_reduce_or(is_within) == 0) continue;
    for (long lane = 0; lane < DOUBLES; lane++)
      if (is_within[lane]) return i + lane;
  }
  for (; i < count; i++)
    if (1 - u[i] <= limit * weights[i]) return i;
  return count;
}

EACH_PROCESSOR(
    void, temper_uniforms, uniforms,
    (unsigned long key, unsigned long index, long count, double *u), key, index, count, u)
EACH_PROCESSOR(
    struct temper_race, temper_soonest, soonest,
    (const double *u, const double *weights, long count), u, weights, count)
EACH_PROCESSOR(
    long, temper_next_within, next_within,
    (const double *u, const double *weights, double limit, long from, long count), u, weights,
    limit, from, count)
