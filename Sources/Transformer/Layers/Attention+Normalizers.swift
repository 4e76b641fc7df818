/// Attention whose scores become probabilities by something else than softmax: the same products around another normalizer.
extension Attention {
  /// o_t = Σ_j p_j v_j with p = normalizer(q_t · k_j / √h), j <= t. Parameters as in `forward`.
  package static func forward<Scalar: Real>(
    by normalizer: Normalizer, q: Matrix<Scalar>, k: Matrix<Scalar>, v: Matrix<Scalar>,
    p: Matrix<Scalar>, o: Matrix<Scalar>
  ) {
    if normalizer == .softmax { return forward(q: q, k: k, v: v, p: p, o: o) }
    Probes.current?.enter(.attention)
    defer { Probes.current?.leave() }
    let scale = 1 / Scalar(q.columns).squareRoot()
    let before = k.rows - q.rows
    for start in Swift.stride(from: 0, to: q.rows, by: block) {
      let queries = start..<min(start + block, q.rows)
      let keys = 0..<before + queries.upperBound
      let scores = p[rows: queries][columns: keys]
      multiply(q[rows: queries], k[rows: keys].transposed, into: scores, scale: scale)
      for (row, t) in queries.enumerated() {
        let visible = before + t + 1
        normalizer.apply(scores[row][0..<visible])
        scores[row][visible..<keys.count].fill(0)
      }
      multiply(scores, v[rows: keys], into: o[rows: queries])
    }
  }

  /// As `backward`, with the normalizer's own derivative ds = Jᵀ dp in the middle. Parameters as in `backward`.
  package static func backward<Scalar: Real>(
    by normalizer: Normalizer, gradient dO: Matrix<Scalar>, q: Matrix<Scalar>, k: Matrix<Scalar>,
    v: Matrix<Scalar>, p: Matrix<Scalar>, scratch: Matrix<Scalar>,
    dq: Matrix<Scalar>, dk: Matrix<Scalar>, dv: Matrix<Scalar>
  ) {
    if normalizer == .softmax {
      return backward(
        gradient: dO, q: q, k: k, v: v, p: p, scratch: scratch, dq: dq, dk: dk, dv: dv)
    }
    Probes.current?.enter(.attention)
    defer { Probes.current?.leave() }
    let scale = 1 / Scalar(q.columns).squareRoot()
    // The last block reaches every key, so it writes dk and dv, and the others add to them.
    for start in Swift.stride(from: 0, to: q.rows, by: block).reversed() {
      let queries = start..<min(start + block, q.rows)
      let keys = 0..<queries.upperBound
      let adding = queries.upperBound < q.rows
      let probabilities = p[rows: queries][columns: keys]
      let scores = scratch[rows: 0..<queries.count][columns: keys]
      multiply(
        probabilities.transposed, dO[rows: queries], into: dv[rows: keys], adding: adding)
      multiply(dO[rows: queries], v[rows: keys].transposed, into: scores)
      for (row, t) in queries.enumerated() {
        normalizer.backward(
          probabilities: probabilities[row][0..<t + 1], gradient: scores[row][0..<t + 1])
        scores[row][t + 1..<keys.count].fill(0)
      }
      multiply(scores, k[rows: keys], into: dq[rows: queries], scale: scale)
      multiply(
        scores.transposed, q[rows: queries], into: dk[rows: keys], scale: scale, adding: adding)
    }
  }
}
