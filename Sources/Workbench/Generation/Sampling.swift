/// How the next character is drawn from a model's distribution.
///
/// The filters look at the model's own distribution, at temperature 1, and each of top-k, top-p and
/// min-p at what the one before it left, renormalized. Then the repetition penalty changes the
/// logits of what is left, and last comes the temperature. So a filter keeps the same characters at
/// every temperature. (This is llama.cpp's default order too.)
public struct Sampling: Sendable, Equatable {
  /// T in softmax(logits / T). 1 is the model's own distribution, below 1 is bolder, above 1 is
  /// more even; 0 always takes the most probable character.
  public var temperature: Double
  /// Keep the K most probable characters; 0 keeps all. Of equally probable ones the lower token is
  /// kept.
  public var topK: Int
  /// Keep the fewest most probable characters that together have at least this probability; 1 keeps
  /// all.
  public var topP: Double
  /// Keep the characters whose probability is at least this share of the most probable one's; 0
  /// keeps all.
  public var minP: Double
  /// What the logits of recent characters are divided by where positive and multiplied by where
  /// negative; 1 changes nothing. Source: Keskar et al., "CTRL" (2019), section 4.1.
  public var repetitionPenalty: Double
  /// How many characters count as recent, those of the prompt included; 0 switches the penalty off.
  public var repetitionWindow: Int

  public init(
    temperature: Double = 0.8, topK: Int = 0, topP: Double = 1, minP: Double = 0,
    repetitionPenalty: Double = 1, repetitionWindow: Int = 64
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.repetitionPenalty = repetitionPenalty
    self.repetitionWindow = repetitionWindow
  }

  /// Whether top-k, top-p or min-p may leave characters out.
  var filters: Bool { topK > 0 || topP < 1 || minP > 0 }
  /// Whether recent characters are penalized.
  var penalizes: Bool { repetitionPenalty != 1 && repetitionWindow > 0 }

  /// - Throws: `SamplingError.outOfRange` for the first setting that makes no sense.
  public func validate() throws(SamplingError) {
    func check(
      _ isAllowed: Bool, _ option: String, _ value: some CustomStringConvertible, _ allowed: String
    ) throws(SamplingError) {
      guard isAllowed else {
        throw .outOfRange(option: option, value: value.description, allowed: allowed)
      }
    }
    try check(
      temperature.isFinite && temperature >= 0, "temperature", temperature,
      "a finite number of at least 0")
    try check(topK >= 0, "top-k", topK, "a whole number of at least 0 (0 keeps all)")
    try check(topP > 0 && topP <= 1, "top-p", topP, "a number above 0 and at most 1 (1 keeps all)")
    try check(
      minP >= 0 && minP < 1, "min-p", minP, "a number of at least 0 and below 1 (0 keeps all)")
    // Far beyond what helps, and logits stay numbers.
    try check(
      repetitionPenalty >= 0.001 && repetitionPenalty <= 1000, "repetition-penalty",
      repetitionPenalty, "a number from 0.001 to 1000 (1 is off)")
    try check(
      repetitionWindow >= 0, "repetition-window", repetitionWindow,
      "a whole number of at least 0 (0 is off)")
  }
}

/// Why nothing can be drawn.
public enum SamplingError: Error, Equatable, CustomStringConvertible {
  /// A setting, by its name as an option, is outside of what is allowed.
  case outOfRange(option: String, value: String, allowed: String)
  /// The model's logits for a character define no distribution: one is NaN or +∞, or all are -∞.
  /// `index` is the character's place in the text or among the generated ones, from 0.
  case noDistribution(index: Int)

  public var description: String {
    switch self {
    case .outOfRange(let option, let value, let allowed):
      "\(option) is \(value.isEmpty ? "empty" : value); it has to be \(allowed)"
    case .noDistribution(let index):
      "the model's logits for character \(index + 1) are not finite; its weights are "
        + "damaged or training has diverged, so use an earlier or another model"
    }
  }
}
