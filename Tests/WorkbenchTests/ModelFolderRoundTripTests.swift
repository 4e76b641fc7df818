import Foundation
import Safetensors
import Testing
import Text
import Transformer
import Workbench

private typealias Fixture = ModelFolderFixture

@Suite struct ModelFolderRoundTripTests {
  @Test(arguments: [true, false]) func float32IsExact(isTied: Bool) throws {
    try Fixture.withFolder { path in
      let contents = try Fixture.contents(isTied: isTied)
      try ModelFolder.save(contents, to: path)
      let model = try ModelFolder.load(path)
      #expect(model.name == "model")
      #expect(model.configuration == contents.parameters.configuration)
      #expect(model.vocabulary == contents.vocabulary)
      #expect(model.model.parameters.bits == contents.parameters.bits)
    }
  }

  @Test func bfloat16IsRoundedToNearestEven() throws {
    try Fixture.withFolder { path in
      var contents = try Fixture.contents(precision: .bfloat16)
      // A tie below an even and one below an odd last bit, and the values beside the first.
      let special: [Float] = [
        0x1.01p0, 0x1.03p0, (0x1.01p0 as Float).nextUp, (0x1.01p0 as Float).nextDown,
      ]
      for (index, value) in special.enumerated() { contents.parameters.elements[index] = value }
      try ModelFolder.save(contents, to: path)
      let loaded = try ModelFolder.load(path).model.parameters
      #expect(loaded.elements.elements[..<4] == [1, 0x1.04p0, 0x1.02p0, 1])
      for (found, exact) in zip(loaded.elements.elements, contents.parameters.elements.elements) {
        #expect(found.bitPattern & 0xFFFF == 0)
        #expect(abs(found - exact) <= 0x1p-8 * abs(exact))
      }
      // What is BF16 already stays as it is.
      contents.parameters = loaded
      try ModelFolder.save(contents, to: path)
      #expect(try ModelFolder.load(path).model.parameters.bits == loaded.bits)
    }
  }

  @Test func theSameContentsGiveTheSameBytes() throws {
    try Fixture.withFolder { path in
      var contents = try Fixture.contents(precision: .bfloat16)
      contents.trainer = Fixture.trainer(contents.parameters.configuration)
      try ModelFolder.save(contents, to: path)
      let first = try Fixture.files(path)
      try ModelFolder.save(contents, to: path)
      #expect(try Fixture.files(path) == first)
      #expect(
        first.keys.sorted() == [
          "README.md", "config.json", "generation_config.json", "model.safetensors",
          "tokenizer.json", "tokenizer_config.json", "trainer/state.json",
          "trainer/state.safetensors",
        ])
    }
  }

  @Test func theTrainerIsExact() throws {
    try Fixture.withFolder { path in
      var contents = try Fixture.contents(precision: .bfloat16)
      let configuration = contents.parameters.configuration
      let trainer = Fixture.trainer(configuration)
      contents.trainer = trainer
      try ModelFolder.save(contents, to: path)
      let loaded = try ModelFolder.loadTrainer(path, configuration: configuration)
      #expect(loaded.state == trainer.state)
      #expect(loaded.tensors.map(\.name) == trainer.tensors.map(\.name))
      for (found, expected) in zip(loaded.tensors, trainer.tensors) {
        #expect(found.values.bits == expected.values.bits)
      }
      // A model without it takes the old one's away, and keeps a person's own files.
      try Fixture.write([1], path + "/notes.txt")
      contents.trainer = nil
      try ModelFolder.save(contents, to: path)
      #expect(try FileSystem.kind(of: path + "/trainer") == nil)
      #expect(try Fixture.read(path + "/notes.txt") == [1])
      #expect(throws: ModelFolderError.noTrainer(path: path)) {
        try ModelFolder.loadTrainer(path, configuration: configuration)
      }
    }
  }

  @Test func inspecting() throws {
    try Fixture.withFolder { path in
      var contents = try Fixture.contents(precision: .bfloat16)
      contents.generationDefaults = ModelFolder.GenerationDefaults(
        temperature: 0.5, topK: 5, minP: 0.05, repetitionPenalty: 1.1, length: 30)
      contents.trainer = Fixture.trainer(contents.parameters.configuration)
      try ModelFolder.save(contents, to: path)
      let found = try ModelFolder.inspect(path)
      #expect(found.configuration == contents.parameters.configuration)
      #expect(found.provenance == Fixture.provenance)
      #expect(found.generationDefaults == contents.generationDefaults)
      #expect(found.precision == "bfloat16")
      #expect(found.checksum?.count == 64)
      #expect(found.hasTrainer)
      let sizes = Dictionary(uniqueKeysWithValues: found.files.map { ($0.name, $0.bytes) })
      #expect(try sizes == Fixture.files(path).mapValues(\.count))
    }
  }

  @Test func greedyGenerationDefaults() throws {
    try Fixture.withFolder { path in
      var contents = try Fixture.contents()
      contents.generationDefaults.temperature = 0
      contents.provenance = nil
      try ModelFolder.save(contents, to: path)
      let found = try ModelFolder.inspect(path)
      #expect(found.generationDefaults?.temperature == 0)
      #expect(found.provenance == nil)
    }
  }

  // MARK: - Folders of transformers

  @Test(arguments: [true, false], ["F32", "BF16", "F16"])
  func transformersFoldersLoad(isTied: Bool, dtype: String) throws {
    try Fixture.withFolder { path in
      let contents = try Fixture.contents(isTied: isTied)
      let kept: UInt32 = ["F32": ~0, "BF16": ~0xFFFF, "F16": ~0x1FFF][dtype, default: 0]
      try Fixture.saveLikeTransformers(contents, dtype: dtype, to: path)
      let model = try ModelFolder.load(path)
      #expect(model.vocabulary == contents.vocabulary)
      #expect(model.configuration == contents.parameters.configuration)
      for (found, exact) in zip(model.model.parameters.bits, contents.parameters.bits)
      where Float(bitPattern: exact).magnitude > 0x1p-14 {
        #expect(found == exact & kept)
      }
      let inspection = try ModelFolder.inspect(path)
      #expect(inspection.checksum == nil)
      #expect(inspection.provenance == nil)
    }
  }

  @Test func aTiedFolderMayRepeatTheEmbedding() throws {
    try Fixture.withFolder { path in
      let contents = try Fixture.contents(isTied: true)
      let embedding = contents.parameters.row(contents.parameters.entries[0]).elements
      func save(_ head: [Float], _ shape: [Int]) throws {
        try Fixture.saveLikeTransformers(
          contents, to: path, extra: [("lm_head.weight", shape, head)])
      }
      let shape = contents.parameters.entries[0].shape
      try save(embedding, shape)
      #expect(try ModelFolder.load(path).model.parameters.bits == contents.parameters.bits)
      try save([0] + embedding.dropFirst(), shape)
      #expect(throws: ModelFolderError.untiedHead(file: path + "/model.safetensors")) {
        try ModelFolder.load(path)
      }
      try save(embedding, shape.reversed())
      #expect(Fixture.message { _ = try ModelFolder.load(path) }.contains("shape [8, 7]"))
    }
  }

  @Test func olderTransformersConfigurations() throws {
    try Fixture.withFolder { path in
      try Fixture.saveLikeTransformers(try Fixture.contents(), to: path)
      try Fixture.edit(path + "/config.json") { config in
        config["rope_parameters"] = nil
        config["rope_theta"] = 500_000
        config["rope_scaling"] = .null
        config["layer_types"] = nil
        config["torch_dtype"] = "bfloat16"
        config["something_of_tomorrow"] = 5
      }
      #expect(try ModelFolder.load(path).configuration.ropeTheta == 500_000)
    }
  }

  /// Keys and values that transformers and MLX need.
  @Test func whatOtherProgramsRead() throws {
    try Fixture.withFolder { path in
      try ModelFolder.save(try Fixture.contents(precision: .bfloat16), to: path)
      let config = try JSON.parse(Fixture.read(path + "/config.json"))
      #expect(config["architectures"] == ["Qwen3ForCausalLM"])
      #expect(config["rope_theta"] == 10000.0)
      #expect(config["rope_parameters"] == ["rope_type": "default", "rope_theta": 10000.0])
      #expect(config["dtype"] == "bfloat16")
      #expect(config["eos_token_id"] == .null)
      #expect(config["layer_types"] == ["full_attention", "full_attention"])
      let generation = try JSON.parse(Fixture.read(path + "/generation_config.json"))
      #expect(generation["top_k"] == 0)
      let weights = try SafetensorsFile(path: path + "/model.safetensors")
      #expect(weights.header.metadata["format"] == "pt")
      let tokenizer = try JSON.parse(Fixture.read(path + "/tokenizer.json"))
      #expect(tokenizer["model"]?["vocab"]?["👩‍👩‍👧‍👦"] == 5)
    }
  }
}
