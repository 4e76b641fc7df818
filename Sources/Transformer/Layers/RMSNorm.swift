/// Root-mean-square normalization with a learned gain, row by row.
///
/// Concretely, with n columns: y_i = g_i x_i r, where r = (1/n Σ_j x_j² + ε)^(-1/2).
///
/// Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019).
package enum RMSNorm {
  /// - Parameters:
  ///   - x: (rows, n).
  ///   - gain: g, n elements.
  ///   - inverse: receives r of each row; `backward` needs it.
  ///   - y: (rows, n), overwritten.
  package static func forward<Scalar: Real>(
    _ x: Matrix<Scalar>, gain: Row<Scalar>, epsilon: Scalar, inverse: Row<Scalar>,
    into y: Matrix<Scalar>
  ) {
    Probes.current?.enter(.normalization)
    defer { Probes.current?.leave() }
    let n = Scalar(x.columns)
    for row in 0..<x.rows {
      let (x, y) = (x[row], y[row])
      let r = 1 / (x.sumOfSquares / n + epsilon).squareRoot()
      inverse[row] = r
      for i in 0..<x.count { y[i] = gain[i] * (x[i] * r) }
    }
  }

  /// dr/dx_i = -r³ x_i / n, so with m = 1/n Σ_j dL/dy_j g_j x_j:
  ///
  ///     dL/dx_i = r (g_i dL/dy_i - r² m x_i)         dL/dg_i += Σ_rows dL/dy_i x_i r
  ///
  /// - Parameter dx: (rows, n): receives the gradient, or has it added when `adding`. It may be `dy` itself when not.
  package static func backward<Scalar: Real>(
    gradient dy: Matrix<Scalar>, x: Matrix<Scalar>, gain: Row<Scalar>, inverse: Row<Scalar>,
    into dx: Matrix<Scalar>, adding: Bool, addingToGain dGain: Row<Scalar>
  ) {
    Probes.current?.enter(.normalization)
    defer { Probes.current?.leave() }
    let n = Scalar(x.columns)
    for row in 0..<x.rows {
      let (x, dy, dx, r) = (x[row], dy[row], dx[row], inverse[row])
      let c = dy.dot(gain, x) / n * r * r
      for i in 0..<x.count { dGain[i] += dy[i] * (x[i] * r) }
      if adding {
        for i in 0..<x.count { dx[i] += r * (gain[i] * dy[i] - c * x[i]) }
      } else {
        for i in 0..<x.count { dx[i] = r * (gain[i] * dy[i] - c * x[i]) }
      }
    }
  }
}
