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
  /// ln Σ exp((z - max) / T); at least 0.
  let logSum: Double
  /// -Σ p ln p, in nats.
  let entropy: Double

  /// - Parameters:
  ///   - logits: z; -∞ has probability 0, at least one is finite, none is NaN or +∞.
  ///   - weights: receives exp((z - max) / T); as many as there are logits.
  init(_ logits: [Double], maximum: Double, temperature: Double, weights: inout [Double]) {
    let (sum, weighted) = Double.temperedExponentials(
      of: logits, maximum: maximum, temperature: temperature, into: &weights)
    self.maximum = maximum
    self.temperature = temperature
    logSum = log(sum)
    // -Σ p ln p with ln p = exponent - logSum; rounding may not take it below 0.
    entropy = max(logSum - weighted / sum, 0)
  }

  /// ln p of a logit.
  func logProbability(of logit: Double) -> Double { (logit - maximum) / temperature - logSum }
}
