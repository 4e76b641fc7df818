// Rows of words of two bfloat16, and what they are for: products with one row at a time. Included once for processors with instructions for that
// and once for those without, with these defined:
//
//   words_of(low, high)   sixteen floats and the sixteen after them as sixteen words, the even ones below the odd ones
//   first(x, count)       the first of sixteen floats, the others zero
//   halves_of(v)          sixteen floats, each in the lower half of a word
//   DOT(sums, u, w)       sixteen sums and the products of the halves of sixteen words, the upper ones added before the lower ones
//
// What a row does not have is zero.

/// How many words a rounded row takes.
INLINE long words_in(long count) { return (count + 2 * LANES - 1) / (2 * LANES) * LANES; }

/// The first 32 floats of a row, or as many as there are.
INLINE vector words_from(const float *x, long count) {
  return words_of(first(x, count), first(x + LANES, count - LANES));
}

INLINE void round_half_row(long count, const float *x, int is_upper, float *words) {
  for (; count > 0; count -= LANES, x += LANES, words += LANES) {
    integers halves = halves_of(first(x, count));
    if (is_upper) halves = (halves << 16) | (as_integers(load(words)) & 0xFFFF);
    store(as_floats(halves), words);
  }
}

// What layers hand over to products.

INLINE void normalize_into_words(
    const int registers, long rows, long columns, float epsilon, const float *x, long x_stride,
    const float *gain, float *words, long stride) {
  float inverse[ROWS_OF_ROOTS];
  for (long row = 0; row < rows; row++, x += x_stride, words += stride) {
    long at = row % ROWS_OF_ROOTS;
    if (at == 0)
      inverse_roots(least(rows - row, ROWS_OF_ROOTS), columns, epsilon, x, x_stride, inverse);
    for (long i = 0; i < columns; i += 2 * LANES) {
      long n = columns - i, m = n - LANES;
      vector low = normalized(first(x + i, n), inverse[at], first(gain + i, n));
      vector high = normalized(
          first(x + i + LANES, m), inverse[at], first(gain + i + LANES, m));
      store(words_of(low, high), words + i / 2);
    }
  }
}

INLINE void gate_into_words(
    const int registers, long rows, long columns, const float *gate_up, long gate_up_stride,
    float *words, long stride) {
  for (long row = 0; row < rows; row++, gate_up += gate_up_stride, words += stride) {
    const float *up = gate_up + columns;
    for (long i = 0; i < columns; i += 2 * LANES) {
      long n = columns - i, m = n - LANES;
      vector low = gated(first(gate_up + i, n), first(up + i, n));
      vector high = gated(first(gate_up + i + LANES, m), first(up + i + LANES, m));
      store(words_of(low, high), words + i / 2);
    }
  }
}

/// The products of a row with each of `ROWS` rows of w, a constant once this is inlined, which share what is read of x.
INLINE void products_of_words(
    const long ROWS, long words, const float *x, const float *w, long w_stride, vector *sums) {
  UNROLL for (long r = 0; r < ROWS; r++) sums[r] = every(0);
  for (long i = 0; i < words; i += LANES) {
    vector u = load(x + i);
    UNROLL for (long r = 0; r < ROWS; r++) sums[r] = DOT(sums[r], u, load(w + r * w_stride + i));
  }
}

INLINE void dots_of_words(
    long rows, long words, float scale, const float *x, const float *w, long w_stride, float *y) {
  vector sums[4];
  for (; rows >= 4; rows -= 4, w += 4 * w_stride, y += 4) {
    products_of_words(4, words, x, w, w_stride, sums);
    quarter_vector four = scale * four_sums(sums[0], sums[1], sums[2], sums[3]);
    __builtin_memcpy(y, &four, sizeof four);
  }
  for (; rows > 0; rows--, w += w_stride, y++) {
    products_of_words(1, words, x, w, w_stride, sums);
    *y = scale * sum(sums[0]);
  }
}

/// The sum of rows of which each has its share, a float that is rounded: `VECTORS` vectors of it, a constant once this is inlined. Words of w have an
/// element of a row below that of the next; those of the sum, which is rounded, an element below the next one.
INLINE void sum_vectors_of_words(
    const long VECTORS, long count, const float *x, const float *w, long w_stride, float *words) {
  vector sums[8];
  UNROLL for (long v = 0; v < VECTORS; v++) sums[v] = every(0);
  for (; count > 0; count -= 2 * LANES, x += 2 * LANES) {
    float shares[LANES] __attribute__((aligned(64)));
    store(words_from(x, count), shares);
    long pairs = least((count + 1) / 2, LANES);
    for (long i = 0; i < pairs; i++, w += w_stride) {
      vector share = every(shares[i]);
      UNROLL for (long v = 0; v < VECTORS; v++)
        sums[v] = DOT(sums[v], share, load(w + v * LANES));
    }
  }
  UNROLL for (long v = 0; v < VECTORS; v += 2)
    store(words_of(sums[v], v + 1 < VECTORS ? sums[v + 1] : every(0)), words + v * LANES / 2);
}

/// The same for whole rows, as many vectors of them at a time as there are registers for.
INLINE void sum_rows_of_words(
    const int registers, long columns, long count, const float *x, const float *w, long w_stride,
    float *words) {
  UNROLL for (long n = registers / 4; n > 0; n /= 2)
    for (; columns > (n - 1) * LANES; columns -= n * LANES, w += n * LANES, words += n * LANES / 2)
      sum_vectors_of_words(n, count, x, w, w_stride, words);
}

/// Turns a row's pairs of elements, half a row apart, and rounds it. `turned` is room for a row, if it is one whose halves are no whole vectors of words.
INLINE void turn_into_words(
    long head, const float *x, const float *cosine, const float *sine, float *turned,
    float *words) {
  long half = head / 2;
  const float *high = x + half;
  if (half % (2 * LANES) == 0) {
    for (long i = 0; i < half; i += 2 * LANES) {
      vector low_turned[2], high_turned[2];
      UNROLL for (long v = 0; v < 2; v++) {
        long at = i + v * LANES;
        vector a = load(x + at), b = load(high + at), c = load(cosine + at), s = load(sine + at);
        low_turned[v] = a * c - b * s;
        high_turned[v] = b * c + a * s;
      }
      store(words_of(low_turned[0], low_turned[1]), words + i / 2);
      store(words_of(high_turned[0], high_turned[1]), words + (half + i) / 2);
    }
    return;
  }
  for (long i = 0; i < half; i += LANES) {
    long n = half - i;
    vector a = first(x + i, n), b = first(high + i, n);
    vector c = first(cosine + i, n), s = first(sine + i, n);
    store_some(a * c - b * s, turned + i, n);
    store_some(b * c + a * s, turned + half + i, n);
  }
  for (long i = 0; i < head; i += 2 * LANES) store(words_from(turned + i, head - i), words + i / 2);
}

// Attention's steps, each for some characters; see CKernels.h.

INLINE void keep_rows(
    const int registers, long rows, long head, const float *qkv, long stride, const long *which,
    const struct temper_range *seen, const float *cosines, const float *sines, long table_stride,
    float *turned, float *q, long q_stride, float *k, long k_stride, float *v, long v_stride) {
  for (long i = 0; i < rows; i++, q += q_stride) {
    const float *query = qkv + (which ? which[i] : i) * stride, *key = query + head;
    long place = seen[i].upper - 1, position = place - seen[i].lower;
    const float *cosine = cosines + position * table_stride;
    const float *sine = sines + position * table_stride;
    turn_into_words(head, query, cosine, sine, turned, q);
    turn_into_words(head, key, cosine, sine, turned, k + place * k_stride);
    round_half_row(head, key + head, place % 2, v + place / 2 * v_stride);
  }
}

INLINE void score_rows(
    const int registers, long rows, long head, float scale, const float *q, long q_stride,
    const struct temper_range *seen, const float *k, long k_stride, float *y, long y_stride) {
  for (long i = 0; i < rows; i++, q += q_stride, y += y_stride)
    dots_of_words(
        seen[i].upper - seen[i].lower, words_in(head), scale, q, k + seen[i].lower * k_stride,
        k_stride, y);
}

INLINE void sum_each_row(
    const int registers, long rows, long head, const float *x, long x_stride,
    const struct temper_range *seen, const float *v, long v_stride, float *words, long stride) {
  for (long i = 0; i < rows; i++, x += x_stride, words += stride)
    sum_rows_of_words(
        registers, head, seen[i].upper - seen[i].lower, x, v + seen[i].lower / 2 * v_stride,
        v_stride, words);
}
