/// What turns a row of scores into probabilities.
///
/// Softmax gives every score a share. The other two give exactly zero to scores that are far below the largest, sparsemax sooner
/// than 1.5-entmax. The three are one family, α-entmax, at α = 1, 2 and 1.5.
///
/// Source: Peters, Niculae and Martins, "Sparse Sequence-to-Sequence Models" (2019).
public enum Normalizer: String, CaseIterable, Sendable {
  case softmax, sparsemax, entmax15

  /// Replaces a row of scores by its probabilities.
  ///
  /// Edge Cases: the same for all three: a score of -inf has probability 0. A NaN anywhere, a score of +inf, or a row of -inf alone
  /// makes the row NaN.
  @inline(__always)
  package func apply<Scalar: Real>(_ row: Row<Scalar>) {
    switch self {
    case .softmax: Softmax.apply(row)
    case .sparsemax: Sparsemax.apply(row)
    case .entmax15: Entmax15.apply(row)
    }
  }

  /// The derivative of a loss by the scores, from that by the probabilities; it replaces the latter.
  @inline(__always)
  package func backward<Scalar: Real>(probabilities: Row<Scalar>, gradient: Row<Scalar>) {
    switch self {
    case .softmax: Softmax.backward(probabilities: probabilities, gradient: gradient)
    case .sparsemax: Sparsemax.backward(probabilities: probabilities, gradient: gradient)
    case .entmax15: Entmax15.backward(probabilities: probabilities, gradient: gradient)
    }
  }

  /// `apply` to as much of each row as its query sees.
  @inline(__always)
  package func apply<Scalar: Real>(_ rows: Matrix<Scalar>, seen: [Range<Int>]) {
    guard self != .softmax else { return Scalar.softmax(rows, seen: seen) }
    for (row, seen) in seen.enumerated() { apply(rows[row][0..<seen.count]) }
  }

  /// `apply` to the first `visible` scores of a row; the others get probability 0.
  @inline(__always)
  package func apply<Scalar: Real>(_ row: Row<Scalar>, visible: Int) {
    if self == .softmax {
      // A score of -inf is as good as none.
      let computed = Self.whole(visible, of: row)
      row[visible..<computed].fill(-.infinity)
      apply(row[0..<computed])
      row[computed..<row.count].fill(0)
    } else {
      apply(row[0..<visible])
      row[visible..<row.count].fill(0)
    }
  }

  /// `backward` for a row of which the first `visible` scores count; the gradient by the others becomes 0.
  @inline(__always)
  package func backward<Scalar: Real>(
    probabilities: Row<Scalar>, gradient: Row<Scalar>, visible: Int
  ) {
    gradient[visible..<gradient.count].fill(0)
    // Where probabilities are 0, so are the gradients.
    let computed = self == .softmax ? Self.whole(visible, of: gradient) : visible
    backward(probabilities: probabilities[0..<computed], gradient: gradient[0..<computed])
  }

  /// Whole vectors that hold the first `visible` of a row, as far as the row goes: less work than their parts.
  @inline(__always)
  private static func whole<Scalar: Real>(_ visible: Int, of row: Row<Scalar>) -> Int {
    let vector = 16
    return min(row.count, (visible + vector - 1) / vector * vector)
  }
}
