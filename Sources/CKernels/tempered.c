#include "CKernels.h"
#include "philox.h"

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

/// exp((z - maximum) / temperature), of which `keep` says what counts; adds up those, and w ln w of each.
INLINE doubles weigh(
    doubles z, double maximum, double temperature, longs keep, doubles *sum, doubles *weighted) {
  doubles exponent = z - maximum;
  if (temperature != 1) exponent /= temperature;
  doubles weight = exponential_of_doubles(exponent);
  *sum += select_double(keep, weight, every_double(0));
  // 0 ln 0 counts as 0.
  *weighted += select_double(keep & (weight > 0), weight * exponent, every_double(0));
  return weight;
}

INLINE struct temper_tempered_sums tempered(
    const int registers, const double *logits, double maximum, double temperature,
    double *weights, long count) {
  const longs lane = {0, 1, 2, 3, 4, 5, 6, 7}, all = lane >= 0;
  doubles sum = every_double(0), weighted = sum;
  // The last eight, of which some may be among those before them; a short row is filled up.
  long last = most(0, count - DOUBLES), i = 0;
  for (; i < last; i += DOUBLES) {
    doubles z = *(const doubles *)(logits + i);
    *(doubles *)(weights + i) = weigh(z, maximum, temperature, all, &sum, &weighted);
  }
  doubles z = every_double(-HUGE);
  if (count >= DOUBLES)
    z = *(const doubles *)(logits + last);
  else
    __builtin_memcpy(&z, logits, count * sizeof(double));
  doubles weight = weigh(z, maximum, temperature, lane >= i - last, &sum, &weighted);
  if (count >= DOUBLES)
    *(doubles *)(weights + last) = weight;
  else
    __builtin_memcpy(weights, &weight, count * sizeof(double));
  return (struct temper_tempered_sums){sum_of_doubles(sum), sum_of_doubles(weighted)};
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
  double maximum = -HUGE;
  for (long lane = 0; lane < DOUBLES; lane++)
    if (largest[lane] > maximum) maximum = largest[lane];
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
  for (long first = 0; first < count; first += 4 * WORDS) {
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
  struct temper_race race = {0, HUGE, HUGE};
  for (long lane = 0; lane < DOUBLES; lane++) {
    enter(first[lane], at[lane], &race);
    if (second[lane] < race.next) race.next = second[lane];
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
