import Testing
import Text
import Workbench

/// A model that has learnt nothing but how to take over a terminal.
@Suite struct EscapeTests {
  /// Colours, cursor movements, titles and clipboards, in 7 and in 8 bits, and text that runs backwards.
  static let sequences = [
    "\u{1B}[31m", "\u{1B}[2J", "\u{1B}[H", "\u{1B}]0;title\u{7}", "\u{1B}]52;c;YQ==\u{1B}\\",
    "\u{1B}P$q\u{1B}\\", "\u{9B}2J", "\u{9D}0;x\u{9C}", "\u{90}q\u{9C}", "\u{8}\u{8}\u{8}",
    "\u{202E}abc\u{202C}", "\u{2066}ab\u{2069}", "\u{200F}\u{61C}\u{200E}", "\u{7F}", "\u{0}",
    "\u{1B}\u{301}c", "a\u{200D}b", "\u{FEFF}", "\u{E000}", "text\n",
  ]

  static func trained() throws -> LanguageModel {
    var numbers = TestNumbers(seed: 1)
    let text = (0..<3000).map { _ in numbers.element(of: sequences) }.joined()
    let settings = TrainerTests.settings(steps: 60) {
      ($0.layers, $0.width, $0.headWidth, $0.feedForward) = (1, 16, 8, 16)
      $0.dropout = 0
    }
    let trainer = try Trainer(
      Trainer.Job(corpus: try Corpus(text: text), settings: settings, threads: 1))
    try trainer.run()
    return trainer.languageModel
  }

  @Test func noneOfItReachesATerminal() throws {
    let model = try Self.trained()
    var escapes = 0
    let generator = try Generator(model, prompt: "", seed: 1, length: 200_000)
    for character in generator {
      if character.text.utf8.contains(0x1B) { escapes += 1 }
      // As the terminal gets it: each character by itself, so a sequence is always split.
      for scalar in Display.safe(character.text).unicodeScalars {
        let value = scalar.value
        let isControl = value < 0x20 && value != 0x0A && value != 0x09
        let isLateControl = (0x7F...0x9F).contains(value)
        let isBidi =
          (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
          || [0x200E, 0x200F, 0x61C].contains(value)
        if isControl || isLateControl || isBidi {
          Issue.record("U+\(String(value, radix: 16)) gets through")
        }
      }
    }
    // It has learnt them, and tries.
    #expect(escapes > 2000)
  }
}
