import Foundation
import Testing
import Text

@Suite struct DisplayTests {
  /// What must never reach a terminal: by the standard library's tables, not by ours.
  static func isForbidden(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == "\n" || scalar == "\t" { return false }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .lineSeparator, .paragraphSeparator:
      return true
    case .unassigned: return true
    default: return false
    }
  }

  @Test func nothingThatSteersATerminalGetsThrough() {
    let base: [Unicode.Scalar] = ["a", "\u{1F600}", "\u{915}", "\u{94D}", "\u{627}"]
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let forbidden = Self.isForbidden(scalar)
      for text in [String(scalar), "a" + String(scalar) + "b"] {
        let safe = Display.safe(text)
        if safe.unicodeScalars.contains(where: Self.isForbidden) {
          Issue.record("U+\(String(value, radix: 16)) gets through as \(codePoints(safe))")
        }
        if forbidden && safe.utf8.elementsEqual(text.utf8) {
          Issue.record("U+\(String(value, radix: 16)) is not shown")
        }
      }
      // Among other characters too, where utf8proc might see them as part of a cluster.
      let isJoiner = scalar == "\u{200C}" || scalar == "\u{200D}"
      guard forbidden, !isJoiner, scalar.properties.age != nil, value < 0xE000 || value > 0xF8FF,
        value < 0xF0000
      else { continue }
      for base in base {
        let safe = Display.safe(String(base) + String(scalar) + String(base))
        if safe.unicodeScalars.contains(where: Self.isForbidden) {
          Issue.record("U+\(String(value, radix: 16)) gets through after \(base)")
        }
      }
    }
  }

  @Test func everythingOrdinaryStaysAsItIs() {
    for text in [
      "Once upon a time,\n\tthere was", "café", "e\u{301}q\u{302}", "漢字、かな。", "각", "हिन्दी", "ไทย",
      "العربية", "עברית", "👨‍👩‍👧", "👩🏽‍🚀", "❤️", "❤️‍🔥", "🇩🇪", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "می‌خواهم", "क्‍ष", "葛\u{E0100}",
      "\u{FFFD}", "¿…—“”", "\\u{9B}",
    ] {
      #expect(Display.safe(text).utf8.elementsEqual(text.utf8), "\(text)")
    }
  }

  @Test(arguments: [
    ("\u{1B}[31mred", "␛[31mred"), ("\u{9B}31m", "\\u{9B}31m"), ("a\rb", "a␍b"), ("\r\n", "␍\n"),
    ("\u{7}\u{8}\u{0}\u{7F}", "␇␈␀␡"), ("\u{202E}abc\u{202C}", "\\u{202E}abc\\u{202C}"),
    ("\u{2066}\u{2069}\u{200E}\u{200F}\u{61C}", "\\u{2066}\\u{2069}\\u{200E}\\u{200F}\\u{61C}"),
    ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"), ("a\u{200B}b\u{FEFF}", "a\\u{200B}b\\u{FEFF}"),
    ("a\u{200D}b", "a\\u{200D}b"), ("a\u{200C}b", "a\\u{200C}b"), ("\u{200D}", "\\u{200D}"),
    ("😀\u{200D}a", "😀\\u{200D}a"), ("\u{E000}", "\\u{E000}"), ("\u{10FFFF}", "\\u{10FFFF}"),
    ("\u{378}", "\\u{378}"), ("a\u{E0041}b", "a\\u{E0041}b"), ("\u{FE0F}", "\\u{FE0F}"),
    ("\u{3164}", "\\u{3164}"), ("\u{90}q\u{9C}", "\\u{90}q\\u{9C}"), ("\u{AD}", "\\u{AD}"),
  ])
  func whatIsHiddenIsShown(_ text: String, _ expected: String) {
    #expect(Display.safe(text) == expected)
  }

  @Test func controlsSplitOverPiecesAreShownToo() {
    for text in ["\u{1B}]0;title\u{7}", "\u{9B}2J\u{1B}[H", "\u{1B}\u{301}[2J", "a\u{9D}b\u{9C}"] {
      for piece in text.unicodeScalars.map(String.init) + [text] {
        #expect(!Display.safe(piece).unicodeScalars.contains(where: Self.isForbidden))
      }
    }
  }

  @Test func randomTextIsMadeSafeAndAtMostJoined() {
    for seed in UInt64(0)..<2000 {
      var generator = SeededGenerator(seed: seed)
      let safe = Display.safe(randomText(60, using: &generator))
      let left = Set(safe.unicodeScalars.filter(Self.isForbidden).map(\.value))
      #expect(left.isSubset(of: [0x200C, 0x200D]), "seed \(seed)")
      #expect(Display.safe(safe).utf8.elementsEqual(safe.utf8), "seed \(seed)")
    }
  }

  @Test func oneLine() {
    #expect(Display.inline("a\n\tb\r\n") == "a␊␉b␍␊")
    #expect(Display.inline("plain") == "plain")
  }

  @Test func longClustersAreCutShortVisibly() {
    let tall = "a" + String(repeating: "\u{301}", count: 10_000)
    let safe = Display.safe(tall + "b")
    #expect(safe.unicodeScalars.count < 50)
    #expect(safe.hasSuffix("\\u{…}b"))
  }

  @Test(arguments: [
    ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("\u{301}", 0), ("漢字", 4), ("한", 2), ("ｶ", 1),
    ("Ａ", 2), ("😀", 2), ("👨‍👩‍👧", 2), ("👍🏽", 2), ("🇩🇪", 2), ("🇩🇪🇫🇷", 4), ("❤️", 2), ("1️⃣", 2), ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
    ("\u{1112}\u{1161}\u{11AB}", 2), ("␛", 1), ("…", 1), ("“a”", 3), ("「」", 4), ("กำ", 1),
    ("ไทย", 3),
  ])
  func widths(_ text: String, _ width: Int) {
    #expect(Display.width(of: text) == width)
  }

  @Test func columnsLineUp() {
    #expect(Display.padded("abc", to: 5) == "abc  ")
    #expect(Display.padded("12", to: 5, alignedRight: true) == "   12")
    #expect(Display.padded("漢字", to: 5) == "漢字 ")
    #expect(Display.truncated("漢字漢字", to: 5) == "漢字…")
    #expect(Display.truncated("漢字漢字", to: 4) == "漢…")
    #expect(Display.padded("漢字漢字", to: 4) == "漢… ")
    #expect(Display.truncated("abc", to: 3) == "abc")
    #expect(Display.truncated("abcd", to: 3) == "ab…")
    #expect(Display.truncated("👨‍👩‍👧👨‍👩‍👧", to: 3) == "👨‍👩‍👧…")
    #expect(Display.truncated("abc", to: 1) == "…")
    #expect(Display.truncated("abc", to: 0) == "")
    #expect(Display.truncated("abc", to: -1) == "")
    #expect(Display.truncated("", to: 0) == "")
    for width in 1...12 {
      for text in ["", "abc漢字e\u{301}🇩🇪👍🏽xyz", "漢"] {
        #expect(Display.width(of: Display.padded(text, to: width)) == width)
      }
    }
  }

  @Test func charactersInSentences() {
    #expect(Display.quoted("é") == "\"é\" (U+00E9)")
    #expect(Display.quoted(" ") == "the space (U+0020)")
    #expect(Display.quoted("\u{1B}") == "\"␛\" (U+001B)")
    #expect(Display.quoted("\u{9B}") == "(U+009B)")
    #expect(Display.quoted("\\") == "\"\\\" (U+005C)")
    #expect(Display.quoted("👍🏽") == "\"👍🏽\" (U+1F44D U+1F3FD)")
    #expect(Display.list(["a", "b\u{1B}"]) == "a, b␛")
    #expect(Display.list(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more")
  }
}
