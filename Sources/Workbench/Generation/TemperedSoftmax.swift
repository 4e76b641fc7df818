import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// softmax(z / T) of some logits in double precision, in the terms that sampling and scoring ask
/// for.
///
/// Stable by construction: exponents are (z - max) / T, of which the largest is 0. Dividing first
/// could overflow at a small T.
struct TemperedSoftmax {
  /// The largest logit.
  let maximum: Double
  /// T, above 0.
  let temperature: Double
  /// Σ exp((z - max) / T); at least 1.
  private let sum: Double
  /// Σ exp(e) e over the exponents e = (z - max) / T.
  private let weighted: Double

  /// - Parameters:
  ///   - logits: z; -∞ has probability 0, at least one is finite, none is NaN or +∞.
  ///   - weights: receives exp((z - max) / T); as many as there are logits.
  init(_ logits: [Double], maximum: Double, temperature: Double, weights: inout [Double]) {
    self.init(
      Double.temperedExponentials(
        of: logits, maximum: maximum, temperature: temperature, into: &weights),
      maximum: maximum, temperature: temperature)
  }

  /// That of some logits as they are, at T = 1, and that at a temperature: as two of them, with the weights of the latter.
  static func ownAndTempered(
    _ logits: [Double], maximum: Double, temperature: Double, weights: inout [Double]
  ) -> (own: TemperedSoftmax, tempered: TemperedSoftmax) {
    let sums = Double.temperedExponentialsTwice(
      of: logits, maximum: maximum, temperature: temperature, into: &weights)
    return (
      TemperedSoftmax(sums.own, maximum: maximum, temperature: 1),
      TemperedSoftmax(sums.tempered, maximum: maximum, temperature: temperature)
    )
  }

  private init(
    _ sums: (sum: Double, weighted: Double), maximum: Double, temperature: Double
  ) {
    (sum, weighted) = sums
    self.maximum = maximum
    self.temperature = temperature
  }

  /// ln p of a logit.
  func logProbability(of logit: Double) -> Double { measures(of: logit).logProbability }

  /// p of each of some logits.
  func probabilities(of logits: [Double]) -> [Double] {
    let logSum = log(sum)
    return logits.map { exp(($0 - maximum) / temperature - logSum) }
  }

  /// -Σ p ln p, in nats.
  var entropy: Double { measures(of: maximum).entropy }

  /// ln p of a logit, and the entropy. Logarithms are taken here and not before, so that what needs none need not wait for them.
  func measures(of logit: Double) -> (logProbability: Double, entropy: Double) {
    let logSum = log(sum)
    // ln p = exponent - logSum; rounding may not take the entropy below 0.
    return ((logit - maximum) / temperature - logSum, max(logSum - weighted / sum, 0))
  }
}
