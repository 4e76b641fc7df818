import Foundation
import Safetensors
import Testing
import Text
import Transformer
import Workbench

/// Small models and folders for the tests of `ModelFolder`.
enum ModelFolderFixture {
  static let characters = [
    "\n", " ", "a", "e\u{301}".precomposedStringWithCanonicalMapping, "守", "👩‍👩‍👧‍👦", "🇫🇷",
  ]

  static func configuration(
    isTied: Bool = false, vocabularySize: Int = characters.count, headWidth: Int = 6
  ) throws -> Configuration {
    try Configuration(
      vocabularySize: vocabularySize, layers: 2, width: 8, headWidth: headWidth, feedForward: 12,
      context: 16, isTied: isTied)
  }

  /// Weights with all 24 bits in use, between -1 and 1; none is a BF16.
  static func parameters(_ configuration: Configuration, seed: UInt32 = 1) -> Parameters<Float> {
    let parameters = Parameters<Float>(configuration)
    var state = seed
    for index in 0..<parameters.elements.count {
      state = state &* 1_664_525 &+ 1_013_904_223
      parameters.elements[index] = Float(Int32(bitPattern: state) >> 7 | 1) * 0x1p-24
    }
    return parameters
  }

  static func contents(
    isTied: Bool = false, precision: ModelFolder.Precision = .float32, seed: UInt32 = 1,
    characters: [String] = characters
  ) throws -> ModelFolder.Contents {
    ModelFolder.Contents(
      parameters: parameters(
        try configuration(isTied: isTied, vocabularySize: characters.count), seed: seed),
      vocabulary: try Vocabulary(characters: characters), precision: precision, card: "# A card\n",
      provenance: provenance)
  }

  static let provenance = ModelFolder.Provenance(
    corpus: ["fables.txt", "a \"b\"\n.txt"], characters: 1000, steps: 20, charactersSeen: 4000,
    validationLoss: 1.25, command: "temper train fables.txt --out m")

  static func trainer(_ configuration: Configuration, seed: UInt32 = 5) -> ModelFolder.TrainerFiles
  {
    ModelFolder.TrainerFiles(
      state: ["step": 20, "random": JSONValue(UInt64.max), "loss": 0.1],
      tensors: [
        ("weights", parameters(configuration, seed: seed)),
        ("first.moment", parameters(configuration, seed: seed + 1)),
      ])
  }

  /// Runs the body with the path of a folder to be, in a new folder that is removed afterwards.
  static func withFolder(_ body: (String) throws -> Void) throws {
    let parent = FileManager.default.temporaryDirectory.path + "/temper-folder-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: parent) }
    try body(parent + "/model")
  }

  static func read(_ path: String) throws -> [UInt8] {
    try FileSystem.read(path, maximumBytes: 1 << 24)
  }

  static func write(_ bytes: [UInt8], _ path: String) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  /// Changes the object in a JSON file.
  static func edit(_ path: String, _ change: (inout JSONObject) throws -> Void) throws {
    var object = try #require(try JSON.parse(try read(path)).objectValue)
    try change(&object)
    try write(try JSON.serialize(.object(object), pretty: true), path)
  }

  /// All files of a folder, with those one level below.
  static func files(_ folder: String) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder)
    where try FileSystem.kind(of: folder + "/" + name) == .file {
      files[name] = try read(folder + "/" + name)
    }
    return files
  }

  /// The description of the error that the body must throw.
  static func message(
    _ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation
  ) -> String {
    do {
      try body()
      Issue.record("nothing was thrown", sourceLocation: sourceLocation)
      return ""
    } catch {
      return "\(error)"
    }
  }
}

extension Parameters<Float> {
  var bits: [UInt32] { elements.elements.map(\.bitPattern) }
}

// MARK: - Folders as transformers writes them

extension ModelFolderFixture {
  /// What `save_pretrained` of transformers 5 makes of a model and its tokenizer: keys and tensors
  /// sorted, no checksum.
  static func saveLikeTransformers(
    _ contents: ModelFolder.Contents, dtype: String = "F32", to path: String,
    extra: [(name: String, shape: [Int], values: [Float])] = []
  ) throws {
    let c = contents.parameters.configuration
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let config = """
      {"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
       "bos_token_id": null, "dtype": "float32", "eos_token_id": null, "head_dim": \(c.headWidth),
       "hidden_act": "silu", "hidden_size": \(c.width), "initializer_range": 0.02,
       "intermediate_size": \(c.feedForward), "layer_types": ["full_attention", "full_attention"],
       "max_position_embeddings": \(c.context), "max_window_layers": 28, "model_type": "qwen3",
       "num_attention_heads": 1, "num_hidden_layers": \(c.layers), "num_key_value_heads": 1,
       "pad_token_id": null, "rms_norm_eps": 1e-06,
       "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "sliding_window": null,
       "tie_word_embeddings": \(c.isTied), "transformers_version": "5.23.0", "use_cache": true,
       "use_sliding_window": false, "vocab_size": \(c.vocabularySize)}
      """
    try write(Array(config.utf8), path + "/config.json")
    let generation = """
      {"_from_model_config": true, "output_attentions": false, "transformers_version": "5.23.0"}
      """
    try write(Array(generation.utf8), path + "/generation_config.json")
    let vocab = try JSON.text(
      .object(
        JSONObject(
          contents.vocabulary.characters.enumerated().map { ($0.element, JSONValue($0.offset)) })))
    let tokenizer = #"""
      {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
       "normalizer": {"type": "Sequence", "normalizers": [
         {"type": "Replace", "pattern": {"String": "\r\n"}, "content": "\n"},
         {"type": "Replace", "pattern": {"String": "\r"}, "content": "\n"}, {"type": "NFC"}]},
       "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\X"}, "behavior": "Isolated",
         "invert": false},
       "post_processor": {"type": "TemplateProcessing",
         "single": [{"Sequence": {"id": "A", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
         "special_tokens": {}},
       "decoder": {"type": "Fuse"},
       "model": {"type": "WordLevel", "vocab": \#(vocab), "unk_token": "<unk>"}}
      """#
    try write(Array(tokenizer.utf8), path + "/tokenizer.json")
    try write(
      Array(#"{"backend": "tokenizers", "tokenizer_class": "TokenizersBackend"}"#.utf8),
      path + "/tokenizer_config.json")
    var tensors = contents.parameters.entries.map {
      (name: $0.name, shape: $0.shape, values: contents.parameters.row($0).elements)
    }
    tensors += extra
    try write(try safetensors(tensors, dtype: dtype), path + "/model.safetensors")
  }

  /// A file as the `safetensors` package writes it.
  static func safetensors(
    _ tensors: [(name: String, shape: [Int], values: [Float])], dtype: String
  ) throws -> [UInt8] {
    var members: JSONObject = ["__metadata__": ["format": "pt"]]
    var data: [UInt8] = []
    for (name, shape, values) in tensors.sorted(by: { $0.name < $1.name }) {
      let start = data.count
      for value in values {
        let bits = value.bitPattern
        switch dtype {
        case "F32": data += (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
        case "BF16": data += [UInt8(truncatingIfNeeded: bits >> 16), UInt8(bits >> 24)]
        case "F16": data += halfPrecision(value)
        default: data += [0]
        }
      }
      members[name] = [
        "dtype": .string(dtype), "shape": .array(shape.map { JSONValue($0) }),
        "data_offsets": [JSONValue(start), JSONValue(data.count)],
      ]
    }
    var header = try JSON.serialize(.object(members))
    while header.count % 8 != 0 { header.append(0x20) }
    return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + data
  }

  /// The bytes of an IEEE half, cut off; for magnitudes from 2^-14 to 2.
  private static func halfPrecision(_ value: Float) -> [UInt8] {
    let bits = value.bitPattern
    let exponent = Int(bits >> 23 & 0xFF) - 112
    let half =
      exponent <= 0
      ? 0 : UInt16(bits >> 31) << 15 | UInt16(exponent) << 10 | UInt16(bits >> 13 & 0x3FF)
    return [UInt8(truncatingIfNeeded: half), UInt8(half >> 8)]
  }
}
