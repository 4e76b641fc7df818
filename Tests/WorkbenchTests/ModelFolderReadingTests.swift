import Foundation
import Safetensors
import Testing
import Text
import Transformer
import Workbench

private typealias Fixture = ModelFolderFixture

@Suite struct ModelFolderReadingTests {
  /// A change to a JSON file that makes the folder unreadable, and words of the error.
  struct Damage: Sendable, CustomTestStringConvertible {
    let file: String
    let words: [String]
    let change: @Sendable (inout JSONObject) -> Void

    init(_ file: String, _ words: String..., change: @escaping @Sendable (inout JSONObject) -> Void)
    {
      self.file = file
      self.words = words
      self.change = change
    }

    var testDescription: String { words.joined(separator: " ") }
  }

  private static func config(_ key: String, _ value: JSONValue?, _ words: String...) -> Damage {
    let found = words.isEmpty ? ["config.json", key] : ["config.json"] + words
    var damage = Damage("config.json") { $0[key] = value }
    damage = Damage(file: "config.json", words: found, change: damage.change)
    return damage
  }

  private static func tokenizer(_ key: String, _ value: JSONValue?) -> Damage {
    Damage(file: "tokenizer.json", words: ["tokenizer.json", key]) { $0[key] = value }
  }

  private static func vocabulary(
    _ words: String..., change: @escaping @Sendable (inout JSONObject) -> Void
  ) -> Damage {
    Damage(file: "tokenizer.json", words: ["tokenizer.json"] + words) { tokenizer in
      var model = tokenizer["model"]?.objectValue ?? [:]
      var vocab = model["vocab"]?.objectValue ?? [:]
      change(&vocab)
      model["vocab"] = .object(vocab)
      tokenizer["model"] = .object(model)
    }
  }

  static let damages: [Damage] =
    [
      "model_type", "architectures", "num_attention_heads", "num_key_value_heads", "hidden_act",
      "attention_bias", "use_sliding_window", "num_hidden_layers", "vocab_size", "hidden_size",
      "head_dim", "intermediate_size", "max_position_embeddings", "tie_word_embeddings",
      "rms_norm_eps",
    ].map { config($0, nil, "\($0) is missing") } + [
      config("model_type", "llama", "model_type is \"llama\"", "\"qwen3\" is needed"),
      config("architectures", ["Qwen3ForSequenceClassification"]),
      config("num_attention_heads", 16, "num_attention_heads is 16, and 1 is needed"),
      config("num_key_value_heads", 8), config("num_attention_heads", 1.0),
      config("hidden_act", "gelu"), config("hidden_act", "\u{1B}[2J", "\\u{1B}[2J"),
      config("attention_bias", true), config("use_sliding_window", true),
      config("use_sliding_window", 0), config("tie_word_embeddings", "no"),
      config("layer_types", ["full_attention", "sliding_attention"]),
      config("layer_types", ["full_attention"]),
      config("rope_scaling", ["rope_type": "yarn", "factor": 4.0], "rope_scaling.factor is 4.0"),
      config("rope_scaling", ["type": "linear"], "rope_scaling.type is \"linear\""),
      config("rope_parameters", ["rope_type": "llama3", "rope_theta": 10000.0], "\"llama3\""),
      config("rope_parameters", ["rope_type": "default", "rope_theta": 5.0], "5.0", "10000.0"),
      config("rope_parameters", ["rope_theta": 10000.0], "rope_parameters.type is missing"),
      config("rope_parameters", "none"), config("rope_theta", "10000"),
      config("partial_rotary_factor", 0.5), config("quantization_config", ["bits": 4]),
      config("auto_map", ["AutoModel": "x.Y"]),
      config("hidden_size", 0, "width is 0"), config("hidden_size", -8, "width is -8"),
      config("hidden_size", 8.5, "hidden_size is 8.5"),
      config("hidden_size", .integer(.max), "width"),
      config("hidden_size", .unsigned(.max), "hidden_size"),
      config("head_dim", 7, "head width is 7"), config("num_hidden_layers", 1_000_000, "layer"),
      config("rms_norm_eps", 0.0, "normalization epsilon"),
      Damage("config.json", "too large") {
        $0["vocab_size"] = 1_000_000
        $0["hidden_size"] = 10_000
      },
      config("temper", ["format": 2, "attention": "softmax"], "temper.format is 2", "newer"),
      config("temper", ["format": 1, "attention": "sparsemax"], "model_type is \"qwen3\""),
      config("temper", ["format": 1, "attention": "hardmax"], "temper.attention"),
      config("temper", []),
      // Sizes that a model can have, but this one has not.
      config("hidden_size", 10, ""), config("hidden_size", 6, ""),
      config("head_dim", 8, ""), config("head_dim", 4, "q_proj", "[6, 8]", "[4, 8]"),
      config("intermediate_size", 13, ""), config("intermediate_size", 11, ""),
      config("vocab_size", 6, ""), config("vocab_size", 8, ""),
      Damage(file: "config.json", words: ["model.safetensors", "parameters"]) {
        $0["num_hidden_layers"] = 3
        $0["layer_types"] = nil
      },
      Damage(file: "config.json", words: ["model.safetensors", "no tensor", "layers.1"]) {
        $0["num_hidden_layers"] = 1
        $0["layer_types"] = nil
      },

      tokenizer("version", "2.0"), tokenizer("version", nil), tokenizer("normalizer", nil),
      tokenizer("normalizer", ["type": "NFC"]), tokenizer("pre_tokenizer", .null),
      tokenizer("decoder", .null), tokenizer("decoder", ["type": "ByteLevel"]),
      tokenizer("post_processor", ["type": "ByteLevel"]),
      tokenizer("added_tokens", [["id": 0, "content": "<s>", "special": true]]),
      tokenizer("model", nil), tokenizer("model", ["type": "BPE", "vocab": [:], "merges": []]),
      tokenizer("surprise", [:]),
      vocabulary("vocab_size 7", "6 characters") { $0["🇫🇷"] = nil },
      vocabulary("vocab_size 7", "8 characters") { $0["z"] = 7 },
      vocabulary("model.vocab.a is 7") { $0["a"] = 7 },
      vocabulary("is 1") { $0["a"] = 1 },
      vocabulary("is -1") { $0["a"] = -1 },
      vocabulary("is 2.0") { $0["a"] = 2.0 },
      vocabulary("is \"2\"") { $0["a"] = "2" },
      vocabulary("more than one character") {
        $0["a"] = nil
        $0["ab"] = 2
      },
      vocabulary("normalization form C") {
        $0["a"] = nil
        $0["a\u{308}"] = 2
      },
      vocabulary("empty") {
        $0["a"] = nil
        $0[""] = 2
      },
      vocabulary("no characters") { $0 = [:] },
      // The right number of characters, in another order or of another text.
      Damage(file: "tokenizer.json", words: ["other characters", "tokenizer.json"]) {
        vocabulary { vocab in
          vocab["a"] = 1
          vocab[" "] = 2
        }.change(&$0)
      },
      Damage(file: "tokenizer.json", words: ["other characters"]) {
        vocabulary { vocab in
          vocab["a"] = nil
          vocab["b"] = 2
        }.change(&$0)
      },
      Damage(file: "tokenizer.json", words: ["unk_token is \"a\""]) {
        var model = $0["model"]?.objectValue ?? [:]
        model["unk_token"] = "a"
        $0["model"] = .object(model)
      },
    ]

  @Test(arguments: damages) func isRefused(damage: Damage) throws {
    try Fixture.withFolder { path in
      try ModelFolder.save(try Fixture.contents(), to: path)
      try Fixture.edit(path + "/" + damage.file, damage.change)
      let message = Fixture.message { _ = try ModelFolder.load(path) }
      #expect(message.contains(path))
      for word in damage.words where !word.isEmpty && word != "config.json" {
        #expect(message.contains(word))
      }
      #expect(message.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
    }
  }

  @Test func whatIsNotThere() throws {
    try Fixture.withFolder { path in
      #expect(throws: ModelFolderError.missingFolder(path: path)) { try ModelFolder.load(path) }
      try Fixture.write([], path)
      #expect(throws: ModelFolderError.notAFolder(path: path)) { try ModelFolder.load(path) }
      try FileManager.default.removeItem(atPath: path)
      for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        try ModelFolder.save(try Fixture.contents(), to: path)
        try FileManager.default.removeItem(atPath: path + "/" + name)
        #expect(throws: ModelFolderError.missingFile(path: path + "/" + name)) {
          try ModelFolder.load(path)
        }
      }
      for name in ["generation_config.json", "tokenizer_config.json", "README.md"] {
        try ModelFolder.save(try Fixture.contents(), to: path)
        try FileManager.default.removeItem(atPath: path + "/" + name)
        _ = try ModelFolder.load(path)
        _ = try ModelFolder.inspect(path)
      }
      try FileManager.default.removeItem(atPath: path + "/config.json")
      try FileManager.default.createDirectory(
        atPath: path + "/config.json", withIntermediateDirectories: false)
      #expect(throws: FileError(.open, path: path + "/config.json", code: EISDIR)) {
        try ModelFolder.load(path)
      }
    }
  }

  @Test(arguments: [
    "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_new_tokens",
  ])
  func generationDefaultsAreChecked(key: String) throws {
    try Fixture.withFolder { path in
      try ModelFolder.save(try Fixture.contents(), to: path)
      for value: JSONValue in [-1, "1", [1]] {
        try Fixture.edit(path + "/generation_config.json") { $0[key] = value }
        let message = Fixture.message { _ = try ModelFolder.inspect(path) }
        #expect(message.contains("generation_config.json") && message.contains(key))
      }
    }
  }

  @Test func otherTensorsThanExpected() throws {
    try Fixture.withFolder { path in
      let contents = try Fixture.contents()
      try Fixture.saveLikeTransformers(
        contents, to: path, extra: [("model.extra.weight", [2], [1, 2])])
      let file = path + "/model.safetensors"
      #expect(throws: ModelFolderError.unexpectedTensor(file: file, tensor: "model.extra.weight")) {
        try ModelFolder.load(path)
      }
      try Fixture.saveLikeTransformers(contents, dtype: "U8", to: path)
      #expect(Fixture.message { _ = try ModelFolder.load(path) }.contains("is U8"))
      // The output projection that config.json does not speak of, and the other way round.
      try Fixture.saveLikeTransformers(contents, to: path)
      try Fixture.edit(path + "/config.json") { $0["tie_word_embeddings"] = true }
      #expect(throws: ModelFolderError.untiedHead(file: file)) { try ModelFolder.load(path) }
      try Fixture.saveLikeTransformers(try Fixture.contents(isTied: true), to: path)
      try Fixture.edit(path + "/config.json") { $0["tie_word_embeddings"] = false }
      #expect(Fixture.message { _ = try ModelFolder.load(path) }.contains("parameters"))
    }
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity]) func weightsAreFinite(value: Float) throws {
    try Fixture.withFolder { path in
      let contents = try Fixture.contents()
      for entry in contents.parameters.entries {
        let row = contents.parameters.row(entry)
        let old = row[row.count - 1]
        row[row.count - 1] = value
        try Fixture.saveLikeTransformers(contents, to: path)
        row[row.count - 1] = old
        #expect(
          throws: SafetensorsError.notFinite(
            file: path + "/model.safetensors", tensor: entry.name, index: row.count - 1)
        ) { try ModelFolder.load(path) }
      }
    }
  }

  // MARK: - Damage

  /// Whatever is done to the JSON files, reading them ends, with a model or an error that is safe
  /// to print.
  @Test func changedBytesNeverTrap() throws {
    try Fixture.withFolder { path in
      try ModelFolder.save(try Fixture.contents(), to: path)
      var generator = SystemRandomNumberGenerator()
      let seed = UInt64.random(in: 0 ... .max, using: &generator)
      var state = seed
      func random(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
      }
      let alphabet = Array(#"{}[]":,\0123456789-.eEtrufalsn "#.utf8) + [0, 0x1B, 0x80, 0xF0, 0xFF]
      for name in ["config.json", "tokenizer.json", "generation_config.json"] {
        let original = try Fixture.read(path + "/" + name)
        for _ in 0..<500 {
          var bytes = original
          for _ in 0...random(3) {
            let position = random(bytes.count)
            switch random(4) {
            case 0: bytes[position] ^= 1 << UInt8(random(8))
            case 1: bytes[position] = alphabet[random(alphabet.count)]
            case 2: bytes.insert(alphabet[random(alphabet.count)], at: position)
            default: bytes.removeSubrange(position..<min(bytes.count, position + 1 + random(9)))
            }
          }
          try Fixture.write(bytes, path + "/" + name)
          do {
            _ = try ModelFolder.inspect(path)
          } catch {
            #expect(
              "\(error)".unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F },
              "seed \(seed)")
          }
        }
        try Fixture.write(original, path + "/" + name)
      }
    }
  }

  @Test func trainersOfOtherSavesAreRefused() throws {
    try Fixture.withFolder { path in
      var contents = try Fixture.contents()
      let configuration = contents.parameters.configuration
      contents.trainer = Fixture.trainer(configuration)
      try ModelFolder.save(contents, to: path)
      let first = try Fixture.files(path)
      contents.trainer = Fixture.trainer(configuration, seed: 9)
      contents.trainer?.state = ["step": 21]
      contents.parameters = Fixture.parameters(configuration, seed: 7)
      try ModelFolder.save(contents, to: path)
      let second = try Fixture.files(path)
      for name in ["trainer/state.json", "trainer/state.safetensors", "model.safetensors"] {
        try Fixture.write(try #require(first[name]), path + "/" + name)
        let message = Fixture.message {
          _ = try ModelFolder.loadTrainer(path, configuration: configuration)
        }
        #expect(message.contains("has changed since it was saved"))
        try Fixture.write(try #require(second[name]), path + "/" + name)
      }
      let wider = try Fixture.configuration(headWidth: 4)
      #expect(
        Fixture.message { _ = try ModelFolder.loadTrainer(path, configuration: wider) }
          .contains("shape"))
      try FileManager.default.removeItem(atPath: path + "/trainer/state.safetensors")
      #expect(throws: ModelFolderError.missingFile(path: path + "/trainer/state.safetensors")) {
        try ModelFolder.loadTrainer(path, configuration: configuration)
      }
    }
  }
}

extension ModelFolderReadingTests.Damage {
  init(file: String, words: [String], change: @escaping @Sendable (inout JSONObject) -> Void) {
    self.file = file
    self.words = words
    self.change = change
  }
}
