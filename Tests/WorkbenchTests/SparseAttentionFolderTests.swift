import Safetensors
import Testing
import Text
import Transformer
import Workbench

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

private typealias Fixture = ModelFolderFixture

/// Models with sparse attention: kept, resumed, and refused where something says that they are
/// others.
@Suite struct SparseAttentionFolderTests {
  static let sparse = [Normalizer.sparsemax, .entmax15]

  private static func contents(_ attention: Normalizer) throws -> ModelFolder.Contents {
    var configuration = try Fixture.configuration()
    configuration.attention = attention
    var contents = try Fixture.contents()
    contents.parameters = Fixture.parameters(configuration)
    return contents
  }

  @Test(arguments: sparse) func comesBack(_ attention: Normalizer) throws {
    try Fixture.withFolder { path in
      let contents = try Self.contents(attention)
      try ModelFolder.save(contents, to: path)
      let model = try ModelFolder.load(path)
      #expect(model.configuration == contents.parameters.configuration)
      #expect(model.model.parameters.bits == contents.parameters.bits)
      #expect(try ModelFolder.inspect(path).configuration.attention == attention)
    }
  }

  /// One key that says otherwise than the rest: which of them is right, nobody can tell.
  @Test func contradictionsAreRefused() throws {
    let damages: [(words: String, change: (inout JSONObject) -> Void)] = [
      ("model_type is \"qwen3\"", { $0["model_type"] = "qwen3" }),
      ("architectures", { $0["architectures"] = ["Qwen3ForCausalLM"] }),
      ("model_type is \"temper_sparse\"", { $0["temper"] = nil }),
      ("temper.attention is missing", { $0["temper"] = ["format": 1] }),
      (
        "model_type is \"temper_sparse\"",
        { $0["temper"] = ["format": 1, "attention": "softmax"] }
      ),
      ("temper.attention is \"top\"", { $0["temper"] = ["format": 1, "attention": "top"] }),
      ("temper.attention is 3", { $0["temper"] = ["format": 1, "attention": 3] }),
      ("temper.format is 2", { $0["temper"] = ["format": 2, "attention": "sparsemax"] }),
    ]
    for (words, change) in damages {
      try Fixture.withFolder { path in
        try ModelFolder.save(try Self.contents(.sparsemax), to: path)
        try Fixture.edit(path + "/config.json", change)
        let message = Fixture.message { _ = try ModelFolder.load(path) }
        #expect(message.contains(words) && message.contains("config.json"), "\(message)")
      }
    }
  }

  /// A card must not send anybody to a library that refuses the model.
  @Test func theCardPromisesNothing() throws {
    let card = ModelCard(
      name: "far", configuration: try Self.contents(.entmax15).parameters.configuration,
      precision: .float32, provenance: Fixture.provenance)
    let text = card.markdown
    #expect(text.contains("\n- entmax15\n") && text.contains("temper repl --model ./far"))
    for words in ["AutoModel", "library_name", "- qwen3"] { #expect(!text.contains(words)) }
  }

  @Test(arguments: sparse) func resumesExactly(_ attention: Normalizer) throws {
    try TrainerTests.withFolder { folder in
      let file = folder + "/text.txt"
      try TrainerTests.text(words: 1500).write(toFile: file, atomically: true, encoding: .utf8)
      let settings = TrainerTests.settings { $0.attention = attention }
      var weights: [[UInt32]] = []
      for (name, pause) in [("whole", Int.max), ("parts", 5)] {
        let out = folder + "/" + name
        var taken = 0
        let job = Trainer.Job(
          corpus: try Corpus.read([file]), settings: settings, threads: 2, folder: out)
        try Trainer(job).run(
          shouldStop: { taken == pause }, onEvent: { if case .step = $0 { taken += 1 } })
        if pause < 12 {
          #expect(try Trainer(resuming: out, paths: [file], threads: 1).run().step == 12)
        }
        weights.append(try ModelFolder.load(out).model.parameters.bits)
      }
      #expect(weights[0] == weights[1])
    }
  }

  /// Fine-tuning keeps what the model was.
  @Test func theBaseDecides() throws {
    var base = try Fixture.configuration()
    base.attention = .sparsemax
    let settings = try TrainingSettings(
      TrainingOptions(), trainingCharacters: 10_000, base: base)
    #expect(settings.attention == .sparsemax)
    #expect(try settings.configuration(vocabularySize: 7).attention == .sparsemax)
  }

  /// Training states from before there was another attention, and ones that nobody wrote.
  @Test func attentionInTrainingStates() throws {
    let settings = TrainingSettings()
    var json = try #require(settings.json.objectValue)
    json["attention"] = nil
    #expect(TrainingSettings(json: .object(json)) == settings)
    for wrong: JSONValue in ["hardmax", 1, .null] {
      json["attention"] = wrong
      #expect(TrainingSettings(json: .object(json)) == nil)
    }
  }
}
