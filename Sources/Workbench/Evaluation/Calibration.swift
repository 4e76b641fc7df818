import Safetensors
import Text
import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Whether a model's probabilities mean what they say, and the temperature at which they do best.
///
/// The temperature is fitted on the first half of a text, and everything is reported on the second.
public struct Calibration: Sendable {
  /// The fit on the first half.
  public let fit: TemperatureFit
  /// Characters predicted in the second half.
  public let characters: Int
  /// The mean loss of the second half at T = 1 and at the fitted temperature, in nats.
  public let loss, lossAtBestTemperature: Double
  /// The reliability of the second half at T = 1 and at the fitted temperature.
  public let reliability, reliabilityAtBestTemperature: Reliability
  /// At which temperature the model is as undecided about its own text as about the second half.
  public let entropyMatch: EntropyMatch?

  /// The temperature at which the mean entropy of the distributions that the model's own text is
  /// drawn from equals its loss on held-out text.
  public struct EntropyMatch: Sendable, Equatable {
    public let temperature: Double
    /// The entropy found there, in nats.
    public let entropy: Double
    /// Texts at each temperature tried, their length in characters, and the seed of the first.
    public let samples, length: Int
    public let seed: UInt64
    /// Whether the entropy wanted lies beyond the temperatures tried.
    public let isAtLimit: Bool
  }

  /// - Parameters:
  ///   - tokens: held-out text of at least 4 characters, so that each half predicts one.
  ///   - matchingEntropy: whether to generate texts for `entropyMatch`.
  ///   - shouldStop: asked while texts are generated; `entropyMatch` is then nil.
  /// - Throws: `TextError.tooFewCharacters`; `SamplingError` for logits that are not finite.
  public init(
    _ model: LanguageModel, tokens: [Int32], bins: Int = 10, threads: Int,
    matchingEntropy: Bool = true, shouldStop: @Sendable () -> Bool = { false }
  ) throws {
    guard tokens.count >= 4 else {
      throw TextError.tooFewCharacters(count: tokens.count, source: "the text to calibrate on")
    }
    func passes(_ part: ArraySlice<Int32>) -> LogitPasses {
      LogitPasses(
        model, tokens: Array(part),
        windows: LogitPasses.apart(tokens: part.count, context: model.configuration.context),
        threads: threads)
    }
    let middle = tokens.count / 2
    let fit = try TemperatureFit(passes(tokens[..<middle]))
    let beta = 1 / fit.temperature

    struct Sums: Sendable {
      var loss = 0.0
      var lossAtBest = 0.0
      var reliability, reliabilityAtBest: Reliability
    }
    let held = passes(tokens[middle...])
    let empty = Sums(
      reliability: Reliability(bins: bins), reliabilityAtBest: Reliability(bins: bins))
    let parts = try held.sums(from: empty) { sum, logits, maximum, target in
      var (plain, tempered) = (0.0, 0.0)
      for z in logits {
        let d = Double(z) - Double(maximum)
        plain += exp(d)
        // -∞ times a small β is still -∞.
        tempered += exp(beta * d)
      }
      let own = Double(logits[target]) - Double(maximum)
      sum.loss += log(plain) - own
      sum.lossAtBest += log(tempered) - beta * own
      let isRight = logits.firstIndex(of: maximum) == target
      sum.reliability.add(confidence: 1 / plain, isRight: isRight)
      sum.reliabilityAtBest.add(confidence: 1 / tempered, isRight: isRight)
    }
    var total = empty
    for part in parts {
      total.loss += part.loss
      total.lossAtBest += part.lossAtBest
      total.reliability = total.reliability + part.reliability
      total.reliabilityAtBest = total.reliabilityAtBest + part.reliabilityAtBest
    }
    self.fit = fit
    characters = held.count
    loss = total.loss / Double(held.count)
    lossAtBestTemperature = total.lossAtBest / Double(held.count)
    reliability = total.reliability
    reliabilityAtBestTemperature = total.reliabilityAtBest
    entropyMatch =
      matchingEntropy
      ? try Self.entropyMatch(model, wanted: loss, threads: threads, shouldStop: shouldStop) : nil
  }

  /// Halves an interval of temperatures; the same seeds at each make the entropy rise nearly
  /// steadily with T.
  static func entropyMatch(
    _ model: LanguageModel, wanted: Double, samples: Int = 16, length: Int = 200,
    seed: UInt64 = 0, threads: Int, shouldStop: @Sendable () -> Bool
  ) throws -> EntropyMatch? {
    func entropy(_ temperature: Double) throws -> Double? {
      let texts = try Generator.samples(
        model, prompt: "", sampling: Sampling(temperature: temperature), seed: seed,
        count: samples, length: length, threads: threads, shouldStop: shouldStop)
      return shouldStop() ? nil : texts.flatMap(\.characters).mean(\.entropy)
    }
    func match(_ temperature: Double, _ entropy: Double, isAtLimit: Bool = false) -> EntropyMatch {
      EntropyMatch(
        temperature: temperature, entropy: entropy, samples: samples, length: length, seed: seed,
        isAtLimit: isAtLimit)
    }
    var (low, high) = (0.1, 3.0)
    guard let lowest = try entropy(low), let highest = try entropy(high) else { return nil }
    if lowest >= wanted { return match(low, lowest, isAtLimit: true) }
    if highest <= wanted { return match(high, highest, isAtLimit: true) }
    var best = match(high, highest)
    while high - low > 0.01 {
      let middle = (low + high) / 2
      guard let found = try entropy(middle) else { return nil }
      if abs(found - wanted) < abs(best.entropy - wanted) { best = match(middle, found) }
      if found < wanted { low = middle } else { high = middle }
    }
    return best
  }

  /// The members that `temper evaluate --calibrate --json` adds; losses in nats, all on the second
  /// half of the text.
  package var json: JSONObject {
    var object: JSONObject = [
      "calibrated_on": JSONValue(fit.characters), "calibration_measured_on": JSONValue(characters),
      "best_temperature": JSONValue(fit.temperature),
      "best_temperature_standard_error": .numberOrNull(fit.standardError),
      "loss_at_temperature_1": .numberOrNull(loss),
      "loss_at_best_temperature": .numberOrNull(lossAtBestTemperature),
      "ece": .numberOrNull(reliability.expectedCalibrationError),
      "ece_at_best_temperature": .numberOrNull(
        reliabilityAtBestTemperature.expectedCalibrationError),
      "reliability": reliability.json,
      "reliability_at_best_temperature": reliabilityAtBestTemperature.json,
    ]
    object["entropy_match"] =
      entropyMatch.map { match in
        [
          "temperature": JSONValue(match.temperature), "entropy": .numberOrNull(match.entropy),
          "wanted_entropy": .numberOrNull(loss), "samples": JSONValue(match.samples),
          "length": JSONValue(match.length), "seed": JSONValue(match.seed),
          "is_at_limit": JSONValue(match.isAtLimit),
        ]
      } ?? .null
    return object
  }
}
