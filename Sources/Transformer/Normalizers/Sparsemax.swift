/// The Euclidean projection onto the simplex: the probabilities that are nearest to the scores.
///
/// Concretely, p_i = [z_i - τ]₊ with the one τ that makes Σ p = 1. To see why: minimising ½ |p - z|² over p >= 0 with Σ p = 1 has
/// the stationarity condition p_i - z_i + τ - μ_i = 0 with μ_i >= 0 and μ_i p_i = 0. Where p_i > 0, p_i = z_i - τ;
/// elsewhere z_i <= τ.
///
/// On the support S = {i : p_i > 0} the sum is Σ_S z - |S| τ = 1, so τ = (Σ_S z - 1) / |S|. Only S has to be found. With the largest score
/// moved to 0, no p exceeds 1, so τ lies in [-1, 0) and S in {z > -1}. Starting from any superset of S, the formula gives a τ that is too
/// small or right; scores at or below it are not in S, and leave. After at most as many rounds as there are scores none leaves,
/// and τ is exact (Michelot, 1986). No sorting, no memory.
///
/// **Derivative.** On S, dp_i = dz_i - dτ and dτ = (1/|S|) Σ_S dz, elsewhere dp = 0. So the Jacobian is diag(s) - s sᵀ / |S|, where s is 1 on
/// S and 0 elsewhere. It is symmetric and its rows sum to zero. Where a score meets τ the map has a kink; there this
/// is the derivative from the side on which the score has no share.
///
/// Source: Martins and Astudillo, "From Softmax to Sparsemax" (2016).
public enum Sparsemax {
  /// Replaces a row of scores by its sparsemax.
  ///
  /// Edge Cases: as for `Normalizer`.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public static func apply<Scalar: Real>(_ row: Row<Scalar>) {
    guard row.count > 0 else { return }
    let maximum = row.maximum
    guard maximum.isFinite else { return row.fill(.nan) }
    for i in 0..<row.count { row[i] -= maximum }
    let threshold = threshold(row)
    for i in 0..<row.count { row[i] = max(row[i] - threshold, 0) }
  }

  /// τ for scores of which the largest is 0.
  private static func threshold<Scalar: Real>(_ row: Row<Scalar>) -> Scalar {
    var threshold: Scalar = -1
    var support = 0
    while true {
      var (sum, count): (Scalar, Int) = (0, 0)
      for i in 0..<row.count where row[i] > threshold {
        sum += row[i]
        count += 1
      }
      // Rounding may lift the threshold to the last scores left; then the one before was right.
      guard count > 0, count != support else { return threshold }
      support = count
      threshold = (sum - 1) / Scalar(count)
    }
  }

  /// The derivative of a loss by the scores, from that by the probabilities; it replaces the latter.
  ///
  /// dL/dz_i = dL/dp_i - (1/|S|) Σ_S dL/dp on the support, else 0.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  package static func backward<Scalar: Real>(probabilities p: Row<Scalar>, gradient dp: Row<Scalar>)
  {
    var (sum, count): (Scalar, Int) = (0, 0)
    for i in 0..<p.count where p[i] > 0 {
      sum += dp[i]
      count += 1
    }
    let mean = sum / Scalar(max(count, 1))
    for i in 0..<p.count { dp[i] = p[i] > 0 ? dp[i] - mean : 0 }
  }
}
