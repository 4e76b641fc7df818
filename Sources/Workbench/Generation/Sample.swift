import Safetensors
import Text
import Transformer

/// A generated text with everything needed to generate it again.
public struct Sample: Sendable, Equatable {
  /// The prompt in the model's characters; see `Generator.prompt`.
  public let prompt: String
  /// Characters of the prompt that the vocabulary lacks, and what stands for them.
  public let substitutions: [Prompt.Substitution]
  public let sampling: Sampling
  public let seed: UInt64
  /// How exactly the model computed; see `LanguageModel.products`.
  public let products: ProductPrecision
  /// What was generated, without the prompt.
  public let text: String
  public let characters: [GeneratedCharacter]
  public let ending: Generator.Ending

  init(
    prompt: String, substitutions: [Prompt.Substitution], sampling: Sampling, seed: UInt64,
    products: ProductPrecision, text: String, characters: [GeneratedCharacter],
    ending: Generator.Ending
  ) {
    self.prompt = prompt
    self.substitutions = substitutions
    self.sampling = sampling
    self.seed = seed
    self.products = products
    self.text = text
    self.characters = characters
    self.ending = ending
  }

  /// Generates to the end.
  ///
  /// - Parameter shouldStop: asked before each character; the sample then ends there.
  public init(_ generator: Generator, shouldStop: () -> Bool = { false }) {
    var characters: [GeneratedCharacter] = []
    var isInterrupted = false
    while true {
      isInterrupted = shouldStop()
      guard !isInterrupted, let character = generator.next() else { break }
      characters.append(character)
    }
    prompt = generator.prompt
    substitutions = generator.substitutions
    sampling = generator.sampling
    seed = generator.seed
    products = generator.model.products
    text = generator.text
    self.characters = characters
    ending = isInterrupted ? .interrupted : generator.ending ?? .interrupted
  }

  /// The mean entropy of the distributions drawn from, in nats; nil without characters.
  public var entropy: Double? { mean(\.entropy) }

  /// The mean of -ln p in the distributions drawn from, in nats a character; nil without
  /// characters.
  public var loss: Double? { mean { -$0.logProbability } }

  /// The mean of -ln p in the model's own distributions (T = 1, nothing left out), in nats a
  /// character; nil without characters.
  public var modelLoss: Double? { mean { -$0.modelLogProbability } }

  private func mean(_ measure: (GeneratedCharacter) -> Double) -> Double? {
    characters.mean(measure)
  }
}

extension Collection {
  /// The mean of a measure; nil of nothing.
  func mean(_ measure: (Element) -> Double) -> Double? {
    isEmpty ? nil : reduce(0) { $0 + measure($1) } / Double(count)
  }
}

// MARK: - JSON

extension GeneratedCharacter {
  /// {"text", "token", "logprob", "model_logprob", "entropy"}, in nats.
  public var json: JSONValue {
    [
      "text": JSONValue(text), "token": .integer(Int64(token)),
      "logprob": .numberOrNull(logProbability),
      "model_logprob": .numberOrNull(modelLogProbability),
      "entropy": .numberOrNull(entropy),
    ]
  }
}

extension Sampling {
  /// The settings as members of an object, named as the options are.
  var json: JSONObject {
    [
      "temperature": JSONValue(temperature), "top_k": JSONValue(topK), "top_p": JSONValue(topP),
      "min_p": JSONValue(minP), "repetition_penalty": JSONValue(repetitionPenalty),
      "repetition_window": JSONValue(repetitionWindow),
    ]
  }
}

extension Generator.Ending {
  /// "length", "stop", "interrupted" or "failed".
  var name: String {
    switch self {
    case .length: "length"
    case .stop: "stop"
    case .interrupted: "interrupted"
    case .failed: "failed"
    }
  }
}

extension Sample {
  /// {"prompt", "text", "seed", the sampling settings, "products", "ending", "characters": [...]}.
  public var json: JSONValue {
    var object: JSONObject = [
      "prompt": JSONValue(prompt), "text": JSONValue(text), "seed": JSONValue(seed),
    ]
    for (key, value) in sampling.json { object[key] = value }
    object["products"] = JSONValue(products.rawValue)
    object["ending"] = JSONValue(ending.name)
    object["characters"] = .array(characters.map(\.json))
    return .object(object)
  }
}
