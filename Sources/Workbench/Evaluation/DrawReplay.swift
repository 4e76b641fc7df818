import Safetensors
import Text
import Transformer

/// How one character of a generated text was drawn, done once more: every number that took part.
public struct DrawReplay: Sendable {
  /// A character that could have been drawn.
  public struct Candidate: Sendable, Equatable {
    public let text: String
    public let token: Int32
    /// The model's logit.
    public let logit: Double
    /// z, the logit after the filters (-∞ if they leave the character out) and the penalty.
    public let score: Double
    /// Its probability in the distribution drawn from, and in the model's own.
    public let probability, modelProbability: Double
    /// g, its Gumbel noise in this place.
    public let noise: Double
    /// z + T g: the largest is drawn.
    public let value: Double
  }

  /// Which of the generated characters, from 1.
  public let number: Int
  /// The end of what stood before it, for show.
  public let context: String
  public let sampling: Sampling
  public let seed: UInt64
  /// The entropy of the distribution drawn from, in nats.
  public let entropy: Double
  /// Every character of the vocabulary, from the one drawn down.
  public let candidates: [Candidate]
  /// At which temperatures which character would have been drawn here.
  public let flips: FlipTemperatures
  /// The characters in the model's window when it predicted this one; see `DecodingState`.
  public let seen: [String]
  /// attention[layer][i]: how much the layer looked at `seen[i]` then; 1 in all.
  public let attention: [[Float]]

  /// The character drawn.
  public var chosen: Candidate { candidates[0] }
  /// The one that would have been drawn in its place; nil if no other could have been.
  public var runnerUp: Candidate? {
    candidates.dropFirst().first { $0.score > -.infinity }
  }

  private let characters: [String]

  /// Replays a draw.
  /// - Parameters:
  ///   - prompt: as the generator had it.
  ///   - drawn: the generated characters before this one, and this one.
  /// - Throws: `ReplayError` if something else is drawn, which only another model or prompt can
  ///   be the reason for; as `Generator.init` does.
  package init(
    _ model: LanguageModel, prompt: String, drawn: [Int32], sampling: Sampling, seed: UInt64
  ) throws {
    guard let last = drawn.last else { throw ReplayError.nothingDrawn }
    let vocabulary = model.vocabulary
    let start = try vocabulary.encodePrompt(prompt).tokens
    let read = Generator.context(of: start, in: vocabulary)
    // In the steps in which the generator took them, so that every digit is the same.
    let decoder = model.decoder()
    decoder.append(read, to: 0)
    for token in drawn.dropLast() { decoder.append(token, to: 0) }
    // A row does not keep its matrix.
    defer { withExtendedLifetime(decoder) {} }
    let logits = decoder.logits[0]
    let history = start + drawn.dropLast()
    let index = drawn.count - 1

    var sampler = try Sampler(sampling, seed: seed, vocabularySize: vocabulary.count)
    let draw = try sampler.choose(logits, index: index, history: history)
    guard draw.token == last else { throw ReplayError.drawsAnother(number: drawn.count) }
    let probabilities = try sampler.distribution(logits, history: history)
    var own = try Sampler(
      Sampling(temperature: 1), seed: seed, vocabularySize: vocabulary.count)
    let modelProbabilities = try own.distribution(logits)
    let scores = try sampler.filtered(logits, history: history)
    let noise = sampler.noise
    let found = vocabulary.characters.indices.map { token in
      let g = noise.value(of: token, at: index)
      return Candidate(
        text: vocabulary.characters[token], token: Int32(token), logit: Double(logits[token]),
        score: scores[token], probability: probabilities[token],
        modelProbability: modelProbabilities[token], noise: g,
        value: scores[token] + sampling.temperature * g)
    }
    candidates = found.sorted { a, b in
      if a.token == last || b.token == last { return a.token == last && b.token != last }
      return a.value != b.value ? a.value > b.value : a.token < b.token
    }
    flips = try sampler.flips(logits, index: index, history: history)
    number = drawn.count
    entropy = draw.entropy
    self.sampling = sampling
    self.seed = seed
    characters = vocabulary.characters
    let before = read + drawn.dropLast()
    let end = before.suffix(24)
    context = (end.count < before.count ? "…" : "") + vocabulary.decode(end)
    let map = try AttentionMap(decoder.states[0].window, model: model)
    seen = map.characters
    attention = map.weights.map { $0[$0.count - 1] }
  }

  /// {"number", "text", "context", "temperature" and the other settings, "seed", "entropy",
  /// "chosen", "runner_up", "candidates" (the 12 nearest to being drawn), "flips", "seen",
  /// "attention"}.
  package var json: JSONValue {
    var object: JSONObject = [
      "number": JSONValue(number), "text": JSONValue(chosen.text), "context": JSONValue(context),
      "seed": JSONValue(seed),
    ]
    for (key, value) in sampling.json { object[key] = value }
    object["entropy"] = .numberOrNull(entropy)
    object["chosen"] = chosen.json
    object["runner_up"] = runnerUp?.json ?? .null
    object["candidates"] = .array(candidates.prefix(12).map(\.json))
    object["flips"] = flips.json(characters)
    object["seen"] = .array(seen.map { JSONValue($0) })
    object["attention"] = .array(attention.map { .array($0.map { JSONValue($0) }) })
    return .object(object)
  }

  /// A character of the vocabulary.
  func character(of token: Int) -> String { characters[token] }
}

extension DrawReplay.Candidate {
  fileprivate var json: JSONValue {
    [
      "text": JSONValue(text), "token": .integer(Int64(token)), "logit": .numberOrNull(logit),
      "score": .numberOrNull(score), "probability": .numberOrNull(probability),
      "model_probability": .numberOrNull(modelProbability), "noise": .numberOrNull(noise),
      "value": .numberOrNull(value),
    ]
  }
}

/// Why a draw cannot be replayed.
package enum ReplayError: Error, Equatable, CustomStringConvertible {
  case nothingDrawn
  case drawsAnother(number: Int)

  package var description: String {
    switch self {
    case .nothingDrawn: "no character has been drawn yet"
    case .drawsAnother(let number):
      "character \(number) cannot be replayed: the model draws another one now"
    }
  }
}
