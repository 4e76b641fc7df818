/// Positions as rotations: coordinates i and i + n/2 of a row at position t turn by the angle t θ^(-2i/n).
///
/// The product of a rotated query at t with a rotated key at s depends on t - s alone, so attention sees distances.
///
/// Source: Su et al., "RoFormer" (2021), with the coordinates paired as in Hugging Face's models.
package struct RotaryEmbedding<Scalar: Real>: Sendable {
  /// Cosines and sines, (positions, n/2) each.
  private let cosines, sines: Matrix<Scalar>

  /// Tables for positions 0..<positions and rows of `columns` (even) coordinates.
  package init(positions: Int, columns: Int, theta: Double) {
    cosines = Matrix(rows: positions, columns: columns / 2)
    sines = Matrix(rows: positions, columns: columns / 2)
    let frequencies = (0..<columns / 2).map { theta.raised(to: -Double(2 * $0) / Double(columns)) }
    for t in 0..<positions {
      for (i, frequency) in frequencies.enumerated() {
        let angle = Double(t) * frequency
        cosines[t][i] = Scalar(angle.cosine)
        sines[t][i] = Scalar(angle.sine)
      }
    }
  }

  /// (a, b) <- (a cos - b sin, b cos + a sin) for each pair of each row; row r is at position (first + r) modulo `period`.
  package func forward(_ x: Matrix<Scalar>, first: Int = 0, period: Int) {
    rotate(x, first: first, period: period, advance: 1, sign: 1)
  }

  /// The same with every row at position `position`.
  package func forward(_ x: Matrix<Scalar>, allAt position: Int) {
    rotate(x, first: position, period: cosines.rows, advance: 0, sign: 1)
  }

  /// Turns queries and keys that are then kept in bfloat16, and keeps the values; see `Real.keep`.
  func keep(
    _ qkv: Matrix<Scalar>, which: [Int]?, seen: [Range<Int>], turned: Row<Float>,
    queries: Matrix<Float>, keys: Matrix<Float>, values: Matrix<Float>
  ) {
    Probes.current?.enter(.rotation)
    defer { Probes.current?.leave() }
    Scalar.keep(
      qkv, which: which, seen: seen, cosines: cosines, sines: sines, turned: turned,
      queries: queries, keys: keys, values: values)
  }

  /// The gradient turns back: a rotation's inverse is its transpose.
  package func backward(_ gradient: Matrix<Scalar>, period: Int) {
    rotate(gradient, first: 0, period: period, advance: 1, sign: -1)
  }

  private func rotate(
    _ x: Matrix<Scalar>, first: Int, period: Int, advance: Int, sign: Scalar
  ) {
    Probes.current?.enter(.rotation)
    defer { Probes.current?.leave() }
    Scalar.rotate(
      x, cosines: cosines, sines: sines, first: first, period: period, advance: advance,
      sign: sign)
  }
}

extension Real {
  public static func rotate(
    _ x: Matrix<Self>, cosines: Matrix<Self>, sines: Matrix<Self>, first: Int, period: Int,
    advance: Int, sign: Self
  ) {
    let half = x.columns / 2
    for r in 0..<x.rows {
      let row = x[r]
      let (low, high) = (row[0..<half], row[half..<2 * half])
      let position = (first + r * advance) % period
      let (cosine, sine) = (cosines[position], sines[position])
      for i in 0..<half {
        let (a, b) = (low[i], high[i])
        let s = sign * sine[i]
        low[i] = a * cosine[i] - b * s
        high[i] = b * cosine[i] + a * s
      }
    }
  }
}
