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

#endif
