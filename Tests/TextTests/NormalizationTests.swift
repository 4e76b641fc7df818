import Foundation
import Testing
import Text

@Suite struct NormalizationTests {
  // MARK: UTF-8

  /// Each ill-formed form of the Unicode Standard, table 3-7, and where its first byte is.
  static let invalid: [(bytes: [UInt8], offset: Int)] = [
    ([0x80], 0), ([0xBF], 0), ([0x61, 0x80], 1),  // continuation bytes alone
    ([0xC0, 0x80], 0), ([0xC1, 0xBF], 0), ([0x61, 0x62, 0xC0, 0xAF], 2),  // overlong, 2 bytes
    ([0xE0, 0x80, 0x80], 0), ([0xE0, 0x9F, 0xBF], 0),  // overlong, 3 bytes
    ([0xF0, 0x80, 0x80, 0x80], 0), ([0xF0, 0x8F, 0xBF, 0xBF], 0),  // overlong, 4 bytes
    ([0xED, 0xA0, 0x80], 0), ([0xED, 0xAF, 0xBF], 0), ([0xED, 0xB0, 0x80], 0),
    ([0xED, 0xBF, 0xBF], 0), ([0x0A, 0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80], 1),  // surrogates
    ([0xF4, 0x90, 0x80, 0x80], 0), ([0xF5, 0x80, 0x80, 0x80], 0), ([0xF7, 0xBF, 0xBF, 0xBF], 0),
    ([0xF8, 0x88, 0x80, 0x80, 0x80], 0), ([0xFC, 0x84, 0x80, 0x80, 0x80, 0x80], 0),
    ([0xFE], 0), ([0xFF], 0), ([0xFF, 0xFE, 0x61, 0x00], 0),
    ([0xC3], 0), ([0x61, 0xC3], 1), ([0xC3, 0x61], 0), ([0xC3, 0xC3, 0xA9], 0),  // cut short
    ([0xE4, 0xBD], 0), ([0xE4], 0), ([0xE4, 0x61, 0xA0], 0), ([0xE4, 0xBD, 0x61], 0),
    ([0xF0, 0x9F, 0x98], 0), ([0xF0, 0x9F], 0), ([0xF0], 0), ([0xF0, 0x9F, 0x98, 0x61], 0),
    ([0xF0, 0x28, 0x8C, 0xBC], 0), ([0xF0, 0x90, 0x28, 0xBC], 0),
    ([0xEF, 0xBB, 0xBF, 0x61, 0x80], 4),  // after a byte-order mark: counted in the file
    ([0xEF, 0xBB], 0), ([0x65, 0xCC, 0x81, 0x0D, 0x0A, 0xFF], 5),  // after what gets rewritten
  ]

  @Test(arguments: invalid.indices)
  func invalidUTF8IsRefusedWithItsOffset(_ index: Int) throws {
    let (bytes, offset) = Self.invalid[index]
    let error = #expect(throws: TextError.self) {
      _ = try Normalization.normalize(bytes, source: "some.txt")
    }
    guard case .invalidUTF8("some.txt", let found, _, let byte) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(found == offset)
    #expect(byte == bytes[offset])
    #expect(error?.description.contains("some.txt: not valid UTF-8 at byte \(offset) ") == true)
    // The standard library agrees that there is something wrong.
    #expect(String(validating: bytes, as: UTF8.self) == nil)
  }

  @Test func everySequenceOfTwoBytesIsJudgedAsTheStandardLibraryDoes() throws {
    for first in UInt8.min...UInt8.max {
      for second in UInt8.min...UInt8.max {
        let bytes = [0x20, first, second, 0x80, 0x20]
        let ours = (try? Normalization.normalize(bytes, source: "")) != nil
        #expect(ours == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
      }
    }
  }

  @Test func randomBytesAreJudgedAsTheStandardLibraryDoes() throws {
    var generator = SeededGenerator(seed: 2)
    let pool: [UInt8] = [0x41, 0x0D, 0x80, 0x9F, 0xA0, 0xBF, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4]
    for _ in 0..<20_000 {
      let count = Int.random(in: 1...9, using: &generator)
      let bytes = (0..<count).map { _ in pool[Int.random(in: pool.indices, using: &generator)] }
      let ours = (try? Normalization.normalize(bytes, source: "")) != nil
      #expect(ours == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
    }
  }

  @Test func everyScalarIsAccepted() throws {
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let bytes = Array(String(scalar).utf8)
      #expect((try? Normalization.normalize(bytes, source: "")) != nil, "\(value)")
    }
  }

  @Test func errorsNameTheLineAndSuggestTheEncoding() throws {
    let latin = TextError.invalidUTF8(source: "a.txt", offset: 9, line: 3, byte: 0xE9)
    #expect(latin.description.contains("(line 3)"))
    #expect(latin.description.contains("WINDOWS-1252"))
    let utf16 = TextError.invalidUTF8(source: "a.txt", offset: 0, line: 1, byte: 0xFF)
    #expect(utf16.description.contains("UTF-16"))
    #expect(throws: TextError.invalidUTF8(source: "x", offset: 4, line: 3, byte: 0xFF)) {
      try Normalization.normalize([0x61, 0x0A, 0x62, 0x0A, 0xFF], source: "x")
    }
  }

  // MARK: Newlines and byte-order marks

  @Test(arguments: [
    ("a\r\nb", "a\nb"), ("a\rb", "a\nb"), ("\r", "\n"), ("\r\n", "\n"), ("\r\r\n\n", "\n\n\n"),
    ("a\r", "a\n"), ("\n\r", "\n\n"), ("\r\n\r\n", "\n\n"), ("é\r\né", "é\né"),
    ("e\r\u{301}", "e\n\u{301}"), ("\u{FEFF}a", "a"), ("\u{FEFF}", ""), ("a\u{FEFF}", "a\u{FEFF}"),
    ("\u{FEFF}\r\n", "\n"), ("\u{FEFF}\u{301}", "\u{301}"), ("", ""),
    ("\u{FEFF}\u{FEFF}", "\u{FEFF}"), ("\u{85}\u{2028}", "\u{85}\u{2028}"),
  ])
  func newlinesAndByteOrderMarks(_ text: String, _ expected: String) {
    #expect(Array(Normalization.normalize(text).utf8) == Array(expected.utf8))
  }

  // MARK: NFC

  @Test(arguments: [
    ("0065 0301", "00E9"), ("0041 030A", "00C5"), ("212B", "00C5"), ("2126", "03A9"),
    ("1100 1161", "AC00"), ("AC00 11A8", "AC01"), ("1100 1161 11A8", "AC01"),
    ("0064 0323 0307", "1E0D 0307"), ("0064 0307 0323", "1E0D 0307"),
    ("0344", "0308 0301"), ("0958", "0915 093C"), ("2ADC", "2ADD 0338"), ("F900", "8C48"),
    ("09C7 09BE", "09CB"), ("0CC6 0CC2 0CD5", "0CCB"), ("1025 102E", "1026"), ("304B 3099", "304C"),
    ("1D15E", "1D157 1D165"), ("FB1D", "05D9 05B4"),
    ("0061 0315 0300 05AE 0062", "00E0 05AE 0315 0062"),
    ("0065 0301 0065 0301", "00E9 00E9"), ("00E9 0301", "00E9 0301"),
    ("0061 0020 0301", "0061 0020 0301"),
    ("0041 0042 030A 0043", "0041 0042 030A 0043"), ("0045 0328 0301", "0118 0301"),
  ])
  func canonicalComposition(_ text: String, _ expected: String) {
    #expect(codePoints(Normalization.normalize(scalars(text))) == expected)
  }

  @Test func compositionAgreesWithFoundationOnEveryScalarAfterABase() {
    // Foundation may follow a later Unicode: only scalars as old as utf8proc's tables. Hangul has
    // a test of its own, because the standard library of Swift 6.3 composes some of it wrongly.
    for value in UInt32(0xA0)...0x2FA1F {
      guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age,
        age.major <= 13, !Self.hangul.contains(where: { $0.contains(value) }), value != 0xFEFF
      else { continue }
      for base in ["", "e", "\u{9C7}"] {
        let text = base + String(scalar)
        let expected = text.precomposedStringWithCanonicalMapping
        let found = Normalization.normalize(text)
        guard !found.utf8.elementsEqual(expected.utf8) else { continue }
        Issue.record("\(codePoints(text)): \(codePoints(found)), not \(codePoints(expected))")
      }
    }
  }

  static let hangul: [ClosedRange<UInt32>] = [0x1100...0x11FF, 0xAC00...0xD7A3]

  @Test func compositionAgreesWithFoundationOnRandomText() {
    let pool = interestingScalars().filter { scalar in
      !Self.hangul.contains { $0.contains(scalar.value) }
    }
    for seed in UInt64(0)..<1000 {
      var generator = SeededGenerator(seed: seed)
      let text = "." + randomText(60, from: pool, using: &generator)
      let expected = text.precomposedStringWithCanonicalMapping
      let found = Normalization.normalize(text)
      guard !found.utf8.elementsEqual(expected.utf8) else { continue }
      Issue.record(
        "seed \(seed), \(codePoints(text)): \(codePoints(found)), not \(codePoints(expected))")
    }
  }

  /// The arithmetic of the Unicode Standard, section 3.12: 19 initial consonants, 21 vowels and 27
  /// final consonants, each combination a syllable; their neighbours compose with nothing.
  @Test func hangulIsComposedByItsArithmetic() throws {
    for initial in UInt32(0)..<20 {
      for vowel in UInt32(0)..<22 {
        for final in UInt32(0)..<29 {
          let jamo = [0x1100 + initial, 0x1161 + vowel, 0x11A7 + final]
          var expected = jamo
          if initial < 19, vowel < 21 {
            let syllable = 0xAC00 + (initial * 21 + vowel) * 28
            expected = final > 0 && final < 28 ? [syllable + final] : [syllable, jamo[2]]
          }
          #expect(codes(Normalization.normalize(string(jamo))) == expected)
          if expected.count == 2 {
            #expect(codes(Normalization.normalize(string(expected))) == expected)
          } else if expected.count == 1 {
            let parts = [expected[0] - final, jamo[2]]
            #expect(codes(Normalization.normalize(string(parts))) == expected)
          }
        }
      }
    }
    // U+11A7, one before the first final consonant, must not disappear, wherever it stands.
    for text in ["\u{11A7}", "가\u{11A7}\u{11A7}e\u{301}", "\u{11A7}\u{301}", "가\u{301}\u{11A7}각"] {
      let expected = text.replacingOccurrences(of: "e\u{301}", with: "é")
      #expect(codePoints(Normalization.normalize(text)) == codePoints(expected))
    }
  }

  private func string(_ values: [UInt32]) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: values.compactMap(Unicode.Scalar.init))
    return String(text)
  }

  private func codes(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }

  @Test func normalizingTwiceIsNormalizingOnce() {
    for seed in UInt64(0)..<500 {
      var generator = SeededGenerator(seed: seed)
      let once = Normalization.normalize("." + randomText(60, using: &generator))
      #expect(Normalization.normalize(once).utf8.elementsEqual(once.utf8), "seed \(seed)")
    }
  }

  @Test func marksInTheWorstOrderTakeLinearTime() {
    // Two combining classes, alternating: sorting by exchanging neighbours would take 10^10 steps.
    let marks = String(repeating: "\u{301}\u{316}", count: 100_000)
    let clock = ContinuousClock()
    var found = ""
    let elapsed = clock.measure { found = Normalization.normalize("q" + marks) }
    let expected =
      "q" + String(repeating: "\u{316}", count: 100_000)
      + String(repeating: "\u{301}", count: 100_000)
    #expect(found.utf8.elementsEqual(expected.utf8))
    #expect(elapsed < .seconds(10))
  }
}

/// `0041 0301` as text.
func scalars(_ list: String) -> String {
  var text = String.UnicodeScalarView()
  for item in list.split(separator: " ") {
    if let value = UInt32(item, radix: 16), let scalar = Unicode.Scalar(value) {
      text.append(scalar)
    }
  }
  return String(text)
}
