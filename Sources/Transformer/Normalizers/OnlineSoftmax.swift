/// Softmax's denominator over scores that come one after another, or tile by tile.
///
/// What is kept is the largest score so far, m, and s = Σ exp(z_j - m). A new score z moves m to m' = max(m, z) and s to
/// s exp(m - m') + exp(z - m'). Two such pairs merge in the same way, so tiles can be summed up apart. This is what lets attention run over keys
/// without ever holding all their scores.
///
/// Source: Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018).
public struct OnlineSoftmax<Scalar: Real>: Sendable {
  /// The largest score so far; -inf before the first.
  public private(set) var maximum = -Scalar.infinity
  /// Σ exp(z_j - maximum).
  public private(set) var sum: Scalar = 0

  public init() {}

  /// Takes one more score. A NaN stays; a score of -inf changes nothing.
  public mutating func add(_ score: Scalar) {
    merge(maximum: score, sum: 1)
  }

  /// Takes what another one has seen.
  public mutating func merge(_ other: OnlineSoftmax) {
    merge(maximum: other.maximum, sum: other.sum)
  }

  private mutating func merge(maximum other: Scalar, sum otherSum: Scalar) {
    // -inf - -inf is no number, and scores of -inf weigh nothing.
    if other == -.infinity { return }
    guard maximum != -.infinity else {
      (maximum, sum) = (other, otherSum)
      return
    }
    let largest = maximum > other ? maximum : maximum.isNaN ? maximum : other
    sum = sum * Self.exponential(maximum - largest) + otherSum * Self.exponential(other - largest)
    maximum = largest
  }

  /// ln Σ_j exp(z_j).
  public var logSumExp: Scalar { maximum + Scalar.logarithm(sum) }

  /// The probability of one of the scores.
  public func probability(of score: Scalar) -> Scalar {
    score == -.infinity && maximum != -.infinity ? 0 : Self.exponential(score - maximum) / sum
  }

  private static func exponential(_ x: Scalar) -> Scalar {
    withUnsafePointer(to: x) { x in
      var y: Scalar = 0
      return Scalar.exponentials(x, minus: 0, into: &y, count: 1)
    }
  }
}
