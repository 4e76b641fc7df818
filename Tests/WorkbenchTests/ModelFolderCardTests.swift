import Testing
import Text
import Transformer
import Workbench

@Suite struct ModelFolderCardTests {
  private func card(name: String = "fables") throws -> ModelCard {
    ModelCard(
      name: name,
      configuration: try Configuration(
        vocabularySize: 70, layers: 4, width: 128, headWidth: 64, feedForward: 352, context: 256),
      precision: .bfloat16,
      provenance: ModelFolder.Provenance(
        corpus: ["fables.txt"], characters: 1_234_567, steps: 2000, charactersSeen: 8_192_000,
        validationLoss: 0.94999, command: "temper train corpus/fables.txt --out weights/fables"),
      corpusCharacters: [1_234_567], settings: [("optimizer", "muon"), ("batch", "16")],
      license: "mit")
  }

  @Test func saysWhatAReaderNeeds() throws {
    let text = try card().markdown
    #expect(text.hasPrefix("---\nlibrary_name: transformers\n"))
    for words in [
      "license: \"mit\"", "# fables", "1,234,567 characters", "| distinct characters | 70 |",
      "0.9500 nats per character", "1.3705", "the last 10% of the corpus", "| optimizer | muon |",
      "    temper train corpus/fables.txt --out weights/fables", "temper repl --model ./fables",
      "AutoModelForCausalLM", "stored as bfloat16", "8,192,000",
    ] { #expect(text.contains(words), "\(words)") }
  }

  /// A run that was resumed with other settings was made by several commands.
  @Test func eachCommandHasItsLine() throws {
    var card = try card(name: "fables")
    card.provenance.command = "temper train a.txt\ntemper train a.txt --resume --steps 9"
    #expect(
      card.markdown.contains(
        "\n    temper train a.txt\n    temper train a.txt --resume --steps 9\n"))
  }

  @Test func namesCannotBreakOut() throws {
    var card = try card(name: "a\"b\n# c' <script> \u{1B}[2J")
    card.provenance.corpus = ["x|y`z`\n", "*b*"]
    card.provenance.command = "temper train '```\n# no'"
    card.provenance.validationLoss = nil
    card.license = nil
    let text = card.markdown
    #expect(!text.contains("\u{1B}") && !text.contains("\n# c") && !text.contains("\n# no"))
    #expect(text.contains("x\\|y\\`z\\`") && !text.contains("<script> \u{1B}"))
    #expect(text.contains("folder = \"a\\\"b"))
    #expect(!text.contains("license:") && text.contains("None is stated"))
    #expect(!text.contains("validation loss"))
  }
}
