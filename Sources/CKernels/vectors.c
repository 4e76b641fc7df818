#include "CKernels.h"
#include "layers.h"

/// exp(x) of sixteen floats: below -87.33 (the smallest normal result) the result is 0; above 88.37 it is that of 88.37; NaN stays NaN.
INLINE vector exponential(vector argument) {
  const float low = -87.33f, high = 88.37f;
  vector x = __builtin_elementwise_max(argument, every(low));
  vector result = exponential_within(__builtin_elementwise_min(x, every(high)));
  result = select(argument < low, every(0), result);
  // Of a NaN and a limit, the limit counts as the larger, or the smaller, one.
  return select(argument != argument, argument, result);
}

INLINE float exponentials(const int registers, const float *x, float shift, float *y, long count) {
  vector sums = every(0);
  long i = 0;
  for (; i + LANES <= count; i += LANES) {
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

/// The larger ones; those of b where a is NaN.
INLINE vector larger(vector a, vector b) { return select(a > b, a, b); }

/// Replaces each of some rows, `ROWS` of them, a constant once this is inlined, by exp(x - maximum) / their sum; a row with NaN, with infinity, or of
/// -infinity alone becomes NaN. What one row waits for another one uses.
INLINE void softmax_of_some(
    const long ROWS, float *row, long stride, long count, struct temper_softmax_sums *results) {
  const integers lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  // The last sixteen, of which some may be among those before them; a short row is filled up.
  long start = most(0, count - LANES), i = 0;
  vector end[4], largest[4], sums[4];
  float maximum[4], scale[4];
#define EACH_ROW UNROLL for (long r = 0; r < ROWS; r++)
  EACH_ROW {
    const float *last = row + r * stride + start;
    end[r] = count < LANES ? load_part(last, count, -HUGE) : load(last);
    largest[r] = larger(end[r], every(-HUGE));
    sums[r] = every(0);
  }
  for (; i < start; i += LANES)
    EACH_ROW largest[r] = larger(load(row + r * stride + i), largest[r]);
  EACH_ROW maximum[r] = largest_of(largest[r]);
  for (i = 0; i < start; i += LANES)
    EACH_ROW {
      vector e = exponential(load(row + r * stride + i) - maximum[r]);
      store(e, row + r * stride + i);
      sums[r] += e;
    }
  EACH_ROW {
    end[r] = exponential(end[r] - maximum[r]);
    float total = sum(sums[r] + select(lane < (int)(i - start), every(0), end[r]));
    scale[r] = 1 / total;
    results[r] = (struct temper_softmax_sums){maximum[r], total};
  }
  for (i = 0; i < start; i += LANES)
    EACH_ROW store(scale[r] * load(row + r * stride + i), row + r * stride + i);
  EACH_ROW store_some(scale[r] * end[r], row + r * stride + start, count);
#undef EACH_ROW
}

INLINE struct temper_softmax_sums softmax(const int registers, float *row, long count) {
  struct temper_softmax_sums result;
  softmax_of_some(1, row, 0, count, &result);
  return result;
}

INLINE long length(const struct temper_range *range) { return range->upper - range->lower; }

INLINE void softmax_rows(
    const int registers, long rows, const struct temper_range *seen, float *row, long stride) {
  struct temper_softmax_sums results[4];
  while (rows > 0) {
    long count = length(seen), n = 1;
    // Texts that began together are equally long, most of the time.
    while (n < least(rows, 4) && length(seen + n) == count) n++;
    if (n < 4) n = 1;
    if (n == 4)
      softmax_of_some(4, row, stride, count, results);
    else
      softmax_of_some(1, row, stride, count, results);
    rows -= n, seen += n, row += n * stride;
  }
}

/// How far ahead of each of some rows, `stride` apart, memory is asked for others: those that start 4 KB later, because a processor does not
/// foresee beyond a page by itself. Where so few rows are no others, not ahead at all.
INLINE long later(long rows, long columns, long stride) {
  long ahead = most(1, 1024 / columns);
  return ahead < rows ? ahead * stride : 0;
}

INLINE float dot(const int registers, const float *x, const float *y, long count) {
  vector sums;
  products(1, count, x, y, 0, &sums);
  return sum(sums);
}

INLINE void dots(
    const int registers, long rows, long columns, float scale, const float *x, const float *w,
    long w_stride, float keep, float *y) {
  for (; rows >= 4; rows -= 4, w += 4 * w_stride, y += 4) {
    vector sums[4];
    products(4, columns, x, w, w_stride, sums);
    quarter_vector old, result = scale * four_sums(sums[0], sums[1], sums[2], sums[3]);
    __builtin_memcpy(&old, y, sizeof old);
    if (keep != 0) result += keep * old;
    __builtin_memcpy(y, &result, sizeof result);
  }
  for (; rows > 0; rows--, w += w_stride, y++) {
    float result = scale * dot(registers, x, w, columns);
    *y = keep == 0 ? result : result + keep * *y;
  }
}

INLINE float dot3(
    const int registers, const float *x, const float *y, const float *z, long count) {
  vector a = every(0), b = a;
  long i = 0;
  for (; i + 2 * LANES <= count; i += 2 * LANES) {
    a += load(x + i) * load(y + i) * load(z + i);
    b += load(x + i + LANES) * load(y + i + LANES) * load(z + i + LANES);
  }
  for (; i < count; i += LANES)
    a += load_some(x + i, count - i) * load_some(y + i, count - i) * load_some(z + i, count - i);
  return sum(a + b);
}

INLINE void softmax_backward_some(long n, float mean, const float *p, float *dp) {
  store_some(load_some(p, n) * (load_some(dp, n) - mean), dp, n);
}

INLINE void softmax_backward(const int registers, const float *p, float *dp, long count) {
  float mean = dot(registers, p, dp, count);
  long i = 0;
  for (; i + LANES <= count; i += LANES) softmax_backward_some(LANES, mean, p + i, dp + i);
  if (i < count) softmax_backward_some(count - i, mean, p + i, dp + i);
}

// What follows does the same with each sixteen floats of a row, and with those that are left: `n` of them.

INLINE void normalize_some(long n, float r, const float *x, const float *gain, float *y) {
  store_some(normalized(load_some(x, n), r, load_some(gain, n)), y, n);
}

INLINE void normalize(
    const int registers, long rows, long columns, float epsilon, const float *x, long x_stride,
    const float *gain, float *inverse, float *y, long y_stride) {
  const long x_later = later(rows, columns, x_stride), y_later = later(rows, columns, y_stride);
  for (long first = 0; first < rows; first += ROWS_OF_ROOTS) {
    long end = least(rows, first + ROWS_OF_ROOTS);
    inverse_roots(
        end - first, columns, epsilon, x + first * x_stride, x_stride, inverse + first);
    for (long row = first; row < end; row++) {
      const float *from = x + row * x_stride;
      float *to = y + row * y_stride, r = inverse[row];
      long i = 0;
      for (; i + LANES <= columns; i += LANES) {
        __builtin_prefetch(from + x_later + i);
        __builtin_prefetch(to + y_later + i, 1);
        normalize_some(LANES, r, from + i, gain + i, to + i);
      }
      if (i < columns) normalize_some(columns - i, r, from + i, gain + i, to + i);
    }
  }
}

INLINE void normalize_backward_some(
    long n, float r, float c, const float *dy, const float *x, const float *gain, int adding,
    float *dx, float *d_gain) {
  vector by = load_some(dy, n), at = load_some(x, n);
  store_some(load_some(d_gain, n) + by * (at * r), d_gain, n);
  vector d = r * (load_some(gain, n) * by - c * at);
  store_some(adding ? load_some(dx, n) + d : d, dx, n);
}

INLINE void normalize_backward(
    const int registers, long rows, long columns, const float *dy,
    long dy_stride, const float *x, long x_stride, const float *gain, const float *inverse,
    int adding, float *dx, long dx_stride, float *d_gain) {
  const long dy_later = later(rows, columns, dy_stride), x_later = later(rows, columns, x_stride),
             dx_later = later(rows, columns, dx_stride);
  for (long row = 0; row < rows; row++, dy += dy_stride, x += x_stride, dx += dx_stride) {
    float r = inverse[row];
    float c = dot3(registers, dy, gain, x, columns) / (float)columns * r * r;
    long i = 0;
    for (; i + LANES <= columns; i += LANES) {
      __builtin_prefetch(dy + dy_later + i);
      __builtin_prefetch(x + x_later + i);
      __builtin_prefetch(dx + dx_later + i, 1);
      normalize_backward_some(
          LANES, r, c, dy + i, x + i, gain + i, adding, dx + i, d_gain + i);
    }
    if (i < columns)
      normalize_backward_some(
          columns - i, r, c, dy + i, x + i, gain + i, adding, dx + i, d_gain + i);
  }
}

INLINE void gate_some(long n, const float *gate, const float *up, float *h) {
  store_some(gated(load_some(gate, n), load_some(up, n)), h, n);
}

INLINE void gate(
    const int registers, long rows, long columns, const float *gate_up, long stride, float *h,
    long h_stride) {
  const long gate_up_later = later(rows, columns, stride), h_later = later(rows, columns, h_stride);
  for (long row = 0; row < rows; row++, gate_up += stride, h += h_stride) {
    const float *up = gate_up + columns;
    long i = 0;
    for (; i + LANES <= columns; i += LANES) {
      __builtin_prefetch(gate_up + gate_up_later + i);
      __builtin_prefetch(up + gate_up_later + i);
      __builtin_prefetch(h + h_later + i, 1);
      gate_some(LANES, gate_up + i, up + i, h + i);
    }
    if (i < columns) gate_some(columns - i, gate_up + i, up + i, h + i);
  }
}

INLINE void gate_backward_some(long n, float *dh, float *gate, float *up) {
  vector g = load_some(gate, n), u = load_some(up, n), d = load_some(dh, n);
  vector s = sigmoid(g);
  store_some(d * u * s * (1 + g * (1 - s)), gate, n);
  store_some(d * g * s, up, n);
  store_some(g * u * s, dh, n);
}

INLINE void gate_backward(
    const int registers, long rows, long columns, float *dh, long dh_stride, float *gate_up,
    long stride) {
  const long dh_later = later(rows, columns, dh_stride), gate_up_later = later(rows, columns, stride);
  for (long row = 0; row < rows; row++, dh += dh_stride, gate_up += stride) {
    float *up = gate_up + columns;
    long i = 0;
    for (; i + LANES <= columns; i += LANES) {
      __builtin_prefetch(dh + dh_later + i, 1);
      __builtin_prefetch(gate_up + gate_up_later + i, 1);
      __builtin_prefetch(up + gate_up_later + i, 1);
      gate_backward_some(LANES, dh + i, gate_up + i, up + i);
    }
    if (i < columns) gate_backward_some(columns - i, dh + i, gate_up + i, up + i);
  }
}

INLINE void rotate_some(
    long n, float *low, float *high, const float *cosine, const float *sine, float sign) {
  vector a = load_some(low, n), b = load_some(high, n);
  vector c = load_some(cosine, n), s = sign * load_some(sine, n);
  store_some(a * c - b * s, low, n);
  store_some(b * c + a * s, high, n);
}

INLINE void rotate(
    const int registers, long rows, long columns, float *x, long stride, const float *cosines,
    const float *sines, long table_stride, long first, long period, long advance, float sign) {
  long position = first % period;
  for (long row = 0; row < rows; row++, x += stride) {
    const float *cosine = cosines + position * table_stride;
    const float *sine = sines + position * table_stride;
    float *high = x + columns;
    long i = 0;
    for (; i + LANES <= columns; i += LANES)
      rotate_some(LANES, x + i, high + i, cosine + i, sine + i, sign);
    if (i < columns) rotate_some(columns - i, x + i, high + i, cosine + i, sine + i, sign);
    position += advance;
    if (position == period) position = 0;
  }
}

INLINE void adamw_some(
    long n, const struct temper_adamw_step *step, const float *gradient, float *first,
    float *second, float *weights) {
  vector g = step->gradient_scale * load_some(gradient, n);
  vector m = step->beta1 * load_some(first, n) + (1 - step->beta1) * g;
  vector v = step->beta2 * load_some(second, n) + (1 - step->beta2) * g * g;
  vector w = step->kept * load_some(weights, n) -
      step->rate * m / (__builtin_elementwise_sqrt(v) * step->root + step->epsilon);
  store_some(m, first, n);
  store_some(v, second, n);
  store_some(w, weights, n);
}

INLINE void adamw(
    const int registers, const struct temper_adamw_step *step, const float *gradient,
    float *first, float *second, float *weights, long count) {
  const struct temper_adamw_step settings = *step;
  long i = 0;
  for (; i + LANES <= count; i += LANES)
    adamw_some(LANES, &settings, gradient + i, first + i, second + i, weights + i);
  if (i < count)
    adamw_some(count - i, &settings, gradient + i, first + i, second + i, weights + i);
}

EACH_PROCESSOR(
    float, temper_exponentials, exponentials,
    (const float *x, float shift, float *y, long count), x, shift, y, count)
EACH_PROCESSOR(
    float, temper_dot, dot, (const float *x, const float *y, long count), x, y, count)
EACH_PROCESSOR(
    void, temper_dots, dots,
    (long rows, long columns, float scale, const float *x, const float *w, long w_stride,
     float keep, float *y),
    rows, columns, scale, x, w, w_stride, keep, y)
EACH_PROCESSOR(
    float, temper_dot3, dot3, (const float *x, const float *y, const float *z, long count),
    x, y, z, count)
EACH_PROCESSOR(
    struct temper_softmax_sums, temper_softmax, softmax, (float *row, long count), row, count)
EACH_PROCESSOR(
    void, temper_softmax_rows, softmax_rows,
    (long rows, const struct temper_range *seen, float *row, long stride), rows, seen, row, stride)
EACH_PROCESSOR(
    void, temper_softmax_backward, softmax_backward, (const float *p, float *dp, long count),
    p, dp, count)
EACH_PROCESSOR(
    void, temper_rotate, rotate,
    (long rows, long columns, float *x, long stride, const float *cosines, const float *sines,
     long table_stride, long first, long period, long advance, float sign),
    rows, columns, x, stride, cosines, sines, table_stride, first, period, advance, sign)
EACH_PROCESSOR(
    void, temper_normalize, normalize,
    (long rows, long columns, float epsilon, const float *x, long x_stride, const float *gain,
     float *inverse, float *y, long y_stride),
    rows, columns, epsilon, x, x_stride, gain, inverse, y, y_stride)
EACH_PROCESSOR(
    void, temper_normalize_backward, normalize_backward,
    (long rows, long columns, const float *dy, long dy_stride, const float *x, long x_stride,
     const float *gain, const float *inverse, int adding, float *dx, long dx_stride,
     float *d_gain),
    rows, columns, dy, dy_stride, x, x_stride, gain, inverse, adding, dx, dx_stride, d_gain)
EACH_PROCESSOR(
    void, temper_gate, gate,
    (long rows, long columns, const float *gate_up, long stride, float *h, long h_stride),
    rows, columns, gate_up, stride, h, h_stride)
EACH_PROCESSOR(
    void, temper_gate_backward, gate_backward,
    (long rows, long columns, float *dh, long dh_stride, float *gate_up, long stride),
    rows, columns, dh, dh_stride, gate_up, stride)
EACH_PROCESSOR(
    void, temper_adamw, adamw,
    (const struct temper_adamw_step *step, const float *gradient, float *first, float *second,
     float *weights, long count),
    step, gradient, first, second, weights, count)
