// Rows of words of two bfloat16, and what they are for: products with one row at a time. Included once for processors with instructions for that
// and once for those without, with these defined:
//
//   words_of(x, count)    the first 32 floats of a row as sixteen words, the even ones below the odd ones
//   halves_of(x, count)   the first sixteen, each in the lower half of a word
//   DOT(sums, u, w)       sixteen sums and the products of the halves of sixteen words, the upper ones added before the lower ones
//
// What a row does not have is zero.

INLINE void round_row(long count, const float *x, float *words) {
  for (long i = 0; i < count; i += 2 * LANES) store(words_of(x + i, count - i), words + i / 2);
}

INLINE void round_half_row(long count, const float *x, int is_upper, float *words) {
  for (long i = 0; i < count; i += LANES) {
    integers halves = halves_of(x + i, count - i);
    if (is_upper) halves = (halves << 16) | (as_integers(load(words + i)) & 0xFFFF);
    store(as_floats(halves), words + i);
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
