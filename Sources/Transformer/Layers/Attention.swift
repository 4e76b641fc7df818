/// Causal scaled dot-product attention of one head over one sequence.
///
/// Concretely, for the query at position t: s_j = q_t · k_j / √h for j <= t, p = softmax(s), o_t = Σ_j p_j v_j. Another normalizer may take
/// the softmax's place. Queries are
/// taken in blocks, and keys after a block's last query are never touched; within a block, products leave out what the mask hides, but for
/// the few queries that they take at once: half of the square of scores is no work at all.
///
/// Source: Vaswani et al., "Attention Is All You Need" (2017).
package enum Attention {
  /// Queries that share one matrix product. Larger blocks make faster products, the scores of smaller ones stay in a near cache.
  package static let block = 64

  /// - Parameters:
  ///   - q: (m, h), the queries of the last m of n positions.
  ///   - k: (n, h), the keys of all n positions.
  ///   - v: (n, h), their values.
  ///   - p: (m, n), receives the probabilities; what lies beyond a query's block of keys is left as it is. Or (min(m, block), n): room for those
  ///     of a block at a time.
  ///   - o: (m, h), overwritten.
  package static func forward<Scalar: Real>(
    by normalizer: Normalizer = .softmax, q: Matrix<Scalar>, k: Matrix<Scalar>, v: Matrix<Scalar>,
    p: Matrix<Scalar>, o: Matrix<Scalar>
  ) {
    Probes.current?.enter(.attention)
    defer { Probes.current?.leave() }
    let scale = 1 / Scalar(q.columns).squareRoot()
    let before = k.rows - q.rows
    for start in Swift.stride(from: 0, to: q.rows, by: block) {
      let queries = start..<min(start + block, q.rows)
      let keys = 0..<before + queries.upperBound
      let scores = p[rows: p.rows < q.rows ? 0..<queries.count : queries][columns: keys]
      multiply(
        q[rows: queries], k[rows: keys].transposed, into: scores, scale: scale,
        reach: .columnsUpTo(shift: before + start))
      for (row, t) in queries.enumerated() {
        normalizer.apply(scores[row], visible: before + t + 1)
      }
      multiply(
        scores, v[rows: keys], into: o[rows: queries], reach: .stepsUpTo(shift: before + start))
    }
  }

  /// The same for the last position alone.
  ///
  /// - Parameters:
  ///   - q: h elements, its query.
  ///   - k, v: (at least seen.upperBound, h), among others the keys and values of all positions.
  ///   - seen: the rows of k and v that these are.
  ///   - p: receives the probabilities, as many as rows are seen.
  ///   - o: h elements, overwritten.
  package static func forward<Scalar: Real>(
    by normalizer: Normalizer = .softmax, q: Row<Scalar>, k: Matrix<Scalar>, v: Matrix<Scalar>,
    seen: Range<Int>, p: Row<Scalar>, o: Row<Scalar>
  ) {
    Probes.current?.enter(.attention)
    defer { Probes.current?.leave() }
    precondition(
      !seen.isEmpty && seen.lowerBound >= 0 && seen.upperBound <= min(k.rows, v.rows)
        && p.count == seen.count && q.count == k.columns && o.count == v.columns,
      "shapes do not agree in attention")
    Scalar.multiply(
      rows: 1, columns: seen.count, inner: q.count, scale: 1 / Scalar(q.count).squareRoot(),
      q.base, aStride: q.count, transposeA: false,
      k[seen.lowerBound].base, bStride: k.stride, transposeB: true,
      reach: .whole, keep: 0, p.base, cStride: p.count)
    normalizer.apply(p)
    Scalar.multiply(
      rows: 1, columns: o.count, inner: seen.count, scale: 1,
      p.base, aStride: p.count, transposeA: false,
      v[seen.lowerBound].base, bStride: v.stride, transposeB: false,
      reach: .whole, keep: 0, o.base, cStride: o.count)
  }

  /// The same for queries one by one, with everything that is multiplied rounded to bfloat16; see `KeyValueCache`. The scores of all come first, then
  /// the probabilities, then the sums, so that what one query waits for another one uses.
  ///
  /// - Parameters:
  ///   - q: (m, words), the queries.
  ///   - k, v: the keys of all positions, and their values two by two; those of a text begin at an even row of k.
  ///   - seen: the rows of k that each query sees.
  ///   - p: (m, at least as many columns as rows are seen), receives the probabilities.
  ///   - head: h, of which there are elements in queries, keys and values.
  ///   - o: (m, words), overwritten.
  static func forward<Scalar: Real>(
    by normalizer: Normalizer, rounded q: Matrix<Float>, k: Matrix<Float>, v: Matrix<Float>,
    seen: [Range<Int>], p: Matrix<Scalar>, head: Int, o: Matrix<Float>
  ) {
    Probes.current?.enter(.attention)
    defer { Probes.current?.leave() }
    Scalar.score(q, byWords: k, seen: seen, scale: 1 / Scalar(head).squareRoot(), into: p)
    normalizer.apply(p, seen: seen)
    Scalar.sum(p, byTwo: v, seen: seen, columns: head, intoWords: o)
  }

  /// With the normalizer's derivative in the middle, which is ds = p (dp - Σ_j p_j dp_j) for softmax:
  ///
  ///     dp_tj = do_t · v_j          dv_j += Σ_t p_tj do_t
  ///     dq_t = Σ_j ds_tj k_j / √h   dk_j += Σ_t ds_tj q_t / √h
  ///
  /// - Parameters:
  ///   - q, k, v, p: as in and after `forward`, with m = n.
  ///   - dO: (n, h), the gradient by the output.
  ///   - scratch: (at least min(block, n), n), overwritten.
  ///   - dq, dk, dv: (n, h), overwritten.
  package static func backward<Scalar: Real>(
    by normalizer: Normalizer = .softmax, gradient dO: Matrix<Scalar>, q: Matrix<Scalar>,
    k: Matrix<Scalar>, v: Matrix<Scalar>,
    p: Matrix<Scalar>, scratch: Matrix<Scalar>,
    dq: Matrix<Scalar>, dk: Matrix<Scalar>, dv: Matrix<Scalar>
  ) {
    Probes.current?.enter(.attention)
    defer { Probes.current?.leave() }
    let scale = 1 / Scalar(q.columns).squareRoot()
    let starts = Swift.stride(from: 0, to: q.rows, by: block)
    // The last block reaches every key, so it writes dk and dv, and the others add to them.
    for start in starts.reversed() {
      let queries = start..<min(start + block, q.rows)
      let keys = 0..<queries.upperBound
      let adding = queries.upperBound < q.rows
      let probabilities = p[rows: queries][columns: keys]
      let scores = scratch[rows: 0..<queries.count][columns: keys]
      // Row j of p and ds transposed is zero for the queries before j.
      multiply(
        probabilities.transposed, dO[rows: queries], into: dv[rows: keys], adding: adding,
        reach: .stepsFrom(shift: -start))
      multiply(
        dO[rows: queries], v[rows: keys].transposed, into: scores,
        reach: .columnsUpTo(shift: start))
      for (row, t) in queries.enumerated() {
        normalizer.backward(
          probabilities: probabilities[row], gradient: scores[row], visible: t + 1)
      }
      multiply(
        scores, k[rows: keys], into: dq[rows: queries], scale: scale,
        reach: .stepsUpTo(shift: start))
      multiply(
        scores.transposed, q[rows: queries], into: dk[rows: keys], scale: scale, adding: adding,
        reach: .stepsFrom(shift: -start))
    }
  }
}
