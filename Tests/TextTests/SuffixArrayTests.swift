import Testing
import Text

@Suite struct SuffixArrayTests {
  /// Texts where sorting goes wrong if anything does: random ones over few and many tokens, runs,
  /// periods, Fibonacci and Thue-Morse words.
  private static func texts() -> [[Int32]] {
    var generator = SeededGenerator(seed: 11)
    var texts: [[Int32]] = [[], [0], [7], [0, 0], [1, 0], [0, 1], [2, 1, 0], [0, 1, 0, 1, 0]]
    for symbols: Int32 in [1, 2, 3, 26, 5000] {
      for length in [2, 3, 5, 8, 13, 40, 200, 700] {
        texts.append((0..<length).map { _ in Int32.random(in: 0..<symbols, using: &generator) })
      }
    }
    for period in 1...7 {
      for length in [9, 64, 301] {
        let part = (0..<period).map { _ in Int32.random(in: 0..<3, using: &generator) }
        texts.append((0..<length).map { part[$0 % period] })
      }
    }
    var (a, b): ([Int32], [Int32]) = ([0], [0, 1])
    while b.count < 600 { (a, b) = (b, b + a) }
    texts.append(b)
    texts.append((0..<512).map { Int32($0.nonzeroBitCount % 2) })
    return texts
  }

  @Test func suffixesAreInOrder() throws {
    for text in Self.texts() {
      let sorted = text.indices.sorted { text[$0...].lexicographicallyPrecedes(text[$1...]) }
      #expect(try #require(SuffixArray(text)).starts.map(Int.init) == sorted)
    }
  }

  @Test func sharedPrefixesAreThoseOfNeighbours() throws {
    for text in Self.texts() {
      let array = try #require(SuffixArray(text))
      let expected = array.starts.indices.map { position -> Int32 in
        guard position > 0 else { return 0 }
        let (a, b) = (Int(array.starts[position - 1]), Int(array.starts[position]))
        return Int32(zip(text[a...], text[b...]).prefix { $0 == $1 }.count)
      }
      #expect(array.sharedPrefixes == expected)
    }
  }

  @Test func theLongestMatchIsTheLongest() throws {
    var generator = SeededGenerator(seed: 12)
    for text in Self.texts() where text.count <= 301 {
      let array = try #require(SuffixArray(text))
      for _ in 0..<6 {
        // Pieces of the text with something in between, and something of its own.
        var pattern: [Int32] = []
        for _ in 0..<Int.random(in: 0...3, using: &generator) {
          if !text.isEmpty {
            let start = Int.random(in: 0..<text.count, using: &generator)
            pattern +=
              text[start..<min(start + Int.random(in: 0...40, using: &generator), text.count)]
          }
          pattern += (0..<Int.random(in: 0...3, using: &generator)).map { _ in
            Int32.random(in: 0..<4, using: &generator)
          }
        }
        let match = array.longestMatch(of: pattern)
        #expect((match?.length ?? 0) == Self.slowMatch(pattern, text))
        if let match {
          let found = text[match.textStart..<match.textStart + match.length]
          #expect(pattern[match.patternStart..<match.patternStart + match.length] == found)
        }
      }
    }
  }

  private static func slowMatch(_ pattern: [Int32], _ text: [Int32]) -> Int {
    var best = 0
    for p in pattern.indices {
      for t in text.indices {
        best = max(best, zip(pattern[p...], text[t...]).prefix { $0 == $1 }.count)
      }
    }
    return best
  }

  @Test func repeatedTokensAreThoseSeenBefore() throws {
    for text in Self.texts() where text.count <= 301 {
      let array = try #require(SuffixArray(text))
      for length in [1, 2, 3, 7, 16, 400] {
        var seen: Set<ArraySlice<Int32>> = []
        var isRepeated = [Bool](repeating: false, count: text.count)
        for start in text.indices where start + length <= text.count {
          let stretch = start..<start + length
          if !seen.insert(text[stretch]).inserted { for i in stretch { isRepeated[i] = true } }
        }
        #expect(array.repeatedTokens(inStretchesOf: length) == isRepeated.count { $0 })
      }
    }
  }

  @Test func tokensOutOfRangeAreRefused() {
    #expect(SuffixArray([0, -1]) == nil)
    #expect(SuffixArray([.max]) == nil)
  }

  @Test func wordsAreCutWithoutRegardToCase() throws {
    let text = "Don't stop, 'tis 7 o'clock: 中文 the THE x"
    let vocabulary = try Corpus(text: text + " dehst").vocabulary
    let words = Words(vocabulary)
    let tokens = try vocabulary.encode(text, source: "text")
    func shown(_ cut: Words.Cut) -> [String] { cut.words.map { vocabulary.decode($0) } }
    let whole = words.cut(tokens)
    #expect(
      shown(whole).map { $0.lowercased() } == [
        "don't", "stop", "tis", "7", "o'clock", "中", "文", "the", "the", "x",
      ])
    #expect(whole.spelled.count == 8)
    #expect(whole.words[7] == whole.words[8])
    let inside = words.cut(tokens, startsInsideWord: true, endsInsideWord: true)
    #expect(inside.words.count == whole.words.count - 2)
    #expect(words.endsWithLetter(tokens) && !words.endsWithLetter([]))
  }
}
