#ifndef CKERNELS_H
#define CKERNELS_H

/// y[r][c] = x[r] . w[c] + keep * y[r][c] for r in 0..<rows, c in 0..<columns: a few rows times the transpose of a matrix.
///
/// Every product of two rows adds up in the same order, however many rows there are: a text that is generated beside
/// others gets the logits that it gets alone, to the last bit. BLAS promises no such thing.
///
/// x has `rows` rows of `inner` floats, w has `columns` of them; each row of x, w and y starts `stride` floats after the last.
void temper_multiply_each_row(
    long rows, long columns, long inner,
    const float *x, long x_stride,
    const float *w, long w_stride,
    float keep, float *y, long y_stride);

/// The same for a matrix of bfloat16, the upper halves of floats: half as much to read from memory, and to the last bit what the
/// floats give.
void temper_multiply_each_row_bfloat16(
    long rows, long columns, long inner,
    const float *x, long x_stride,
    const unsigned short *w, long w_stride,
    float keep, float *y, long y_stride);

/// y[i] = exp(x[i] - shift) for i in 0..<count, and their sum; x and y may be the same memory.
float temper_exponentials(const float *x, float shift, float *y, long count);

/// y[i] = 1 / (1 + exp(-x[i])) for i in 0..<count; x and y may be the same memory.
void temper_sigmoids(const float *x, float *y, long count);

/// The sum of x[i] y[i] over 0..<count.
float temper_dot(const float *x, const float *y, long count);

/// The sum of x[i] y[i] z[i] over 0..<count.
float temper_dot3(const float *x, const float *y, const float *z, long count);

#endif
