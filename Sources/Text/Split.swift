/// A corpus cut into what trains and what validates.
public struct Split: Sendable, Equatable {
  /// The tokens to learn from, document after document.
  public let training: [Int32]
  /// The tokens held back to measure with, document after document; empty if there are none.
  public let validation: [Int32]
  /// Whether the corpus was too short to hold anything back, so that all of it trains.
  public let isTooShortToValidate: Bool

  /// Cuts each document in two: its first part trains, its last `fraction` validates.
  ///
  /// A document of n tokens trains with `Int(Double(n) * (1 - fraction))`, so one document is cut
  /// where nanoGPT's `int(n * 0.9)` cuts it. A part of fewer than 2 tokens predicts nothing: if the
  /// cut left either part so short, everything trains and nothing validates.
  ///
  /// - Parameter fraction: at least 0 (nothing validates) and less than 1.
  public init(_ corpus: Corpus, validation fraction: Double) {
    precondition(fraction >= 0 && fraction < 1, "the validation fraction is in 0..<1")
    let cuts = corpus.documents.map { document in
      document.range.lowerBound + Int(Double(document.range.count) * (1 - fraction))
    }
    let trained = zip(corpus.documents, cuts).reduce(0) { $0 + $1.1 - $1.0.range.lowerBound }
    isTooShortToValidate = fraction > 0 && (trained < 2 || corpus.tokens.count - trained < 2)
    guard fraction > 0, !isTooShortToValidate else {
      training = corpus.tokens
      validation = []
      return
    }
    var training: [Int32] = []
    var validation: [Int32] = []
    training.reserveCapacity(trained)
    validation.reserveCapacity(corpus.tokens.count - trained)
    for (document, cut) in zip(corpus.documents, cuts) {
      training += corpus.tokens[document.range.lowerBound..<cut]
      validation += corpus.tokens[cut..<document.range.upperBound]
    }
    self.training = training
    self.validation = validation
  }
}
