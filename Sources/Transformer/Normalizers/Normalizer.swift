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

  /// `apply` to the first `visible` scores of a row; the others get probability 0.
  @inline(__always)
  package func apply<Scalar: Real>(_ row: Row<Scalar>, visible: Int) {
    let hidden = row[visible..<row.count]
    if self == .softmax {
      // A score of -inf is as good as none, and whole rows are whole vectors.
      hidden.fill(-.infinity)
      apply(row)
    } else {
      apply(row[0..<visible])
      hidden.fill(0)
    }
  }

  /// `backward` for a row of which the first `visible` scores count; the gradient by the others becomes 0.
  @inline(__always)
  package func backward<Scalar: Real>(
    probabilities: Row<Scalar>, gradient: Row<Scalar>, visible: Int
  ) {
    let hidden = gradient[visible..<gradient.count]
    hidden.fill(0)
    if self == .softmax {
      // Their probabilities are 0, so their gradients stay so.
      backward(probabilities: probabilities, gradient: gradient)
    } else {
      backward(probabilities: probabilities[0..<visible], gradient: gradient[0..<visible])
    }
  }
}
