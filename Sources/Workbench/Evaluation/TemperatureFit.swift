import Safetensors

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The temperature at which a model predicts a text best: its maximum-likelihood temperature.
///
/// In β = 1/T the mean loss L(β) = mean(ln Σ exp(β z) - β z_y) is convex, with
/// L' = mean(E_p[z] - z_y) and L'' = mean Var_p[z], so Newton's method finds the one minimum.
/// Multiplying all logits by s multiplies the temperature by s.
///
/// Source: Guo et al., "On Calibration of Modern Neural Networks" (2017), section 4.2.
public struct TemperatureFit: Sendable, Equatable {
  /// The temperature.
  public let temperature: Double
  /// The mean loss there, in nats a character.
  public let loss: Double
  /// The standard error of the temperature from the curvature of the likelihood: T² / √(n L''), as
  /// if the characters were drawn independently; nil at a limit.
  public let standardError: Double?
  /// Characters that it was fitted on.
  public let characters: Int
  /// Whether the loss still falls at the limit of the temperatures that were tried: the text is
  /// predicted without a single mistake, or worse than by chance.
  public let isAtLimit: Bool

  /// The temperatures that are tried.
  static let limits = 1e-4...1e4

  /// Sums over characters at one β.
  struct Sums: Sendable {
    var loss = 0.0
    /// The derivatives of the loss by β.
    var slope = 0.0
    var curvature = 0.0

    /// Adds one character's; exponents are β (z - max), so nothing overflows.
    mutating func add(
      _ logits: UnsafeBufferPointer<Float>, maximum: Float, target: Int, beta: Double
    ) {
      var (s0, s1, s2) = (0.0, 0.0, 0.0)
      for z in logits where z > -.infinity {
        let d = Double(z) - Double(maximum)
        let weight = exp(beta * d)
        s0 += weight
        s1 += weight * d
        s2 += weight * d * d
      }
      let own = Double(logits[target]) - Double(maximum)
      let mean = s1 / s0
      loss += log(s0) - beta * own
      slope += mean - own
      curvature += max(s2 / s0 - mean * mean, 0)
    }

    static func + (a: Sums, b: Sums) -> Sums {
      Sums(loss: a.loss + b.loss, slope: a.slope + b.slope, curvature: a.curvature + b.curvature)
    }
  }

  /// Newton's method, kept between the last two places on either side of the minimum.
  /// - Parameters:
  ///   - count: characters in the sums.
  ///   - sums: the sums at a β.
  init(count: Int, _ sums: (_ beta: Double) throws -> Sums) rethrows {
    let allowed = 1 / Self.limits.upperBound...1 / Self.limits.lowerBound
    var (low, high) = (0.0, Double.infinity)
    var beta = 1.0
    var found = try sums(beta)
    var isAtLimit = false
    for iteration in 0..<100 {
      if found.slope == 0 { break }
      if found.slope > 0 { high = beta } else { low = beta }
      var next = beta - found.slope / found.curvature
      if !(next > low && next < high) {
        next = high == .infinity ? 2 * beta : low == 0 ? beta / 2 : low + (high - low) / 2
      }
      // Towards T = 0 the loss falls off exponentially, and Newton's steps are short for ever.
      if high == .infinity, iteration >= 10 { next = max(next, 2 * beta) }
      // Where the loss is almost straight a step can be very long.
      next = min(max(next, beta / 8), beta * 8)
      isAtLimit = !allowed.contains(next)
      next = min(max(next, allowed.lowerBound), allowed.upperBound)
      let step = abs(next - beta)
      beta = next
      found = try sums(beta)
      if isAtLimit || step <= 1e-11 * beta { break }
    }
    // So sure, and so right, that there is nothing left to gain.
    if found.loss == 0, found.curvature == 0 { isAtLimit = true }
    let count = Double(count)
    temperature = 1 / beta
    loss = found.loss / count
    standardError =
      isAtLimit || found.curvature <= 0 ? nil : 1 / (beta * beta * found.curvature.squareRoot())
    characters = Int(count)
    self.isAtLimit = isAtLimit
  }

  /// Fits the temperature to a text's logits.
  init(_ passes: LogitPasses) throws {
    try self.init(count: passes.count) { try Self.sums(passes, beta: $0) }
  }

  static func sums(_ passes: LogitPasses, beta: Double) throws -> Sums {
    try passes.sums(from: Sums()) { sum, logits, maximum, target in
      sum.add(logits, maximum: maximum, target: target, beta: beta)
    }.reduce(Sums(), +)
  }

  /// {"temperature", "standard_error", "loss", "characters", "is_at_limit"}.
  package var json: JSONValue {
    [
      "temperature": JSONValue(temperature), "standard_error": .numberOrNull(standardError),
      "loss": .numberOrNull(loss), "characters": JSONValue(characters),
      "is_at_limit": JSONValue(isAtLimit),
    ]
  }

  /// Fits the temperature to rows of logits and the characters that came.
  package init(logits: [[Float]], targets: [Int]) {
    self.init(count: targets.count) { beta in
      var sums = Sums()
      for (row, target) in zip(logits, targets) {
        row.withUnsafeBufferPointer {
          sums.add($0, maximum: row.max() ?? 0, target: target, beta: beta)
        }
      }
      return sums
    }
  }
}
