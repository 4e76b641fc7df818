/// The gate of the SwiGLU feed-forward: h = silu(g) u, with silu(g) = g σ(g) and σ the logistic function.
///
/// Source: Shazeer, "GLU Variants Improve Transformer" (2020).
package enum FeedForward {
  /// - Parameters:
  ///   - gateUp: (rows, 2f): g in the first f columns, u in the others.
  ///   - h: (rows, f), overwritten.
  package static func forward<Scalar: Real>(gateUp: Matrix<Scalar>, into h: Matrix<Scalar>) {
    Probes.current?.enter(.gate)
    defer { Probes.current?.leave() }
    Scalar.gate(gateUp, into: h)
  }

  /// The same for rows that a packed matrix is multiplied by, rounded if it takes them so.
  @inline(__always)
  static func forward<Scalar: Real>(gateUp: Matrix<Scalar>, into h: FactorRows<Scalar>) {
    switch h {
    case .whole(let h): forward(gateUp: gateUp, into: h)
    case .rounded(let words, _):
      Probes.current?.enter(.gate)
      defer { Probes.current?.leave() }
      Scalar.gate(gateUp, intoWords: words)
    }
  }

  /// dσ/dg = σ (1 - σ), so d silu/dg = σ (1 + g (1 - σ)):
  ///
  ///     dL/dg = dL/dh u σ (1 + g (1 - σ))      dL/du = dL/dh g σ
  ///
  /// - Parameters:
  ///   - dh: (rows, f), the gradient by h; replaced by h, which then need not be kept.
  ///   - gateUp: (rows, 2f), as in `forward`; replaced by its gradient.
  package static func backward<Scalar: Real>(
    gradientReplacedByResult dh: Matrix<Scalar>, replacingByGradient gateUp: Matrix<Scalar>
  ) {
    Probes.current?.enter(.gate)
    defer { Probes.current?.leave() }
    Scalar.gateBackward(gradientReplacedByResult: dh, replacingByGradient: gateUp)
  }
}

extension Real {
  public static func gate(_ gateUp: Matrix<Self>, into h: Matrix<Self>) {
    let f = h.columns
    for row in 0..<h.rows {
      let (g, u, h) = (gateUp[row][0..<f], gateUp[row][f..<2 * f], h[row])
      for i in 0..<f { h[i] = logistic(g[i]) * g[i] * u[i] }
    }
  }

  public static func gateBackward(
    gradientReplacedByResult dh: Matrix<Self>, replacingByGradient gateUp: Matrix<Self>
  ) {
    let f = dh.columns
    for row in 0..<dh.rows {
      let (g, u, dh) = (gateUp[row][0..<f], gateUp[row][f..<2 * f], dh[row])
      for i in 0..<f {
        let (s, gate, up, d) = (logistic(g[i]), g[i], u[i], dh[i])
        g[i] = d * up * s * (1 + gate * (1 - s))
        u[i] = d * gate * s
        dh[i] = s * gate * up
      }
    }
  }

  /// σ(x) = 1 / (1 + e^-x).
  private static func logistic(_ x: Self) -> Self { 1 / (1 + exponential(-x)) }
}
