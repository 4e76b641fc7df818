#ifndef CKERNELS_H
#define CKERNELS_H

/// Lays a matrix out for `temper_multiply_packed`.
///
/// Sixteen rows of w, the columns of a product with its transpose, make a panel: first their first elements, then their second ones, and so
/// on, so that a product reads them in the order of memory. What is missing from the last panel is zero.
///
/// `w` has `columns` rows of `inner` floats, each starting `w_stride` floats after the last; `packed` has room for `inner` times as many
/// as `columns` rounded up to a multiple of 16.
void temper_pack(long columns, long inner, const float *w, long w_stride, float *packed);

/// The same as bfloat16, the upper halves of floats, in words of two: a column of a panel and the same one of the next. `packed` has room for
/// `inner` times as many as `columns` rounded up to a multiple of 32. The result is 0 if one of the elements is not a bfloat16 (`packed` is then of no
/// use) and 1 otherwise.
int temper_pack_bfloat16(
    long columns, long inner, const float *w, long w_stride, unsigned short *packed);

/// Memory that is read soon: `count` stretches of so many bytes.
struct temper_stretch {
  const char *first;
  long bytes;
};
struct temper_wanted {
  struct temper_stretch *next;
  long count;
};

/// y[r][c] = x[r] . w[c] + keep * y[r][c] for r in 0..<rows, c in 0..<columns, where w is packed.
///
/// Every product of two rows adds up in the same order, however many rows there are: a text that is generated beside
/// others gets the logits that it gets alone, to the last bit. BLAS promises no such thing.
///
/// x has `rows` rows of `inner` floats; each row of x and y starts `stride` floats after the last. `wanted` may be null: of it a bit at a time is
/// brought near while the product computes, and taken out.
void temper_multiply_packed(
    long rows, long columns, long inner,
    const float *x, long x_stride,
    const float *w,
    float keep, float *y, long y_stride,
    struct temper_wanted *wanted);

/// The same for bfloat16: half as much to read from memory, and to the last bit what the floats give.
void temper_multiply_packed_bfloat16(
    long rows, long columns, long inner,
    const float *x, long x_stride,
    const unsigned short *w,
    float keep, float *y, long y_stride,
    struct temper_wanted *wanted);

/// Lays a matrix out for `temper_multiply_packed_pairs`: rounded to bfloat16, in panels of sixteen rows of w, as words with one step of a row in the
/// lower half and the next one in the upper. `packed` has room for half of `inner`, rounded up, times as many as `columns` rounded up
/// to a multiple of 16.
void temper_pack_pairs(
    long columns, long inner, const float *w, long w_stride, unsigned *packed);

/// As `temper_multiply_packed`, with x rounded to bfloat16, too, in rows of words as below: on a processor with instructions for that (AVX512-BF16)
/// twice as fast.
///
/// Products of two bfloat16 are exact in float, and so the same words give the same sums, to the last bit, on every processor; but for sums
/// so small that they are no normal floats.
void temper_multiply_packed_pairs(
    long rows, long columns, long inner,
    const float *x, long x_stride,
    const unsigned *w,
    float keep, float *y, long y_stride,
    struct temper_wanted *wanted);

/// Rows from one up to another: those that a query sees, itself last.
struct temper_range {
  long lower, upper;
};

// Rows that are rounded to bfloat16, in words of two, which are handed over as floats, which they are not: an element in the lower half of a
// word and the next one in the upper half. A row takes half as many words as it has elements, rounded up to a multiple of 16; what it lacks of
// these is zero.

/// `temper_normalize`, rounded.
void temper_normalize_rounded(
    long rows, long columns, float epsilon, const float *x, long x_stride, const float *gain,
    float *words, long stride);

/// `temper_gate`, rounded.
void temper_gate_rounded(
    long rows, long columns, const float *gate_up, long gate_up_stride, float *words, long stride);

// Attention with queries and keys in such rows, and with values two rows at a time, which take as many words as one row has elements, rounded up to a
// multiple of 16: an element of an even row in the lower half of a word, and that of the next row in the upper half. What a query sees begins
// at an even row.

/// Turns the queries and keys of some characters to their places and rounds them and their values. The keys and values become the last of the rows
/// that each character sees; beside the value of an even row comes zero.
///
/// A row of qkv has `head` elements each for query, key and value. Those of character i are in row which[i], or i where `which` is null. The
/// first row that it sees is at position 0, which takes row 0 of the cosines and sines; see `temper_rotate`. `turned` is room for `head` floats.
void temper_keep_rounded(
    long rows, long head, const float *qkv, long stride, const long *which,
    const struct temper_range *seen, const float *cosines, const float *sines, long table_stride,
    float *turned, float *q, long q_stride, float *k, long k_stride, float *v, long v_stride);

/// y[i][j] = scale q[i] . k[j] over what query i sees.
void temper_scores_of_rounded(
    long rows, long head, float scale, const float *q, long q_stride,
    const struct temper_range *seen, const float *k, long k_stride, float *y, long y_stride);

/// The sum of x[i][j] v[j] over what query i sees, with x rounded, and the sum, too.
void temper_sums_of_rounded(
    long rows, long head, const float *x, long x_stride, const struct temper_range *seen,
    const float *v, long v_stride, float *words, long stride);

/// What a causal mask leaves of a product, by row: all of it; for row r results up to column r + shift; or steps of the sum up to, or from,
/// step r + shift, because the row's others are zero.
enum temper_reach { TEMPER_WHOLE, TEMPER_COLUMNS_UP_TO, TEMPER_STEPS_UP_TO, TEMPER_STEPS_FROM };

/// y = scale x w + keep y, where x is rows x inner, or inner x rows and read as its transpose when `x_transposed`, and w is inner x columns,
/// or columns x inner when `w_transposed`; `reach` and `shift` say what of it may be left out.
///
/// Each stored row starts `stride` floats after the last; there are one row and one step of `inner` at least. BLAS lays out both factors
/// anew and clears the result first; at the widths of small models that takes a tenth of its time. Here x is read where it is stored, and w,
/// too, unless it is transposed or its columns don't fill panels of sixteen; it is then laid out piece by piece, in 768 KB that each thread
/// has. Each sum adds up its products in an order that depends on `inner` alone.
void temper_multiply(
    long rows, long columns, long inner, float scale,
    const float *x, long x_stride, int x_transposed,
    const float *w, long w_stride, int w_transposed,
    enum temper_reach reach, long shift,
    float keep, float *y, long y_stride);

/// Whether `temper_multiply` is faster than BLAS on the processor at hand: one with AVX2, or AVX-512.
int temper_multiply_pays(void);

/// Tells the processor that this thread is waiting for another in a loop.
static inline void temper_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// y[i] = exp(x[i] - shift) for i in 0..<count, and their sum; x and y may be the same memory.
float temper_exponentials(const float *x, float shift, float *y, long count);

/// The largest of a row, and the sum of exp(x - maximum).
struct temper_softmax_sums {
  float maximum, sum;
};

/// Replaces a row by its softmax. A row with NaN or infinity in it, or of -infinity alone, becomes NaN; so does the sum.
struct temper_softmax_sums temper_softmax(float *row, long count);

/// Replaces as much of each row, `stride` apart, as a query sees; as `temper_softmax` each to the last bit.
void temper_softmax_rows(long rows, const struct temper_range *seen, float *row, long stride);

/// y[i] = x[i] for i in 0..<count, and the largest of them: NaN if there is one among them.
float temper_widen(const float *x, double *y, long count);

/// The sum of the weights w = exp((z - maximum) / temperature), and that of w ln w.
struct temper_tempered_sums {
  double sum, weighted;
};

/// weights[i] = exp((logits[i] - maximum) / temperature), 0 where the exponent is below -708, for `count` logits of at most `maximum`.
struct temper_tempered_sums temper_tempered(
    const double *logits, double maximum, double temperature, double *weights, long count);

/// The sums at temperature 1, and those at another.
struct temper_two_tempered_sums {
  struct temper_tempered_sums own, tempered;
};

/// The same, and the sums at temperature 1 as well, in less time than one after the other.
struct temper_two_tempered_sums temper_tempered_twice(
    const double *logits, double maximum, double temperature, double *weights, long count);

/// u[i] = (w + 0.5) / 2^32 for i in 0..<count, with w the word i % 4 of Philox4x32-10 at the counter (lower half of `index`, upper half, i / 4, 0);
/// see CounterGenerator.
void temper_uniforms(unsigned long key, unsigned long index, long count, double *u);

/// The smallest of some times, where it is, and the smallest of all others.
struct temper_race {
  long winner;
  double time, next;
};

/// The race of the times (1 - u[i]) / weights[i], won by the first where several are the smallest.
struct temper_race temper_soonest(const double *u, const double *weights, long count);

/// The first i from `from` on with 1 - u[i] <= limit weights[i], or `count`.
long temper_next_within(
    const double *u, const double *weights, double limit, long from, long count);

/// dp[i] = p[i] (dp[i] - sum of p[j] dp[j]).
void temper_softmax_backward(const float *p, float *dp, long count);

/// (a, b) = (a cos - b sign sin, b cos + a sign sin), with a in the first `columns` of each row of x and b in the next; row r takes row
/// (first + r advance) modulo `period` of the cosines and sines; `advance` is 0 or 1.
void temper_rotate(
    long rows, long columns, float *x, long stride, const float *cosines, const float *sines,
    long table_stride, long first, long period, long advance, float sign);

/// The sum of x[i] y[i] over 0..<count.
float temper_dot(const float *x, const float *y, long count);

/// y[r] = scale x . w[r] + keep y[r], with x and each row of w of `columns` floats.
void temper_dots(
    long rows, long columns, float scale, const float *x, const float *w, long w_stride,
    float keep, float *y);

/// The sum of x[i] y[i] z[i] over 0..<count.
float temper_dot3(const float *x, const float *y, const float *z, long count);

/// Root-mean-square normalization: y[r][c] = gain[c] x[r][c] inverse[r] with inverse[r] = 1 / sqrt(mean of x[r]^2 + epsilon), which is
/// written, too. Each row of x and y starts `stride` floats after the last.
void temper_normalize(
    long rows, long columns, float epsilon, const float *x, long x_stride, const float *gain,
    float *inverse, float *y, long y_stride);

/// With dy the gradient by y: d_gain[c] += the sum of dy[r][c] x[r][c] inverse[r], and dx receives the gradient by x, or has it added
/// when `adding`. dx may be dy.
void temper_normalize_backward(
    long rows, long columns, const float *dy, long dy_stride, const float *x, long x_stride,
    const float *gain, const float *inverse, int adding, float *dx, long dx_stride,
    float *d_gain);

/// The gate of SwiGLU: h = g sigmoid(g) u, with g in the first `columns` of gate_up and u in the next.
void temper_gate(
    long rows, long columns, const float *gate_up, long stride, float *h, long h_stride);

/// With dh the gradient by h: replaces g and u by the gradients by them, and dh by h.
void temper_gate_backward(
    long rows, long columns, float *dh, long dh_stride, float *gate_up, long stride);

/// Where a mask of dropout comes from: the generator's key, and the counter beside the column.
struct temper_dropout {
  unsigned long key;
  /// The position of the first row in the whole batch.
  unsigned first_row, site, step;
  /// An element is dropped where its 16 random bits are below this, and multiplied by `kept` where not.
  int threshold;
  float kept;
};

/// Multiplies x by a mask; see Dropout. Eight columns share a counter and have 16 of its 128 bits each.
void temper_drop(
    long rows, long columns, float *x, long stride, const struct temper_dropout *mask);

/// What a step of Adam with decoupled weight decay is made of, beside the gradient.
struct temper_adamw_step {
  /// Shares of the moments that are kept.
  float beta1, beta2;
  /// What the gradient is multiplied by, and what the weights are.
  float gradient_scale, kept;
  /// The rate with the first moment's correction in it, the square root of the second moment's, and what keeps the divisor from zero.
  float rate, root, epsilon;
};

/// first = beta1 first + (1 - beta1) g, second = beta2 second + (1 - beta2) g^2, and
/// weights = kept weights - rate first / (sqrt(second) root + epsilon), with g = gradient_scale gradient, for `count` of each.
void temper_adamw(
    const struct temper_adamw_step *step, const float *gradient, float *first, float *second,
    float *weights, long count);

#endif
