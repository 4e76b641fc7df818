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
    let f = h.columns
    for row in 0..<h.rows {
      let (g, u, h) = (gateUp[row][0..<f], gateUp[row][f..<2 * f], h[row])
      h.setSigmoid(of: g)
      for i in 0..<f { h[i] = h[i] * g[i] * u[i] }
    }
  }

  /// dσ/dg = σ (1 - σ), so d silu/dg = σ (1 + g (1 - σ)):
  ///
  ///     dL/dg = dL/dh u σ (1 + g (1 - σ))      dL/du = dL/dh g σ
  ///
  /// - Parameters:
  ///   - dh: (rows, f), the gradient by h.
  ///   - gateUp: (rows, 2f), as in `forward`; replaced by its gradient.
  ///   - scratch: at least f elements, overwritten.
  package static func backward<Scalar: Real>(
    gradient dh: Matrix<Scalar>, replacingByGradient gateUp: Matrix<Scalar>, scratch: Row<Scalar>
  ) {
    Probes.current?.enter(.gate)
    defer { Probes.current?.leave() }
    let f = dh.columns
    let sigmoid = scratch[0..<f]
    for row in 0..<dh.rows {
      let (g, u, dh) = (gateUp[row][0..<f], gateUp[row][f..<2 * f], dh[row])
      sigmoid.setSigmoid(of: g)
      for i in 0..<f {
        let (s, gate, up, d) = (sigmoid[i], g[i], u[i], dh[i])
        g[i] = d * up * s * (1 + gate * (1 - s))
        u[i] = d * gate * s
      }
    }
  }
}
