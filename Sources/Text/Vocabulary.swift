/// The V characters a model knows, each an extended grapheme cluster in NFC; a token is an index.
public struct Vocabulary: Sendable {
  /// Character by token. A corpus's own vocabulary is sorted by Unicode scalar values.
  public let characters: [String]
  let index: ClusterIndex

  /// A vocabulary as read from a file, in any order.
  ///
  /// - Throws: `TextError.invalidVocabulary` if there are no characters, or if one is empty, not in
  ///   NFC, not exactly one grapheme cluster, or there twice.
  public init(characters: [String]) throws(TextError) {
    guard !characters.isEmpty else {
      throw TextError.invalidVocabulary(index: 0, reason: "there are no characters at all")
    }
    var index = ClusterIndex()
    for (position, character) in characters.enumerated() {
      let bytes = Array(character.utf8)
      var clusters = Clusters(bytes)
      guard let cluster = clusters.next() else {
        throw TextError.invalidVocabulary(index: position, reason: "it is empty")
      }
      guard cluster.end == bytes.count else {
        throw TextError.invalidVocabulary(
          index: position,
          reason: "\(Display.quoted(character)) is more than one character (grapheme cluster)")
      }
      // A byte-order mark is a character of its own anywhere but at the start of a text.
      guard character == "\u{FEFF}" || Normalization.normalizedBytes(of: character) == bytes else {
        throw TextError.invalidVocabulary(
          index: position, reason: "\(Display.quoted(character)) is not in normalization form C")
      }
      guard index.token(of: cluster, in: bytes) < 0, let token = Int32(exactly: position) else {
        throw TextError.invalidVocabulary(
          index: position, reason: "\(Display.quoted(character)) is there twice")
      }
      index.insert(cluster, in: bytes, token: token)
    }
    self.characters = characters
    self.index = index
  }

  /// For characters that came out of a text and are known to be sound.
  init(characters: [String], index: ClusterIndex) {
    self.characters = characters
    self.index = index
  }

  /// V, the number of characters.
  public var count: Int { characters.count }

  /// The token of a character as it stands (not normalized), or `nil`.
  public func token(of character: String) -> Int32? {
    let bytes = Array(character.utf8)
    var clusters = Clusters(bytes)
    guard let cluster = clusters.next(), cluster.end == bytes.count else { return nil }
    let token = index.token(of: cluster, in: bytes)
    return token < 0 ? nil : token
  }

  /// The characters of tokens, joined. A token outside the vocabulary becomes U+FFFD.
  public func decode(_ tokens: some Sequence<Int32>) -> String {
    var text = ""
    for token in tokens {
      let position = Int(token)
      text += characters.indices.contains(position) ? characters[position] : "\u{FFFD}"
    }
    return text
  }

  /// The tokens of a text, normalized first; strict.
  ///
  /// - Parameter source: what to call the text in an error: a path, "prompt".
  /// - Throws: `TextError.unknownCharacter` at the first character that is not in the vocabulary.
  public func encode(_ text: String, source: String = "text") throws(TextError) -> [Int32] {
    let bytes = Normalization.normalizedBytes(of: text)
    var tokens: [Int32] = []
    tokens.reserveCapacity(text.unicodeScalars.count)
    for cluster in Clusters(bytes) {
      let token = index.token(of: cluster, in: bytes)
      guard token >= 0 else {
        throw TextError.unknownCharacter(
          character: String(decoding: bytes[cluster.start..<cluster.end], as: UTF8.self),
          position: TextPosition(of: cluster.start, in: bytes), source: source)
      }
      tokens.append(token)
    }
    return tokens
  }

  /// The tokens of what a person typed, with look-alikes for characters the model does not know
  /// (see `Normalization.fallbacks(for:opening:)`).
  ///
  /// - Throws: `TextError.unknownCharacter` where neither the character nor a look-alike is known.
  public func encodePrompt(_ text: String, source: String = "prompt") throws(TextError) -> Prompt {
    let bytes = Normalization.normalizedBytes(of: text)
    var tokens: [Int32] = []
    var substitutions: [Prompt.Substitution] = []
    var reported: Set<Prompt.Substitution> = []
    var choices: [Unknown: [Int32]] = [:]
    var opening = true
    for cluster in Clusters(bytes) {
      defer { opening = Self.opens(after: cluster.scalar) }
      let token = index.token(of: cluster, in: bytes)
      if token >= 0 {
        tokens.append(token)
        continue
      }
      let character = String(decoding: bytes[cluster.start..<cluster.end], as: UTF8.self)
      let unknown = Unknown(character: character, opening: opening)
      if let choice = choices[unknown] {
        tokens += choice
        continue
      }
      guard let choice = fallback(for: character, opening: opening) else {
        throw TextError.unknownCharacter(
          character: character, position: TextPosition(of: cluster.start, in: bytes),
          source: source)
      }
      choices[unknown] = choice
      tokens += choice
      let substitution = Prompt.Substitution(
        character: character, replacement: decode(choice))
      if reported.insert(substitution).inserted { substitutions.append(substitution) }
    }
    return Prompt(tokens: tokens, substitutions: substitutions)
  }

  private struct Unknown: Hashable {
    let character: String
    let opening: Bool
  }

  /// Whether a quotation mark after this scalar opens: after a space, a bracket or a line's end.
  private static func opens(after scalar: UInt32) -> Bool {
    switch scalar {
    case 0x09, 0x0A, 0x20, 0xA0, 0x3000: true
    case 0x28, 0x5B, 0x7B, 0xFF08, 0x2014: true
    default: false
    }
  }

  private func fallback(for character: String, opening: Bool) -> [Int32]? {
    candidates: for candidate in Normalization.fallbacks(for: character, opening: opening) {
      var tokens: [Int32] = []
      for character in candidate {
        guard let token = token(of: character) else { continue candidates }
        tokens.append(token)
      }
      return tokens
    }
    return nil
  }
}

extension Vocabulary: Equatable {
  /// The same characters, byte for byte, in the same order.
  public static func == (left: Vocabulary, right: Vocabulary) -> Bool {
    left.characters.elementsEqual(right.characters) { $0.utf8.elementsEqual($1.utf8) }
  }
}

/// A prompt in a model's vocabulary.
public struct Prompt: Sendable, Equatable {
  /// A character that the vocabulary lacks and what stands for it; empty if it was left out.
  public struct Substitution: Sendable, Hashable {
    public let character: String
    public let replacement: String

    public init(character: String, replacement: String) {
      self.character = character
      self.replacement = replacement
    }
  }

  public let tokens: [Int32]
  /// Each distinct substitution once, in the order of first use.
  public let substitutions: [Substitution]

  public init(tokens: [Int32], substitutions: [Substitution] = []) {
    self.tokens = tokens
    self.substitutions = substitutions
  }
}
