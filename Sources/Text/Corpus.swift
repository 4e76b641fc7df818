/// Text to learn from or to measure with: documents as tokens of a vocabulary.
public struct Corpus: Sendable {
  /// One file, or one text by another name.
  public struct Document: Sendable, Equatable {
    /// The file's path.
    public let name: String
    /// Its tokens' place in `Corpus.tokens`.
    public let range: Range<Int>
  }

  /// In reading order.
  public let documents: [Document]
  /// The documents' tokens, one after the other.
  public let tokens: [Int32]
  public let vocabulary: Vocabulary
  /// How often each token occurs, V counts.
  public let counts: [Int]
  /// The size of the files as read, before normalization.
  public let bytes: Int
  private let repeatedFiles: [String]

  /// Reads files, and folders of text files, with a vocabulary of their own: the sorted set of
  /// their characters.
  ///
  /// Takes memory for the largest file and 4 bytes for each character.
  ///
  /// - Throws: `TextError`: a file that cannot be read or is not UTF-8, a folder without text
  ///   files, no text, a single character.
  public static func read(_ paths: [String]) throws(TextError) -> Corpus {
    var builder = CorpusBuilder(vocabulary: nil)
    try builder.addFiles(paths)
    return try Corpus(builder, paths: paths)
  }

  /// Reads files, and folders of text files, into an existing vocabulary.
  ///
  /// - Parameters:
  ///   - vocabulary: a model's.
  ///   - extending: whether characters that it lacks are added after the existing ones, sorted; if
  ///     not, they are an error.
  /// - Returns: the corpus, and the characters added.
  /// - Throws: `TextError`, of which `.vocabularyMismatch` names the missing characters and the
  ///   place of the first.
  public static func read(
    _ paths: [String], vocabulary: Vocabulary, extending: Bool
  ) throws(TextError) -> (corpus: Corpus, added: [String]) {
    var builder = CorpusBuilder(vocabulary: vocabulary)
    try builder.addFiles(paths)
    if !extending { try builder.refuseAdditions() }
    let corpus = try Corpus(builder, paths: paths)
    return (corpus, Array(corpus.vocabulary.characters[vocabulary.count...]))
  }

  /// A corpus of one text that is already in memory.
  ///
  /// - Throws: `TextError.emptyCorpus`, `.tooFewCharacters`, `.singleCharacter`.
  public init(text: String, name: String = "text") throws(TextError) {
    var builder = CorpusBuilder(vocabulary: nil)
    builder.add(
      Normalization.normalizedBytes(of: text), name: name, size: text.utf8.count)
    try self.init(builder, paths: [name])
  }

  private init(_ builder: consuming CorpusBuilder, paths: [String]) throws(TextError) {
    let hadVocabulary = builder.known > 0
    builder.sortAdditions()
    documents = builder.documents
    tokens = builder.tokens
    vocabulary = Vocabulary(characters: builder.characters, index: builder.index)
    counts = builder.counts
    bytes = builder.size
    repeatedFiles = builder.repeatedFiles

    guard let first = tokens.first else { throw TextError.emptyCorpus(paths) }
    guard tokens.count >= 2 else {
      throw TextError.tooFewCharacters(count: tokens.count, source: Display.list(paths))
    }
    // With a vocabulary from elsewhere even one character may be worth measuring.
    guard hadVocabulary || vocabulary.count > 1 else {
      throw TextError.singleCharacter(
        character: vocabulary.characters[Int(first)], count: tokens.count)
    }
  }

  /// The characters seen least often, the rarest first, at most eight; those never seen left out.
  public var rarest: [(character: String, count: Int)] {
    let seen = counts.indices.filter { counts[$0] > 0 }
    return seen.sorted { (counts[$0], $0) < (counts[$1], $1) }.prefix(8).map {
      (vocabulary.characters[$0], counts[$0])
    }
  }

  /// What looks wrong with the text, in sentences for a person; empty if nothing does.
  ///
  /// The vocabulary is called too large when more than half of at least 200 distinct characters
  /// occur once, or when there are more than 20 sqrt(n) of them in n: Chinese prose stays below 13
  /// sqrt(n) at a thousand characters and 5 sqrt(n) at a hundred thousand.
  public var warnings: [String] {
    var warnings: [String] = []
    let distinct = counts.count { $0 > 0 }
    let once = counts.count { $0 == 1 }
    let isWide = Double(distinct) > 20 * Double(tokens.count).squareRoot()
    if distinct >= 200, isWide || once * 2 > distinct {
      warnings.append(
        "\(distinct) distinct characters in a text of \(tokens.count), \(once) of them seen only "
          + "once: this usually means another encoding, binary data, or too little text for its "
          + "script; what is seen once cannot be learned")
    }
    let replacements = count { $0 == 0xFFFD }
    if replacements > 0 {
      warnings.append(
        "\(replacements) × the replacement character (U+FFFD): the text was decoded wrongly before "
          + "it was saved; get it in its original encoding")
    }
    let controls = count(where: Self.isOddControl)
    if controls > 0 {
      warnings.append(
        "\(controls) × a control character: this usually means a binary file, or text in another "
          + "encoding (UTF-16, or Windows-1252 taken for Latin-1)")
    }
    let empty = documents.filter(\.range.isEmpty).map(\.name)
    if !empty.isEmpty { warnings.append("nothing in \(Display.list(empty))") }
    if !repeatedFiles.isEmpty {
      warnings.append("read more than once: \(Display.list(repeatedFiles))")
    }
    return warnings
  }

  /// How often characters whose first scalar matches occur.
  private func count(where matches: (UInt32) -> Bool) -> Int {
    zip(vocabulary.characters, counts).reduce(0) { total, entry in
      guard let scalar = entry.0.unicodeScalars.first, matches(scalar.value) else { return total }
      return total + entry.1
    }
  }

  /// Controls that text does not use: all but tab, line feed and form feed.
  private static func isOddControl(_ scalar: UInt32) -> Bool {
    UnicodeData.category(scalar) == .control && ![0x09, 0x0A, 0x0C].contains(scalar)
  }
}

/// Gathers documents: tokens in order of first sight, sorted at the end.
private struct CorpusBuilder {
  private(set) var documents: [Corpus.Document] = []
  private(set) var tokens: [Int32] = []
  private(set) var counts: [Int]
  private(set) var characters: [String]
  private(set) var index: ClusterIndex
  private(set) var size = 0
  private(set) var repeatedFiles: [String] = []
  /// How many characters there were to begin with.
  let known: Int
  private var firstAddition: (source: String, position: TextPosition)?

  init(vocabulary: Vocabulary?) {
    characters = vocabulary?.characters ?? []
    index = vocabulary?.index ?? ClusterIndex()
    known = characters.count
    counts = [Int](repeating: 0, count: known)
  }

  mutating func addFiles(_ paths: [String]) throws(TextError) {
    var seen: Set<TextFile.Identity> = []
    for path in try TextFile.expand(paths) {
      let (bytes, identity) = try TextFile.readIdentified(path)
      if !seen.insert(identity).inserted { repeatedFiles.append(path) }
      let size = bytes.count
      add(try Normalization.normalize(bytes, source: path), name: path, size: size)
    }
  }

  /// Adds a document of normalized UTF-8.
  mutating func add(_ bytes: [UInt8], name: String, size: Int) {
    reserve(bytes.count { $0 & 0xC0 != 0x80 })
    let start = tokens.count
    for cluster in Clusters(bytes) {
      var token = index.token(of: cluster, in: bytes)
      if token < 0 {
        token = Int32(truncatingIfNeeded: characters.count)
        if firstAddition == nil {
          firstAddition = (name, TextPosition(of: cluster.start, in: bytes))
        }
        characters.append(String(decoding: bytes[cluster.start..<cluster.end], as: UTF8.self))
        counts.append(0)
        index.insert(cluster, in: bytes, token: token)
      }
      counts[Int(token)] += 1
      tokens.append(token)
    }
    documents.append(Corpus.Document(name: name, range: start..<tokens.count))
    self.size += size
  }

  /// Room for at most `count` more tokens: exactly as much for one large file, a quarter more than
  /// there is for one of many small ones. Doubling would cost 12 bytes a character at its peak.
  private mutating func reserve(_ count: Int) {
    let needed = tokens.count + count
    if needed > tokens.capacity {
      tokens.reserveCapacity(max(needed, tokens.capacity + tokens.capacity / 4))
    }
  }

  func refuseAdditions() throws(TextError) {
    guard let firstAddition else { return }
    let missing = characters[known...]
    throw TextError.vocabularyMismatch(
      missing: Array(missing.prefix(10)), count: missing.count,
      position: firstAddition.position, source: firstAddition.source)
  }

  /// Sorts the characters that were added by their scalars (as UTF-8 bytes, which is the same
  /// order) and renames the tokens accordingly.
  mutating func sortAdditions() {
    let order = (known..<characters.count).sorted {
      characters[$0].utf8.lexicographicallyPrecedes(characters[$1].utf8)
    }
    var renamed = (0..<characters.count).map { Int32(truncatingIfNeeded: $0) }
    for (position, old) in order.enumerated() {
      renamed[old] = Int32(truncatingIfNeeded: known + position)
    }
    characters = characters[..<known] + order.map { characters[$0] }
    counts = counts[..<known] + order.map { counts[$0] }
    for position in tokens.indices { tokens[position] = renamed[Int(tokens[position])] }
    for character in characters[known...] {
      let bytes = Array(character.utf8)
      for cluster in Clusters(bytes) {
        let token = index.token(of: cluster, in: bytes)
        index.insert(cluster, in: bytes, token: renamed[Int(token)])
      }
    }
  }
}
