import Testing
import Text

@Suite struct VocabularyTests {
  @Test func charactersAreSortedByScalars() throws {
    let corpus = try Corpus(text: "zebra Äpfel\n漢😀e\u{301}a\u{FB01}", name: "text")
    #expect(
      corpus.vocabulary.characters == [
        "\n", " ", "a", "b", "e", "f", "l", "p", "r", "z", "Ä", "é", "漢", "\u{FB01}", "😀",
      ])
    for (token, character) in corpus.vocabulary.characters.enumerated() {
      #expect(corpus.vocabulary.token(of: character) == Int32(token))
    }
    #expect(corpus.vocabulary.token(of: "q") == nil)
    #expect(corpus.vocabulary.token(of: "") == nil)
    #expect(corpus.vocabulary.token(of: "ab") == nil)
    #expect(corpus.vocabulary.token(of: "👨‍👩‍👧") == nil)
  }

  @Test(arguments: [
    "🇩🇪", "👨‍👩‍👧", "👍🏽", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "각", "\u{1112}\u{1161}\u{11AB}\u{11AB}", "क्", "कि",
    "e\u{301}\u{323}", "q\u{301}", "\u{301}", "\u{0}", "\u{FEFF}", "❤️", "\u{200D}",
  ])
  func aClusterIsOneToken(_ character: String) throws {
    let corpus = try Corpus(text: "x" + "." + character + "y", name: "text")
    let isMark = character == "\u{301}" || character == "\u{200D}"
    // A mark or joiner by itself joins the full stop before it.
    #expect(corpus.tokens.count == (isMark ? 3 : 4))
    #expect(
      corpus.vocabulary.decode(corpus.tokens).utf8.elementsEqual(
        Normalization.normalize("x." + character + "y").utf8))
    let alone = Normalization.clusters(of: character).map { Normalization.normalize("x" + $0) }
    #expect(alone.count == 1)
  }

  @Test func anyOrderOfACheckedList() throws {
    let vocabulary = try Vocabulary(characters: ["b", "a", "é", "\u{FEFF}", "\u{0}", "👨‍👩‍👧", "\n"])
    #expect(vocabulary.count == 7)
    #expect(try vocabulary.encode("abe\u{301}\r\n👨‍👩‍👧", source: "x") == [1, 0, 2, 6, 5])
    #expect(vocabulary.decode([0, 1, 2]) == "baé")
    #expect(vocabulary.decode([0, 7, -1, .max, .min]) == "b\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}")
    #expect(vocabulary != (try Vocabulary(characters: ["a", "b"])))
    #expect(vocabulary == (try Vocabulary(characters: vocabulary.characters)))
  }

  @Test(arguments: [
    ([], 0), ([""], 0), (["a", ""], 1), (["ab"], 0), (["a", "b", "a"], 2), (["e\u{301}"], 0),
    (["\r"], 0), (["\r\n"], 0), (["\u{212B}"], 0), (["a", "\u{1F1E9}\u{1F1EA}\u{1F1EB}"], 1),
    (["é", "e\u{301}"], 1), (["a", "\u{FEFF}b"], 1),
  ])
  func unusableLists(_ characters: [String], _ index: Int) {
    let error = #expect(throws: TextError.self) { try Vocabulary(characters: characters) }
    guard case .invalidVocabulary(index, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func encodingAndDecodingIsNormalizing() throws {
    for seed in UInt64(0)..<1000 {
      var generator = SeededGenerator(seed: seed)
      let text = "ab" + randomText(80, using: &generator)
      let corpus = try Corpus(text: text, name: "text")
      let normal = Normalization.normalize(text)
      #expect(corpus.vocabulary.decode(corpus.tokens).utf8.elementsEqual(normal.utf8))
      #expect(try corpus.vocabulary.encode(text, source: "x") == corpus.tokens)
      let characters = corpus.vocabulary.characters
      #expect(
        zip(characters, characters.dropFirst()).allSatisfy {
          $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars)
        })
      #expect(try Vocabulary(characters: characters) == corpus.vocabulary)
    }
  }

  @Test func unknownCharactersAreNamedWithTheirPlace() throws {
    let vocabulary = try Vocabulary(characters: ["a", "b", "\n", "é"])
    #expect(
      throws: TextError.unknownCharacter(
        character: "c", position: TextPosition(line: 3, column: 3), source: "poem.txt")
    ) {
      try vocabulary.encode("ab\r\n\nae\u{301}c", source: "poem.txt")
    }
    #expect(throws: TextError.self) { try vocabulary.encode("\u{301}", source: "x") }
    let error = TextError.unknownCharacter(
      character: "\u{1B}", position: TextPosition(line: 1, column: 2), source: "a\u{1B}[2J.txt")
    #expect(error.description.contains("U+001B"))
    #expect(error.description.contains("a␛[2J.txt:1:2"))
    #expect(!error.description.unicodeScalars.contains("\u{1B}"))
    let mark = TextError.unknownCharacter(
      character: "\u{301}", position: TextPosition(line: 1, column: 1), source: "x")
    #expect(mark.description.contains("\"\u{25CC}\u{301}\" (U+0301)"))
    let hidden = TextError.unknownCharacter(
      character: "\u{202E}", position: TextPosition(line: 1, column: 1), source: "x")
    #expect(hidden.description.contains("(U+202E) is not"))
  }

  // MARK: Prompts

  static let english =
    "\n !\"'()*,-./:;?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789~"

  @Test(arguments: [
    ("ﬁsh", "fish"), ("Ⅷ", "VIII"), ("½", "1/2"), ("ｆｕｌｌ", "full"), ("①", "1"), ("x²", "x2"),
    ("café", "cafe"), ("CAFE\u{301}", "CAFE"), ("Ångström", "Angstrom"), ("ấ", "a"), ("ǖ", "u"),
    ("Søren Łódź", "Soren Lodz"), ("straße", "strasse"), ("Ærø", "Aero"), ("œuvre", "oeuvre"),
    ("“Hi,” he said, ‘no’", "\"Hi,\" he said, 'no'"), ("it’s", "it's"), ("«oui»", "\"oui\""),
    ("a–b—c−d", "a-b-c-d"), ("wait…", "wait..."), ("a\u{A0}b\u{2003}c\u{3000}d", "a b c d"),
    ("a\u{2028}b\u{85}c", "a\nb\nc"), ("a\tb", "a b"), ("¿Que? ¡No!", "?Que? !No!"),
    ("，。！？", ",.!?"), ("「a」", "\"a\""), ("（a）", "(a)"), ("3×4", "3x4"),
    ("a\u{200B}b\u{AD}c\u{FEFF}", "abc"), ("a\u{202E}b", "ab"), ("é\u{200D}", "e"), ("【a】", "(a)"),
    ("•", "*"), ("〜", "~"), ("\u{1D400}", "A"), ("ℌ", "H"), ("ﬀ", "ff"), ("㎏", "kg"),
  ])
  func lookAlikesInAPrompt(_ text: String, _ expected: String) throws {
    let vocabulary = try Vocabulary(characters: Self.english.map(String.init))
    let prompt = try vocabulary.encodePrompt(text)
    #expect(vocabulary.decode(prompt.tokens) == expected)
    #expect(!prompt.substitutions.isEmpty)
  }

  @Test func caseIsTriedAfterAccents() throws {
    let small = try Vocabulary(characters: ["a", "e", "é", "s", " "])
    #expect(small.decode(try small.encodePrompt("ASE").tokens) == "ase")
    #expect(small.decode(try small.encodePrompt("É").tokens) == "é")
    let large = try Vocabulary(characters: ["A", "E"])
    #expect(large.decode(try large.encodePrompt("aé").tokens) == "AE")
    let both = try Vocabulary(characters: ["E", "é"])
    #expect(both.decode(try both.encodePrompt("É").tokens) == "E")
  }

  @Test func quotationMarksFaceTheRightWay() throws {
    let curly = try Vocabulary(characters: ["a", " ", "“", "”", "‘", "’", "—", "."])
    #expect(
      curly.decode(try curly.encodePrompt("\"a\" \"a 'a' a'a\" - a...").tokens)
        == "“a” “a ‘a’ a’a” — a...")
    let corners = try Vocabulary(characters: ["a", "「", "」"])
    #expect(corners.decode(try corners.encodePrompt("\"a\"“a”").tokens) == "「a」「a」")
  }

  @Test func chineseTakesFullWidthPunctuation() throws {
    let chinese = try Vocabulary(characters: ["你", "好", "，", "。", "！", "？", "：", "（", "）", "Ａ"])
    #expect(chinese.decode(try chinese.encodePrompt("你好,好.好!好?(好):A").tokens) == "你好，好。好！好？（好）：Ａ")
  }

  @Test func emojiFallApart() throws {
    let emoji = try Vocabulary(characters: ["👩", "🚀", "👍", "❤"])
    #expect(emoji.decode(try emoji.encodePrompt("👩‍🚀👍🏽❤️").tokens) == "👩🚀👍❤")
  }

  @Test func eachSubstitutionIsReportedOnce() throws {
    let vocabulary = try Vocabulary(characters: ["e", "f", "\""])
    let prompt = try vocabulary.encodePrompt("éée“é”ée")
    #expect(
      prompt.substitutions == [
        Prompt.Substitution(character: "é", replacement: "e"),
        Prompt.Substitution(character: "“", replacement: "\""),
        Prompt.Substitution(character: "”", replacement: "\""),
      ])
    #expect(vocabulary.decode(prompt.tokens) == "eee\"e\"ee")
    #expect(try vocabulary.encodePrompt("fee") == Prompt(tokens: [1, 0, 0]))
    #expect(try vocabulary.encodePrompt("") == Prompt(tokens: []))
  }

  @Test func whatHasNoLookAlikeIsAnError() throws {
    let vocabulary = try Vocabulary(characters: ["a", " "])
    for text in ["a 漢", "a\u{1B}", "a z", "a \u{10FFFF}", "a😀"] {
      let error = #expect(throws: TextError.self) { try vocabulary.encodePrompt(text) }
      guard case .unknownCharacter(_, _, "prompt") = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  @Test func candidatesNeverRepeatTheCharacter() {
    for scalar in interestingScalars() {
      for character in Normalization.clusters(of: Normalization.normalize("." + String(scalar))) {
        let candidates = Normalization.fallbacks(for: character)
        #expect(!candidates.contains { $0.joined().utf8.elementsEqual(character.utf8) })
        #expect(Set(candidates).count == candidates.count)
      }
    }
  }

  @Test func aLongPromptIsQuick() throws {
    let vocabulary = try Vocabulary(characters: ["a", "e", "\""])
    let text = String(repeating: "é“a”", count: 250_000)
    let clock = ContinuousClock()
    let start = clock.now
    #expect(try vocabulary.encodePrompt(text).tokens.count == 1_000_000)
    let elapsed = clock.now - start
    #expect(elapsed < .seconds(10))
  }
}
