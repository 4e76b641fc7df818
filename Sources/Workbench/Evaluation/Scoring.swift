import Safetensors
import Text
import Transformer

/// How probable a model finds each character of a given text.
public enum Scoring {
  /// Scores a text.
  ///
  /// **Texts longer than the model's context** are read in windows of one context that start half a
  /// context apart, so every character past the first window has at least half a context before it.
  /// The last window is moved back to end with the text. (A loss over a whole corpus, as training
  /// reports it, takes windows that do not overlap and so is a little higher.)
  ///
  /// - Parameters:
  ///   - temperature: T in softmax(logits / T), above 0.
  ///   - threads: changes the time only.
  ///   - source: what to call the text in an error.
  /// - Throws: `TextError.unknownCharacter` for a character that is not in the vocabulary,
  ///   `TextError.tooFewCharacters` for fewer than two, `SamplingError` for a temperature out of
  ///   range or a model whose logits are not finite.
  public static func score(
    _ text: String, model: LanguageModel, temperature: Double = 1, threads: Int = 1,
    source: String = "text"
  ) throws -> Score {
    guard temperature.isFinite, temperature > 0 else {
      throw SamplingError.outOfRange(
        option: "temperature", value: "\(temperature)", allowed: "a finite number above 0")
    }
    try Generator.check(threads: threads)
    let tokens = try model.vocabulary.encode(text, source: source)
    guard tokens.count >= 2 else {
      throw TextError.tooFewCharacters(count: tokens.count, source: source)
    }

    let context = min(model.configuration.context, tokens.count - 1)
    let windows = Self.windows(inputs: tokens.count - 1, context: context)
    let workers = min(threads, windows.count)
    let parts = try mapInParallel(workers, threads: workers) { worker in
      let own = worker * windows.count / workers..<(worker + 1) * windows.count / workers
      return Result {
        try score(tokens, windows[own], context: context, model: model, temperature: temperature)
      }
    }.map { try $0.get() }

    let first = ScoredCharacter(
      text: model.vocabulary.characters[Int(tokens[0])], token: tokens[0], logProbability: nil,
      entropy: nil, rank: nil)
    return Score(temperature: temperature, characters: [first] + parts.joined())
  }

  /// The temperature at which the model finds a text most probable, in the windows of `score`.
  ///
  /// - Throws: as `score` does.
  public static func fitTemperature(
    _ text: String, model: LanguageModel, threads: Int = 1, source: String = "text"
  ) throws -> TemperatureFit {
    try Generator.check(threads: threads)
    let tokens = try model.vocabulary.encode(text, source: source)
    guard tokens.count >= 2 else {
      throw TextError.tooFewCharacters(count: tokens.count, source: source)
    }
    let context = min(model.configuration.context, tokens.count - 1)
    let windows = windows(inputs: tokens.count - 1, context: context).map {
      LogitPasses.Window(inputs: $0.start..<$0.start + context, predicted: $0.scored)
    }
    return try TemperatureFit(
      LogitPasses(model, tokens: tokens, windows: windows, threads: threads))
  }

  /// A window's inputs start at `start`; of what it predicts, the characters in `scored` are its
  /// own.
  struct Window: Equatable {
    let start: Int
    let scored: Range<Int>
  }

  /// The windows over `inputs` characters, each of `context`; input i predicts character i + 1.
  static func windows(inputs: Int, context: Int) -> [Window] {
    let stride = max(context / 2, 1)
    var windows = [Window(start: 0, scored: 1..<context + 1)]
    var end = context
    while end < inputs {
      let next = min(end + stride, inputs)
      windows.append(Window(start: next - context, scored: end + 1..<next + 1))
      end = next
    }
    return windows
  }

  private static func score(
    _ tokens: [Int32], _ windows: ArraySlice<Window>, context: Int, model: LanguageModel,
    temperature: Double
  ) throws -> [ScoredCharacter] {
    let activations = Activations<Float>(
      model.configuration, sequences: 1, context: context, forBackward: false)
    var logits = [Double](repeating: 0, count: model.vocabulary.count)
    var weights = logits
    var characters: [ScoredCharacter] = []
    for window in windows {
      for i in 0..<context { activations.tokens[i] = tokens[window.start + i] }
      model.model.forward(activations)
      for position in window.scored {
        let row = activations.logits[position - 1 - window.start]
        var maximum = -Double.infinity
        var isSound = true
        for i in logits.indices {
          logits[i] = Double(row[i])
          maximum = max(maximum, logits[i])
          isSound = isSound && logits[i] < .infinity
        }
        guard isSound, maximum > -.infinity else {
          throw SamplingError.noDistribution(index: position)
        }
        let softmax = TemperedSoftmax(
          logits, maximum: maximum, temperature: temperature, weights: &weights)
        let token = tokens[position]
        let logit = logits[Int(token)]
        let (logProbability, entropy) = softmax.measures(of: logit)
        characters.append(
          ScoredCharacter(
            text: model.vocabulary.characters[Int(token)], token: token,
            logProbability: logProbability, entropy: entropy,
            rank: 1 + logits.count { $0 > logit }))
      }
    }
    return characters
  }
}

/// A text with the probability of each of its characters.
public struct Score: Sendable, Equatable {
  /// T of the distributions.
  public let temperature: Double
  /// The mean of -ln p over all characters but the first, in nats.
  public let loss: Double
  /// Every character of the text, normalized.
  public let characters: [ScoredCharacter]

  init(temperature: Double, characters: [ScoredCharacter]) {
    self.temperature = temperature
    self.characters = characters
    loss = characters.dropFirst().mean { -($0.logProbability ?? 0) } ?? 0
  }

  /// {"loss", "temperature", "characters": [{"text", "token", "logprob", "entropy", "rank"}...]},
  /// in nats.
  public var json: JSONValue {
    [
      "loss": .numberOrNull(loss), "temperature": JSONValue(temperature),
      "characters": .array(characters.map(\.json)),
    ]
  }
}

/// A character and how probable it was after those before it. The first character has none before
/// it: nil.
public struct ScoredCharacter: Sendable, Equatable {
  public let text: String
  public let token: Int32
  /// ln p, in nats.
  public let logProbability: Double?
  /// The entropy of the distribution, in nats.
  public let entropy: Double?
  /// 1 for the most probable character; equally probable ones share a rank.
  public let rank: Int?

  fileprivate var json: JSONValue {
    [
      "text": JSONValue(text), "token": .integer(Int64(token)),
      "logprob": .numberOrNull(logProbability), "entropy": .numberOrNull(entropy),
      "rank": rank.map { JSONValue($0) } ?? .null,
    ]
  }
}
