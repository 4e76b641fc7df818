import Safetensors
import Text
import Transformer

/// Which earlier characters each character of a text looks at, in each layer.
///
/// The query at position t spreads a weight of 1 over the keys at positions 0...t.
public struct AttentionMap: Sendable {
  /// A map of more characters is too large to look at; it grows with their square.
  public static let most = 4096

  /// The characters that the map is about: the text's, or as many of its last as the model's
  /// context holds, but `most`.
  public let characters: [String]
  /// How many characters at the start of the text were left out.
  public let leftOut: Int
  /// Characters that the model does not have, and what stands for them.
  public let substitutions: [Prompt.Substitution]
  /// weights[layer][query][key], with key in 0...query.
  public let weights: [[[Float]]]

  /// Reads a text.
  /// - Throws: `TextError` for a character that the model neither has nor has a look-alike of, or an
  ///   empty text; `SamplingError` for a damaged model.
  public init(_ text: String, model: LanguageModel, source: String = "text") throws {
    let prompt = try model.vocabulary.encodePrompt(text, source: source)
    guard !prompt.tokens.isEmpty else {
      throw TextError.tooFewCharacters(count: 0, source: source)
    }
    try self.init(prompt.tokens, model: model, substitutions: prompt.substitutions)
  }

  /// - Parameter tokens: at least one.
  init(_ tokens: [Int32], model: LanguageModel, substitutions: [Prompt.Substitution] = []) throws {
    let shown = tokens.suffix(min(model.configuration.context, Self.most))
    let activations = Activations<Float>(
      model.configuration, sequences: 1, context: shown.count)
    activations.tokens = Array(shown)
    model.model.forward(activations)
    weights = (0..<model.configuration.layers).map { layer in
      let rows = activations.attention(layer: layer)
      // A row does not keep its matrix.
      return withExtendedLifetime(rows) {
        (0..<shown.count).map { query in (0...query).map { rows[query][$0] } }
      }
    }
    guard weights.allSatisfy({ $0.allSatisfy { $0.allSatisfy(\.isFinite) } }) else {
      throw SamplingError.noDistribution(index: shown.count - 1)
    }
    characters = shown.map { model.vocabulary.characters[Int($0)] }
    leftOut = tokens.count - shown.count
    self.substitutions = substitutions
  }

  /// For each layer, the share of weights that are exactly zero, over windows of the model's context
  /// that are spread evenly over a text. Softmax gives none, but for underflow.
  /// - Parameters:
  ///   - tokens: at least one.
  ///   - windows: at most so many.
  /// - Throws: `SamplingError` for a damaged model.
  public static func zeros(
    in tokens: [Int32], model: LanguageModel, windows: Int = 32
  ) throws -> [Double] {
    let length = min(model.configuration.context, most, tokens.count)
    let windows = max(1, min(windows, tokens.count / max(length, 1)))
    var zeros = Array(repeating: 0, count: model.configuration.layers)
    for window in 0..<windows {
      let start = windows == 1 ? 0 : window * (tokens.count - length) / (windows - 1)
      let map = try AttentionMap(Array(tokens[start..<start + length]), model: model)
      for (layer, rows) in map.weights.enumerated() {
        zeros[layer] += rows.reduce(0) { $0 + $1.count { $0 == 0 } }
      }
    }
    let weights = Double(windows * length * (length + 1) / 2)
    return zeros.map { Double($0) / weights }
  }

  /// {"characters", "left_out", "layers": [[[weight of key 0, ... of key t] for each query t]]}.
  public var json: JSONValue {
    [
      "characters": .array(characters.map { JSONValue($0) }), "left_out": JSONValue(leftOut),
      "layers": .array(
        weights.map { layer in
          .array(layer.map { row in .array(row.map { JSONValue($0) }) })
        }),
    ]
  }
}
