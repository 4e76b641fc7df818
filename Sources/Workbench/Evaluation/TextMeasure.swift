import Text

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What can be measured of a generated text to see what the temperature does to it.
public enum TextMeasure: String, CaseIterable, Sendable {
  /// The mean entropy of the distributions drawn from, in bits a character.
  case entropyBits = "entropy_bits"
  /// The mean of -log2 p in the distributions drawn from (temperature and filters included): the
  /// model's own loss of its text.
  case lossBits = "loss_bits"
  /// The mean of -log2 p in the model's distributions at T = 1, nothing left out.
  case modelLossBits = "model_loss_bits"
  /// How many different words there are, as a share of all words. Source: Li et al., "A
  /// Diversity-Promoting Objective Function for Neural Conversation Models" (2016), for n words in a
  /// row.
  case distinct1 = "distinct_1"
  case distinct2 = "distinct_2"
  case distinct3 = "distinct_3"
  case distinct4 = "distinct_4"
  /// The share of characters in stretches of `repeatedStretch` characters that have occurred before
  /// in the same text.
  case repetition
  /// The share of words that occur in the corpus.
  case knownWords = "known_words"
  /// The share of different words that do not occur in the corpus.
  case newWords = "new_words"
  /// The longest stretch copied from the corpus, in characters.
  case longestCopy = "longest_copy"

  /// Shorter repetitions than this many characters are what any text has.
  public static let repeatedStretch = 16

  /// Whether it takes a corpus to tell.
  public var needsCorpus: Bool {
    switch self {
    case .knownWords, .newWords, .longestCopy: true
    default: false
    }
  }

  /// Values that it can have.
  public var bounds: ClosedRange<Double> {
    switch self {
    case .entropyBits, .lossBits, .modelLossBits, .longestCopy: 0...(.infinity)
    default: 0...1
    }
  }

  /// Whether it is a share, which people read as a percentage.
  package var isShare: Bool { bounds.upperBound == 1 }

  /// What a person calls it.
  package var title: String {
    switch self {
    case .entropyBits: "entropy, bits a character"
    case .lossBits: "own loss at T, bits a character"
    case .modelLossBits: "loss at T = 1, bits a character"
    case .distinct1: "different words"
    case .distinct2: "different pairs of words"
    case .distinct3: "different triples of words"
    case .distinct4: "different fours of words"
    case .repetition: "repeated text"
    case .knownWords: "words of the corpus"
    case .newWords: "new words"
    case .longestCopy: "longest copy, characters"
    }
  }

  /// What it tells, in a sentence.
  package var explanation: String {
    switch self {
    case .entropyBits:
      "how undecided the model was: the mean entropy of the distributions that were drawn from"
    case .lossBits:
      "how surprising the characters were to the model as it was drawing, temperature and filters "
        + "included"
    case .modelLossBits:
      "how surprising they are to the model itself, at T = 1 with nothing left out"
    case .distinct1:
      "different words as a share of all words (distinct-1); a Chinese character or a kana counts as "
        + "a word"
    case .distinct2, .distinct3, .distinct4:
      "the same for several words in a row (distinct-n)"
    case .repetition:
      "characters in stretches of \(Self.repeatedStretch) that have occurred before in the same "
        + "text, as a share of all"
    case .knownWords:
      "words that occur in the corpus, upper or lower case, as a share of all that are spelled "
        + "with letters"
    case .newWords:
      "words that do not occur in the corpus, as a share of all different ones"
    case .longestCopy:
      "the longest stretch that stands in the corpus word for word"
    }
  }

  /// A value as a person reads it.
  package func shown(_ value: Double) -> String {
    if isShare { return (100 * value).decimals(1) + "%" }
    return value.decimals(self == .longestCopy ? 1 : 3)
  }
}

/// The measures of one text; those that make no sense for it are missing.
public struct TextMeasures: Sendable, Equatable {
  private var values: [TextMeasure: Double] = [:]

  /// The value of a measure; nil where it makes no sense: without characters, words or corpus.
  public subscript(measure: TextMeasure) -> Double? { values[measure] }

  /// - Parameters:
  ///   - vocabulary: the model's.
  ///   - corpus: what the text may have been copied from.
  public init(_ sample: Sample, vocabulary: Vocabulary, corpus: CorpusIndex? = nil) {
    self.init(sample, words: corpus?.words ?? Words(vocabulary), vocabulary, corpus)
  }

  /// - Parameter words: what cuts into words; the corpus's, if there is one.
  init(_ sample: Sample, words: Words, _ vocabulary: Vocabulary, _ corpus: CorpusIndex?) {
    guard !sample.characters.isEmpty else { return }
    let bit = log(2.0)
    values[.entropyBits] = sample.entropy.map { $0 / bit }
    values[.lossBits] = sample.loss.map { $0 / bit }
    values[.modelLossBits] = sample.modelLoss.map { $0 / bit }

    let tokens = sample.characters.map(\.token)
    if let suffixes = SuffixArray(tokens) {
      values[.repetition] =
        Double(suffixes.repeatedTokens(inStretchesOf: TextMeasure.repeatedStretch))
        / Double(tokens.count)
    }
    // Half a word at either end is none of the model's words.
    let last = sample.prompt.last.flatMap { vocabulary.token(of: String($0)) }
    let isCut = if case .stop = sample.ending { false } else { true }
    let cut = words.cut(
      tokens, startsInsideWord: last.map { words.endsWithLetter([$0]) } ?? false,
      endsInsideWord: isCut)
    let all = cut.words
    let distinct: [TextMeasure] = [.distinct1, .distinct2, .distinct3, .distinct4]
    for (index, measure) in distinct.enumerated() {
      values[measure] = Self.distinctShare(all, inARow: index + 1)
    }
    guard let corpus else { return }
    values[.longestCopy] = Double(corpus.longestCopy(in: tokens))
    let spelled = cut.spelled
    guard !spelled.isEmpty else { return }
    values[.knownWords] = Double(spelled.count(where: corpus.contains)) / Double(spelled.count)
    let different = Set(spelled)
    values[.newWords] =
      Double(different.count { !corpus.contains($0) }) / Double(different.count)
  }

  private static func distinctShare(_ words: [ArraySlice<Int32>], inARow count: Int) -> Double? {
    let total = words.count - count + 1
    guard total > 0 else { return nil }
    let different = Set((0..<total).map { words[$0..<$0 + count] })
    return Double(different.count) / Double(total)
  }
}
