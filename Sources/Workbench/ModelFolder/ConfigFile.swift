import Safetensors
import Transformer

/// A JSON object of a file, whose members are asked for by name; what is missing or wrong is an
/// error that says where.
struct FileObject {
  let file: String
  /// What stands before the key in errors: "rope_parameters." inside of that object.
  var place = ""
  let object: JSONObject

  init(file: String, _ value: JSONValue) throws {
    guard let object = value.objectValue else {
      throw ModelFolderError.value(
        file: file, key: "the file", found: Self.shown(value), expected: "an object")
    }
    self.file = file
    self.object = object
  }

  private init(file: String, place: String, object: JSONObject) {
    self.file = file
    self.place = place
    self.object = object
  }

  /// The member, converted; anything that `convert` does not take is refused.
  func value<Value>(_ key: String, _ expected: String, _ convert: (JSONValue) -> Value?) throws
    -> Value
  {
    guard let value = object[key], let converted = convert(value) else {
      throw refusal(key, expected: expected)
    }
    return converted
  }

  func refusal(_ key: String, expected: String) -> ModelFolderError {
    .value(
      file: file, key: place + key, found: object[key].map(Self.shown) ?? "missing",
      expected: expected)
  }

  func integer(_ key: String) throws -> Int { try value(key, "a whole number", \.intValue) }
  func number(_ key: String) throws -> Double { try value(key, "a number", \.doubleValue) }
  func bool(_ key: String) throws -> Bool { try value(key, "true or false", \.boolValue) }
  func string(_ key: String) throws -> String { try value(key, "a text", \.stringValue) }

  /// The member that has to be an object.
  func member(_ key: String) throws -> FileObject {
    FileObject(
      file: file, place: place + key + ".", object: try value(key, "an object", \.objectValue))
  }

  /// Whether the member is there and is not null.
  func has(_ key: String) -> Bool { object[key].map { !$0.isNull } ?? false }

  /// Refuses every value but this one; a missing member too.
  func require(_ key: String, _ expected: JSONValue, described: String? = nil) throws {
    guard object[key] == expected else {
      throw refusal(key, expected: described ?? Self.shown(expected))
    }
  }

  /// Refuses every value but this one; a missing member or null is the same as this value.
  func allow(_ key: String, only expected: JSONValue) throws {
    if has(key) { try require(key, expected) }
  }

  /// Refuses members other than those named.
  func allowOnly(keys: Set<String>) throws {
    if let other = object.keys.first(where: { !keys.contains($0) }) {
      throw refusal(other, expected: "no such key")
    }
  }

  /// A value as an error shows it: short and harmless.
  static func shown(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): return Printable.quote(text, limit: 40)
    case .array(let elements) where elements.count > 8: return "a list of \(elements.count)"
    case .object(let members) where members.count > 8: return "an object of \(members.count)"
    default:
      // A finite value always serializes; nesting is bounded by the parser.
      guard let text = try? JSON.text(value), text.utf8.count <= 120 else { return "a long value" }
      return text
    }
  }
}

/// config.json, both ways.
enum ConfigFile {
  /// The version of the "temper" object that is written, and the only one that is read.
  static let format = 1

  // MARK: - Writing

  static func json(
    _ configuration: Configuration, precision: ModelFolder.Precision,
    provenance: ModelFolder.Provenance?
  ) -> JSONValue {
    let theta = JSONValue.number(configuration.ropeTheta)
    let dtype = JSONValue.string(precision.rawValue)
    return [
      "architectures": [.string(architecture(configuration.attention))],
      "model_type": .string(modelType(configuration.attention)),
      "vocab_size": JSONValue(configuration.vocabularySize),
      "hidden_size": JSONValue(configuration.width),
      "intermediate_size": JSONValue(configuration.feedForward),
      "num_hidden_layers": JSONValue(configuration.layers),
      "num_attention_heads": 1,
      "num_key_value_heads": 1,
      "head_dim": JSONValue(configuration.headWidth),
      "max_position_embeddings": JSONValue(configuration.context),
      "hidden_act": "silu",
      "rms_norm_eps": .number(configuration.normEpsilon),
      // MLX and transformers 4 read the first, transformers 5 the second.
      "rope_theta": theta,
      "rope_parameters": ["rope_type": "default", "rope_theta": theta],
      "tie_word_embeddings": .bool(configuration.isTied),
      "attention_bias": false,
      "attention_dropout": 0.0,
      "use_sliding_window": false,
      "sliding_window": nil,
      "max_window_layers": JSONValue(configuration.layers),
      "layer_types": .array(
        Array(repeating: "full_attention", count: configuration.layers)),
      "initializer_range": 0.02,
      "use_cache": true,
      "bos_token_id": nil,
      "eos_token_id": nil,
      "pad_token_id": nil,
      "dtype": dtype,
      "torch_dtype": dtype,
      "temper": temper(configuration.attention, provenance),
    ]
  }

  /// Names that only softmax shares with Hugging Face. Others have no such names, so that libraries refuse what they would run wrongly.
  private static func architecture(_ attention: Normalizer) -> String {
    attention == .softmax ? "Qwen3ForCausalLM" : "TemperSparseForCausalLM"
  }
  private static func modelType(_ attention: Normalizer) -> String {
    attention == .softmax ? "qwen3" : "temper_sparse"
  }

  private static func temper(
    _ attention: Normalizer, _ provenance: ModelFolder.Provenance?
  ) -> JSONValue {
    var members: JSONObject = [
      "format": JSONValue(format), "attention": .string(attention.rawValue),
    ]
    if let provenance {
      members["corpus"] = .array(provenance.corpus.map { .string($0) })
      members["characters"] = JSONValue(provenance.characters)
      members["steps"] = JSONValue(provenance.steps)
      members["characters_seen"] = JSONValue(provenance.charactersSeen)
      members["validation_loss"] = .numberOrNull(provenance.validationLoss)
      members["validation"] = JSONValue(provenance.validation)
      members["command"] = .string(provenance.command)
    }
    return .object(members)
  }

  // MARK: - Reading

  /// The shape. Keys that do not change the mathematics are not looked at; among them are those
  /// that transformers adds (`transformers_version`, `initializer_range`, `use_cache`,
  /// `attention_dropout`, `max_window_layers`, the token ids, `dtype`).
  static func configuration(_ config: FileObject) throws -> Configuration {
    let attention = try attention(config)
    try config.require("model_type", .string(modelType(attention)))
    try config.require("architectures", [.string(architecture(attention))])
    try config.require("num_attention_heads", 1)
    try config.require("num_key_value_heads", 1)
    try config.require("hidden_act", "silu")
    try config.require("attention_bias", false)
    try config.require("use_sliding_window", false)
    let layers = try config.integer("num_hidden_layers")
    try checkLayerTypes(config, layers: layers)
    try checkAbsent(config)
    do {
      return try Configuration(
        vocabularySize: config.integer("vocab_size"), layers: layers,
        width: config.integer("hidden_size"), headWidth: config.integer("head_dim"),
        feedForward: config.integer("intermediate_size"),
        context: config.integer("max_position_embeddings"),
        isTied: config.bool("tie_word_embeddings"), attention: attention,
        ropeTheta: ropeTheta(config),
        normEpsilon: config.number("rms_norm_eps"))
    } catch let error as ConfigurationError {
      throw ModelFolderError.configuration(file: config.file, error)
    }
  }

  /// Written by transformers since 4.52; before, attention was full unless a sliding window was
  /// used.
  private static func checkLayerTypes(_ config: FileObject, layers: Int) throws {
    guard config.has("layer_types") else { return }
    let expected = "\"full_attention\" for each of the \(layers) layers"
    let types = try config.value("layer_types", expected, \.arrayValue)
    guard types.count == layers, types.allSatisfy({ $0 == "full_attention" }) else {
      throw config.refusal("layer_types", expected: expected)
    }
  }

  /// Keys that would make it another model.
  private static func checkAbsent(_ config: FileObject) throws {
    for key in ["quantization_config", "auto_map", "adapter_config", "text_config"]
    where config.has(key) {
      throw config.refusal(key, expected: "no such key")
    }
    for key in ["add_cross_attention", "is_encoder_decoder", "mlp_bias"] {
      try config.allow(key, only: false)
    }
    if config.has("partial_rotary_factor"), try config.number("partial_rotary_factor") != 1 {
      throw config.refusal("partial_rotary_factor", expected: "1")
    }
  }

  /// The base of the rotary angles, from wherever it is said; where it is said twice, the same.
  private static func ropeTheta(_ config: FileObject) throws -> Double {
    var theta = config.has("rope_theta") ? try config.number("rope_theta") : nil
    for key in ["rope_parameters", "rope_scaling"] where config.has(key) {
      let rope = try config.member(key)
      try rope.allowOnly(keys: ["rope_type", "type", "rope_theta"])
      try rope.require(rope.has("rope_type") ? "rope_type" : "type", "default")
      try rope.allow("type", only: "default")
      guard rope.has("rope_theta") else { continue }
      let inner = try rope.number("rope_theta")
      if let theta, theta != inner {
        throw rope.refusal("rope_theta", expected: "\(theta), as rope_theta says,")
      }
      theta = inner
    }
    guard let theta else { throw config.refusal("rope_theta", expected: "a number") }
    return theta
  }

  /// What Temper's own part says; softmax where there is none.
  private static func attention(_ config: FileObject) throws -> Normalizer {
    guard config.has("temper") else { return .softmax }
    let temper = try config.member("temper")
    try temper.require(
      "format", JSONValue(format),
      described: "\(format) (a newer version of Temper may read it)")
    let names = Normalizer.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    return try temper.value("attention", "one of \(names)") {
      $0.stringValue.flatMap(Normalizer.init)
    }
  }

  /// Where the model came from; nil when nothing is said about it.
  static func provenance(_ config: FileObject) throws -> ModelFolder.Provenance? {
    guard config.has("temper") else { return nil }
    let temper = try config.member("temper")
    guard temper.has("command") else { return nil }
    let names = try temper.value("corpus", "a list of names") { value -> [String]? in
      guard let elements = value.arrayValue else { return nil }
      let names = elements.compactMap(\.stringValue)
      return names.count == elements.count ? names : nil
    }
    let loss = temper.has("validation_loss") ? try temper.number("validation_loss") : nil
    // Folders of earlier versions do not say how much was kept, but whether something was.
    let validation =
      try temper.has("validation") ? temper.number("validation") : loss == nil ? 0 : 0.1
    guard (0...0.9).contains(validation) else {
      throw temper.refusal("validation", expected: "a number from 0 to 0.9")
    }
    return ModelFolder.Provenance(
      corpus: names, characters: try temper.integer("characters"),
      steps: try temper.integer("steps"), charactersSeen: try temper.integer("characters_seen"),
      validationLoss: loss, validation: validation,
      command: try temper.string("command"))
  }
}
