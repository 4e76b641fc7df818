import Testing
import Text

@Suite struct ClusterTests {
  /// Code points with ÷ where UAX #29 allows a boundary and × where it does not.
  static let cuts: [String] = [
    // GB1, GB2, GB999: everything stands by itself unless a rule says otherwise.
    "÷ 0061 ÷", "÷ 0061 ÷ 0062 ÷", "÷ 0020 ÷ 0020 ÷", "÷ 4E00 ÷ 4E8C ÷", "÷ 0061 ÷ 4E00 ÷",
    // GB3, GB4, GB5: controls.
    "÷ 000D × 000A ÷", "÷ 000A ÷ 000D ÷", "÷ 000D ÷ 000D ÷", "÷ 000A ÷ 000A ÷", "÷ 0061 ÷ 000A ÷",
    "÷ 000A ÷ 0301 ÷", "÷ 000D ÷ 0301 ÷", "÷ 0000 ÷ 0301 ÷", "÷ 0061 ÷ 0000 ÷", "÷ 200B ÷ 0308 ÷",
    "÷ 0061 ÷ 200B ÷ 0062 ÷", "÷ 00AD ÷ 0301 ÷", "÷ 2028 ÷ 0308 ÷", "÷ FEFF ÷ 0061 ÷",
    "÷ 0061 × 0308 ÷ 000D × 000A ÷", "÷ 0001 ÷ 1F600 ÷",
    // GB6, GB7, GB8: Hangul syllables.
    "÷ 1100 × 1100 ÷", "÷ 1100 × 1160 ÷", "÷ 1100 × AC00 ÷", "÷ 1100 × AC01 ÷", "÷ AC00 × 1160 ÷",
    "÷ AC00 × 11A8 ÷", "÷ 1160 × 1160 ÷", "÷ 1160 × 11A8 ÷", "÷ AC01 × 11A8 ÷", "÷ 11A8 × 11A8 ÷",
    "÷ AC01 ÷ 1160 ÷", "÷ AC00 ÷ 1100 ÷", "÷ 11A8 ÷ 1160 ÷", "÷ 1160 ÷ 1100 ÷", "÷ AC00 ÷ AC00 ÷",
    "÷ 1100 × 1160 × 11A8 ÷ 1100 ÷", "÷ 1100 × 0308 ÷ 1160 ÷",
    // GB9: extending characters and the joiner.
    "÷ 0061 × 0301 ÷", "÷ 0061 × 0301 × 0323 ÷ 0062 ÷", "÷ 0301 ÷", "÷ 0301 × 0301 ÷ 0061 ÷",
    "÷ 0061 × 200D ÷ 0062 ÷", "÷ 0061 × 200C ÷ 0062 ÷", "÷ 0031 × FE0F × 20E3 ÷ 0032 ÷",
    "÷ 0915 × 094D ÷", "÷ 4E00 × FE00 ÷", "÷ 4E00 × E0100 ÷ 4E8C ÷", "÷ 3042 × 3099 ÷",
    // GB9a: spacing marks. GB9b: prepended signs.
    "÷ 0915 × 093F ÷", "÷ 0915 × 0940 × 0902 ÷ 0916 ÷", "÷ 0E01 × 0E33 ÷", "÷ 0020 × 0903 ÷",
    "÷ 0600 × 0661 ÷", "÷ 0600 × 0600 × 0061 ÷", "÷ 0061 ÷ 0600 × 0062 ÷", "÷ 0600 ÷ 000A ÷",
    "÷ 0600 × 0301 ÷", "÷ 0600 × 1F1E9 × 1F1EA ÷ 1F1E9 ÷",
    // GB11: emoji sequences.
    "÷ 1F468 × 200D × 1F469 × 200D × 1F467 ÷ 1F600 ÷", "÷ 1F44D × 1F3FD ÷ 1F44D ÷",
    "÷ 1F469 × 1F3FD × 200D × 1F680 ÷", "÷ 2764 × FE0F × 200D × 1F525 ÷", "÷ 1F600 ÷ 1F600 ÷",
    "÷ 1F600 × 200D ÷ 0061 ÷", "÷ 0061 × 200D ÷ 1F600 ÷", "÷ 1F600 × 0308 × 200D × 1F600 ÷",
    "÷ 1F600 × 200D × 200D ÷ 1F600 ÷", "÷ 1F3F4 × 200D × 2620 × FE0F ÷", "÷ 00A9 × 200D × 00AE ÷",
    "÷ 1F3F4 × E0067 × E0062 × E0065 × E006E × E0067 × E007F ÷ 1F3F4 ÷",
    // GB12, GB13: flags are pairs of regional indicators.
    "÷ 1F1E9 × 1F1EA ÷", "÷ 1F1E9 × 1F1EA ÷ 1F1EB × 1F1F7 ÷", "÷ 1F1E9 × 1F1EA ÷ 1F1EB ÷",
    "÷ 0061 ÷ 1F1E9 × 1F1EA ÷ 0062 ÷", "÷ 1F1E9 × 200D ÷ 1F1EA ÷", "÷ 1F1E9 × 0308 ÷ 1F1EA ÷",
    "÷ 1F1E9 × 1F1EA × 200D ÷ 1F1EB × 1F1F7 ÷ 1F1EE ÷",
  ]

  @Test(arguments: cuts)
  func cutsOfTheRules(_ line: String) {
    let expected = line.split(separator: "÷").map {
      $0.split(separator: " ").filter { $0 != "×" }.joined(separator: " ")
    }.filter { !$0.isEmpty }
    let text = scalars(expected.joined(separator: " "))
    #expect(Normalization.clusters(of: text).map(codePoints) == expected)
  }

  @Test func cutsOfTheStandardLibraryWhereTheRulesAreTheSame() {
    // Later versions of the rules join Indic conjuncts; no viramas here.
    for seed in UInt64(0)..<3000 {
      var generator = SeededGenerator(seed: seed)
      let text = randomText(30, using: &generator)
      let expected = text.map { codePoints(String($0)) }
      #expect(Normalization.clusters(of: text).map(codePoints) == expected, "seed \(seed)")
    }
  }

  @Test func aLongClusterIsOneCharacterInLinearTime() throws {
    let tall = "a" + String(repeating: "\u{315}\u{323}\u{301}", count: 100_000)
    let clock = ContinuousClock()
    let elapsed = try clock.measure {
      let corpus = try Corpus(text: tall + "b" + tall, name: "tall")
      #expect(corpus.tokens.count == 3)
      #expect(corpus.vocabulary.count == 2)
      #expect(
        corpus.vocabulary.decode(corpus.tokens).utf8.elementsEqual(
          Normalization.normalize(tall + "b" + tall).utf8))
    }
    #expect(elapsed < .seconds(10))
  }

  @Test func tenThousandMarksOnOneLetter() throws {
    let vocabulary = try Corpus(text: "ab", name: "ab").vocabulary
    let tall = "a" + String(repeating: "\u{301}", count: 10_000)
    // In a prompt it falls back to its letter, and its error stays short.
    #expect(try vocabulary.encodePrompt(tall).tokens == [0])
    let error = #expect(throws: TextError.self) { try vocabulary.encode(tall, source: "x") }
    #expect(try #require(error).description.utf8.count < 400)
  }
}
