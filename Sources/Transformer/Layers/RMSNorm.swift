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
  ///   - y: (rows, n), overwritten. It may be `x` itself.
  package static func forward<Scalar: Real>(
    _ x: Matrix<Scalar>, gain: Row<Scalar>, epsilon: Scalar, inverse: Row<Scalar>,
    into y: Matrix<Scalar>
  ) {
    Probes.current?.enter(.normalization)
    defer { Probes.current?.leave() }
    Scalar.normalize(x, gain: gain, epsilon: epsilon, inverse: inverse, into: y)
  }

  /// The same for rows that a packed matrix is multiplied by, rounded if it takes them so.
  /// - Parameter inverse: overwritten, or not.
  @inline(__always)
  static func forward<Scalar: Real>(
    _ x: Matrix<Scalar>, gain: Row<Scalar>, epsilon: Scalar, inverse: Row<Scalar>,
    into y: FactorRows<Scalar>
  ) {
    switch y {
    case .whole(let y): forward(x, gain: gain, epsilon: epsilon, inverse: inverse, into: y)
    case .rounded(let words, _):
      Probes.current?.enter(.normalization)
      defer { Probes.current?.leave() }
      Scalar.normalize(x, gain: gain, epsilon: epsilon, intoWords: words)
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
    Scalar.normalizeBackward(
      gradient: dy, x: x, gain: gain, inverse: inverse, into: dx, adding: adding,
      addingToGain: dGain)
  }
}

extension Real {
  public static func normalize(
    _ x: Matrix<Self>, gain: Row<Self>, epsilon: Self, inverse: Row<Self>, into y: Matrix<Self>
  ) {
    let n = Self(x.columns)
    for row in 0..<x.rows {
      let (x, y) = (x[row], y[row])
      let r = 1 / (x.sumOfSquares / n + epsilon).squareRoot()
      inverse[row] = r
      for i in 0..<x.count { y[i] = gain[i] * (x[i] * r) }
    }
  }

  public static func normalizeBackward(
    gradient dy: Matrix<Self>, x: Matrix<Self>, gain: Row<Self>, inverse: Row<Self>,
    into dx: Matrix<Self>, adding: Bool, addingToGain dGain: Row<Self>
  ) {
    let n = Self(x.columns)
    for row in 0..<x.rows {
      let (x, dy, dx, r) = (x[row], dy[row], dx[row], inverse[row])
      let c = dy.dot(gain, x) / n * r * r
      for i in 0..<x.count {
        let (dyi, xi) = (dy[i], x[i])
        dGain[i] += dyi * (xi * r)
        let d = r * (gain[i] * dyi - c * xi)
        dx[i] = adding ? dx[i] + d : d
      }
    }
  }
}
