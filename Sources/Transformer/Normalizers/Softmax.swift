/// The softmax p_i = exp(z_i) / Σ_j exp(z_j), its logarithm and its derivative.
///
/// Stable by construction: the maximum is subtracted before any exponential, so none exceeds 1 and one of them is 1. Nothing can
/// overflow, and the sum cannot be zero.
public enum Softmax {
  /// Replaces a row of logits by its softmax.
  ///
  /// Edge Cases: a logit of -inf has probability 0. A NaN anywhere, a logit of +inf, or a row of -inf alone makes the row NaN.
  @specialized(where Scalar == Float)
  public static func apply<Scalar: Real>(_ row: Row<Scalar>) {
    guard row.count > 0 else { return }
    _ = Scalar.softmax(row)
  }

  /// ln Σ_j exp(z_j), the logarithm of the softmax's denominator.
  ///
  /// The row is overwritten by its softmax on the way.
  @specialized(where Scalar == Float)
  public static func logSumExp<Scalar: Real>(replacingBySoftmax row: Row<Scalar>) -> Scalar {
    let (maximum, sum) = Scalar.softmax(row)
    return maximum + Scalar.logarithm(sum)
  }

  /// The derivative of a loss by the logits, from that by the probabilities; it replaces the latter.
  ///
  /// dp_i/dz_j = p_i (δ_ij - p_j), so dL/dz_i = p_i (dL/dp_i - Σ_j p_j dL/dp_j).
  package static func backward<Scalar: Real>(probabilities p: Row<Scalar>, gradient dp: Row<Scalar>)
  {
    Scalar.softmaxBackward(probabilities: p, gradient: dp)
  }
}

extension Real {
  public static func softmax(_ row: Row<Self>) -> (maximum: Self, sum: Self) {
    let maximum = row.maximum
    let sum = row.exponentiate(minus: maximum)
    row.multiply(by: 1 / sum)
    return (maximum, sum)
  }

  public static func softmax(_ rows: Matrix<Self>, seen: [Range<Int>]) {
    for (row, seen) in seen.enumerated() { _ = softmax(rows[row][0..<seen.count]) }
  }

  public static func softmaxBackward(probabilities p: Row<Self>, gradient dp: Row<Self>) {
    let mean = p.dot(dp)
    for i in 0..<p.count { dp[i] = p[i] * (dp[i] - mean) }
  }
}
