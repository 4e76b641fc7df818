// Rows of words of two bfloat16, and what they are for: products with one row at a time. Included once for processors with instructions for that
// and once for those without, with these defined:
//
//   words_of(x, count)    the first 32 floats of a row as sixteen words, the even ones below the odd ones
//   halves_of(x, count)   the first sixteen, each in the lower half of a word
//   DOT(sums, u, w)       sixteen sums and the products of the halves of sixteen words, the upper ones added before the lower ones
//
// What a row does not have is zero.

INLINE void round_row(long count, const float *x, float *words) {
  for (; count >= 2 * LANES; count -= 2 * LANES, x += 2 * LANES, words += LANES)
    store(words_of(x, 2 * LANES), words);
  if (count > 0) store(words_of(x, count), words);
}

INLINE void round_half_some(long n, const float *x, int is_upper, float *words) {
  integers halves = halves_of(x, n);
  if (is_upper) halves = (halves << 16) | (as_integers(load(words)) & 0xFFFF);
  store(as_floats(halves), words);
}

INLINE void round_half_row(long count, const float *x, int is_upper, float *words) {
  for (; count >= LANES; count -= LANES, x += LANES, words += LANES)
    round_half_some(LANES, x, is_upper, words);
  if (count > 0) round_half_some(count, x, is_upper, words);
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

/// The sum of rows of which each has its share, a float that is rounded: `VECTORS` vectors of it, a constant once this is inlined. Words have an element
/// of a row below that of the next.
INLINE void sum_vectors_of_words(
    const long VECTORS, long columns, long count, const float *x, const float *w, long w_stride,
    float *y) {
  vector sums[8];
  UNROLL for (long v = 0; v < VECTORS; v++) sums[v] = every(0);
  for (; count > 0; count -= 2 * LANES, x += 2 * LANES) {
    float shares[LANES] __attribute__((aligned(64)));
    store(words_of(x, least(count, 2 * LANES)), shares);
    long pairs = least((count + 1) / 2, LANES);
    for (long i = 0; i < pairs; i++, w += w_stride) {
      vector share = every(shares[i]);
      UNROLL for (long v = 0; v < VECTORS; v++)
        sums[v] = DOT(sums[v], share, load(w + v * LANES));
    }
  }
  UNROLL for (long v = 0; v < VECTORS; v++)
    store_some(sums[v], y + v * LANES, columns - v * LANES);
}

/// The same for whole rows, as many vectors of them at a time as there are registers for.
INLINE void sum_rows_of_words(
    const int registers, long columns, long count, const float *x, const float *w, long w_stride,
    float *y) {
  UNROLL for (long n = registers / 4; n > 0; n /= 2)
    for (; columns > (n - 1) * LANES; columns -= n * LANES, w += n * LANES, y += n * LANES)
      sum_vectors_of_words(n, columns, count, x, w, w_stride, y);
}

// Attention's steps, each for some characters; see CKernels.h.

INLINE void keep_rows(
    const int registers, long rows, long head, const float *keys, const float *values, long stride,
    const struct temper_range *seen, float *k, long k_stride, float *v, long v_stride) {
  for (long i = 0; i < rows; i++, keys += stride, values += stride) {
    long place = seen[i].upper - 1;
    round_row(head, keys, k + place * k_stride);
    round_half_row(head, values, place % 2, v + place / 2 * v_stride);
  }
}

INLINE void score_rows(
    const int registers, long rows, long head, float scale, const float *x, long x_stride,
    const struct temper_range *seen, const float *k, long k_stride, float *rounded, float *y,
    long y_stride) {
  long words = (head + 2 * LANES - 1) / (2 * LANES) * LANES;
  for (long i = 0; i < rows; i++, x += x_stride, y += y_stride) {
    round_row(head, x, rounded);
    dots_of_words(
        seen[i].upper - seen[i].lower, words, scale, rounded, k + seen[i].lower * k_stride,
        k_stride, y);
  }
}

INLINE void sum_each_row(
    const int registers, long rows, long head, const float *x, long x_stride,
    const struct temper_range *seen, const float *v, long v_stride, float *y, long y_stride) {
  for (long i = 0; i < rows; i++, x += x_stride, y += y_stride)
    sum_rows_of_words(
        registers, head, seen[i].upper - seen[i].lower, x, v + seen[i].lower / 2 * v_stride,
        v_stride, y);
}
