/// Cuts tokens into words, without regard to case.
///
/// A word is a run of letters and digits, apostrophes between two of them included ("don't"). Where
/// a script writes no spaces between words (Chinese characters, kana), each character counts as a
/// word of its own.
package struct Words: Sendable {
  private enum Kind {
    case letter, ideograph, apostrophe, other
  }

  /// Kind by token.
  private let kinds: [Kind]
  /// Token by token: one of those that differ from it in case at most.
  private let folded: [Int32]

  /// For tokens of a vocabulary.
  package init(_ vocabulary: Vocabulary) {
    var kinds: [Kind] = []
    var folded: [Int32] = []
    for (token, character) in vocabulary.characters.enumerated() {
      kinds.append(Self.kind(of: character))
      folded.append(vocabulary.token(of: character.lowercased()) ?? Int32(token))
    }
    self.kinds = kinds
    self.folded = folded
  }

  private static func kind(of character: String) -> Kind {
    guard let first = character.unicodeScalars.first else { return .other }
    if first == "'" || first == "\u{2019}" { return .apostrophe }
    let isKana = (0x3041...0x30FF).contains(first.value) || (0x31F0...0x31FF).contains(first.value)
    let properties = first.properties
    if isKana && properties.isAlphabetic || properties.isIdeographic { return .ideograph }
    return properties.isAlphabetic || properties.numericType == .decimal ? .letter : .other
  }

  /// The words of a text.
  package struct Cut: Sendable {
    /// The tokens, without regard to case.
    package let tokens: [Int32]
    /// Where each word is.
    package let ranges: [Range<Int>]
    /// Whether each word is spelled with letters or digits, rather than being an ideograph.
    package let isSpelled: [Bool]

    /// The words.
    package var words: [ArraySlice<Int32>] { ranges.map { tokens[$0] } }
    /// The words that are spelled.
    package var spelled: [ArraySlice<Int32>] {
      zip(ranges, isSpelled).filter(\.1).map { tokens[$0.0] }
    }
  }

  /// - Parameters:
  ///   - text: tokens of the vocabulary.
  ///   - startsInsideWord: whether the text goes on with a word that began before it; what is left
  ///     of that word does not count.
  ///   - endsInsideWord: whether the text may have been cut off inside its last word, which then
  ///     does not count.
  package func cut(
    _ text: [Int32], startsInsideWord: Bool = false, endsInsideWord: Bool = false
  ) -> Cut {
    let tokens = text.map { kinds.indices.contains(Int($0)) ? folded[Int($0)] : $0 }
    func kind(_ position: Int) -> Kind {
      guard tokens.indices.contains(position) else { return .other }
      let token = Int(tokens[position])
      return kinds.indices.contains(token) ? kinds[token] : .other
    }
    var ranges: [Range<Int>] = []
    var isSpelled: [Bool] = []
    var position = 0
    while position < tokens.count {
      let start = position
      position += 1
      switch kind(start) {
      case .ideograph:
        ranges.append(start..<position)
        isSpelled.append(false)
      case .letter:
        while kind(position) == .letter
          || kind(position) == .apostrophe && kind(position + 1) == .letter
        {
          position += 1
        }
        if startsInsideWord && start == 0 || endsInsideWord && position == tokens.count {
          continue
        }
        ranges.append(start..<position)
        isSpelled.append(true)
      case .apostrophe, .other: break
      }
    }
    return Cut(tokens: tokens, ranges: ranges, isSpelled: isSpelled)
  }

  /// Whether a text of these tokens ends with a letter or a digit.
  package func endsWithLetter(_ text: [Int32]) -> Bool {
    guard let last = text.last, kinds.indices.contains(Int(last)) else { return false }
    return kinds[Int(last)] == .letter
  }
}
