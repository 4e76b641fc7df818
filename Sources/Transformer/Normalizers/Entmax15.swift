/// 1.5-entmax, half-way between softmax and sparsemax: sparse like the one, smooth like the other.
///
/// Concretely, p_i = [z_i / 2 - τ]₊² with the one τ that makes Σ p = 1. It maximises p · z + H(p) over distributions, with the Tsallis entropy
/// H(p) = (4/3) Σ (p_i - p_i^1.5): where p_i > 0, stationarity says z_i - 2 √p_i = constant = 2τ.
///
/// With x = z / 2 and the largest x moved to 0, f(τ) = Σ [x_i - τ]₊² - 1 is convex, falls, and changes its sign in [-1, 0): f(-1) >= 0
/// because the largest alone gives 1. Newton's steps τ + f(τ) / (2 Σ [x_i - τ]₊) from -1 never overshoot, because a tangent lies below a convex
/// function; once τ has passed every score without a share, f is one parabola and they converge quadratically. They
/// end where rounding lets τ rise no further: a handful of rounds, no sorting, no memory.
///
/// **Derivative.** With s_i = √p_i = [x_i - τ]₊: dp_i = 2 s_i (dz_i / 2 - dτ) = s_i (dz_i - 2 dτ), and Σ dp = 0 makes 2 dτ =
/// Σ s dz / Σ s. So the Jacobian is diag(s) - s sᵀ / Σ s: symmetric, rows that sum to zero, and continuous, because s is.
///
/// Source: Peters, Niculae and Martins, "Sparse Sequence-to-Sequence Models" (2019).
public enum Entmax15 {
  /// Newton's steps are far fewer; the bound is for rows so long that rounding alone moves the threshold.
  private static let rounds = 64

  /// Replaces a row of scores by its 1.5-entmax.
  ///
  /// Edge Cases: as for `Normalizer`.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public static func apply<Scalar: Real>(_ row: Row<Scalar>) {
    guard row.count > 0 else { return }
    let maximum = row.maximum
    guard maximum.isFinite else { return row.fill(.nan) }
    for i in 0..<row.count { row[i] = (row[i] - maximum) / 2 }
    let threshold = threshold(row)
    for i in 0..<row.count {
      let root = max(row[i] - threshold, 0)
      row[i] = root * root
    }
  }

  /// τ for halved scores of which the largest is 0.
  private static func threshold<Scalar: Real>(_ row: Row<Scalar>) -> Scalar {
    var threshold: Scalar = -1
    for _ in 0..<rounds {
      var (sum, squares): (Scalar, Scalar) = (0, 0)
      for i in 0..<row.count where row[i] > threshold {
        let root = row[i] - threshold
        sum += root
        squares += root * root
      }
      guard sum > 0 else { return threshold }
      let next = threshold + (squares - 1) / (2 * sum)
      guard next > threshold else { return threshold }
      threshold = next
    }
    return threshold
  }

  /// The derivative of a loss by the scores, from that by the probabilities; it replaces the latter.
  ///
  /// dL/dz_i = s_i (dL/dp_i - Σ_j s_j dL/dp_j / Σ_j s_j) with s = √p.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  package static func backward<Scalar: Real>(probabilities p: Row<Scalar>, gradient dp: Row<Scalar>)
  {
    var (sum, weighted): (Scalar, Scalar) = (0, 0)
    for i in 0..<p.count where p[i] > 0 {
      let root = p[i].squareRoot()
      sum += root
      weighted += root * dp[i]
    }
    let mean = sum > 0 ? weighted / sum : 0
    for i in 0..<p.count { dp[i] = p[i] > 0 ? p[i].squareRoot() * (dp[i] - mean) : 0 }
  }
}
