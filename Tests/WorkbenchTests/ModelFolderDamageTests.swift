import Foundation
import Safetensors
import Testing
import Text
import Transformer
import Workbench

private typealias Fixture = ModelFolderFixture

/// A folder of which a file is cut short anywhere, or has any bit flipped: it is refused, or is the very same model.
///
/// README.md and tokenizer_config.json say nothing that Temper reads, generation_config.json nothing that the model computes with.
@Suite struct ModelFolderDamageTests {
  /// A small folder with a training state.
  private func save(to path: String) throws -> LanguageModel {
    let configuration = try Configuration(
      vocabularySize: 3, layers: 1, width: 4, headWidth: 4, feedForward: 4, context: 8)
    try ModelFolder.save(
      ModelFolder.Contents(
        parameters: Fixture.parameters(configuration),
        vocabulary: try Vocabulary(characters: ["a", "é", "守"]), precision: .bfloat16,
        card: "# A card\n",
        provenance: Fixture.provenance,
        trainer: ModelFolder.TrainerFiles(
          state: ["step": 20, "random": JSONValue(UInt64.max), "loss": 0.1],
          tensors: [("weights", Fixture.parameters(configuration, seed: 5))])), to: path)
    return try ModelFolder.load(path)
  }

  /// Reads all that there is; nil if it is refused.
  private func read(_ path: String) -> (model: LanguageModel, trainer: ModelFolder.TrainerFiles)? {
    guard let model = try? ModelFolder.load(path),
      let trainer = try? ModelFolder.loadTrainer(path, configuration: model.configuration)
    else { return nil }
    return (model, trainer)
  }

  /// Whether what can be read of a damaged folder is what was saved.
  private func isTheSame(_ path: String, _ model: LanguageModel, _ state: JSONValue) -> Bool {
    guard let found = read(path) else { return false }
    return found.model.configuration == model.configuration
      && found.model.vocabulary == model.vocabulary
      && found.model.model.parameters.bits == model.model.parameters.bits
      && found.trainer.state == state
  }

  static let files = [
    "config.json", "tokenizer.json", "model.safetensors", "trainer/state.json",
    "trainer/state.safetensors",
  ]

  @Test(arguments: files) func truncationAtEveryByte(file: String) throws {
    try Fixture.withFolder { path in
      _ = try save(to: path)
      let bytes = try Fixture.read(path + "/" + file)
      // Without the line feed at its end a JSON file says the same; the training state is compared as bytes.
      let end = bytes.count - (["config.json", "tokenizer.json"].contains(file) ? 1 : 0)
      for length in 0..<end {
        try Fixture.write(Array(bytes[..<length]), path + "/" + file)
        #expect(read(path) == nil, "\(file) cut at \(length)")
      }
    }
  }

  @Test(arguments: ["model.safetensors", "trainer/state.safetensors"])
  func everyBitOfTheHeader(file: String) throws {
    try Fixture.withFolder { path in
      _ = try save(to: path)
      var bytes = try Fixture.read(path + "/" + file)
      let header = 8 + bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
      for bit in 0..<8 * header {
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        try Fixture.write(bytes, path + "/" + file)
        #expect(read(path) == nil, "bit \(bit) of \(file)")
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      }
    }
  }

  @Test(arguments: ["model.safetensors", "trainer/state.safetensors"])
  func tenThousandBitsOfTheData(file: String) throws {
    try Fixture.withFolder { path in
      let configuration = try Fixture.configuration()
      var contents = try Fixture.contents()
      contents.trainer = Fixture.trainer(configuration)
      try ModelFolder.save(contents, to: path)
      var bytes = try Fixture.read(path + "/" + file)
      let header = 8 + bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
      let bits = 8 * (bytes.count - header)
      let count = min(bits, 10_000)
      for number in 0..<count {
        let bit = 8 * header + number * bits / count
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        try Fixture.write(bytes, path + "/" + file)
        #expect(read(path) == nil, "bit \(bit) of \(file)")
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      }
      #expect(count == 10_000)
    }
  }

  /// In config.json a flipped bit may hit a key that nothing depends on, or a digit that is lost in rounding.
  @Test(arguments: files.filter { $0.hasSuffix(".json") })
  func everyBitOfTheJSON(file: String) throws {
    try Fixture.withFolder { path in
      let model = try save(to: path)
      let state = try #require(read(path)).trainer.state
      var bytes = try Fixture.read(path + "/" + file)
      var harmless = 0
      for bit in 0..<8 * bytes.count {
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        try Fixture.write(bytes, path + "/" + file)
        if read(path) != nil {
          harmless += 1
          #expect(isTheSame(path, model, state), "bit \(bit) of \(file)")
        }
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      }
      if file.hasPrefix("trainer") { #expect(harmless == 0) }
    }
  }

  /// The sampling defaults are read strictly where somebody asks for all of them.
  @Test func truncatedSamplingDefaults() throws {
    try Fixture.withFolder { path in
      _ = try save(to: path)
      let file = path + "/generation_config.json"
      let bytes = try Fixture.read(file)
      for length in 0..<bytes.count - 1 {
        try Fixture.write(Array(bytes[..<length]), file)
        #expect(throws: (any Error).self, "cut at \(length)") { try ModelFolder.inspect(path) }
      }
    }
  }

  /// What may be edited changes nothing that the model computes with.
  @Test func everyBitOfWhatMayBeEdited() throws {
    try Fixture.withFolder { path in
      let model = try save(to: path)
      let state = try #require(read(path)).trainer.state
      for file in ["generation_config.json", "tokenizer_config.json", "README.md"] {
        var bytes = try Fixture.read(path + "/" + file)
        for bit in 0..<8 * bytes.count {
          bytes[bit / 8] ^= 1 << UInt8(bit % 8)
          try Fixture.write(bytes, path + "/" + file)
          #expect(isTheSame(path, model, state), "bit \(bit) of \(file)")
          bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
        try Fixture.write(bytes, path + "/" + file)
      }
    }
  }
}
