import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Softmax regression of the next character on the current one alone: what a text gives away without attention.
///
/// The model has a row of logits for each character. Its loss on a text depends on the counts c_ij of pairs only, and is least where softmax of
/// row i is c_ij / Σ_j c_ij. With α added to every count (so that no pair is impossible), p_ij = (c_ij + α) / (Σ_j c_ij + α V): the closed form.
///
/// `descended` finds the same by descent on the logits: the gradient of row i is p_i - t_i, t_i being the counts' shares, and each
/// coordinate's step is the gradient divided by p, which is about its curvature, and at most 1.
package struct BigramBaseline: Sendable {
  /// α.
  package static let smoothing = 0.1
  /// A vocabulary beyond this has too many pairs.
  package static let largestVocabulary = 4096
  /// A vocabulary beyond this takes too long to descend for.
  package static let largestDescent = 512

  /// V.
  private let size: Int
  /// t_ij, row after row: the closed form.
  private let probabilities: [Double]

  /// Counts the pairs of `tokens`, each in 0..<vocabulary size; nil for too large a vocabulary, or fewer than two characters.
  package init?(_ tokens: [Int32], vocabularySize: Int) {
    guard vocabularySize <= Self.largestVocabulary, tokens.count > 1 else { return nil }
    size = vocabularySize
    var counts = [Double](repeating: Self.smoothing, count: size * size)
    for (current, next) in zip(tokens, tokens.dropFirst()) {
      counts[Int(current) * size + Int(next)] += 1
    }
    for row in 0..<size {
      let range = row * size..<(row + 1) * size
      let sum = counts[range].reduce(0, +)
      for i in range { counts[i] /= sum }
    }
    probabilities = counts
  }

  private init(size: Int, probabilities: [Double]) {
    self.size = size
    self.probabilities = probabilities
  }

  /// The same by descent from logits of zero; nil for too large a vocabulary.
  package func descended() -> BigramBaseline? {
    guard size <= Self.largestDescent else { return nil }
    var result: [Double] = []
    result.reserveCapacity(probabilities.count)
    let row = Matrix<Double>(rows: 1, columns: size)
    for start in stride(from: 0, to: probabilities.count, by: size) {
      let target = probabilities[start..<start + size]
      var logits = [Double](repeating: 0, count: size)
      for _ in 0..<500 {
        for i in 0..<size { row[0][i] = logits[i] }
        Softmax.apply(row[0])
        var worst = 0.0
        for (i, t) in target.enumerated() {
          let gradient = row[0][i] - t
          worst = max(worst, abs(gradient) / t)
          logits[i] -= min(max(gradient / row[0][i], -1), 1)
        }
        if worst < 1e-9 { break }
      }
      result += row.elements
    }
    return BigramBaseline(size: size, probabilities: result)
  }

  /// The mean of -ln p(next | current) over all characters of a text but the first, in nats.
  package func loss(_ tokens: [Int32]) -> Double {
    var sum = 0.0
    for (current, next) in zip(tokens, tokens.dropFirst()) {
      sum -= log(probabilities[Int(current) * size + Int(next)])
    }
    return sum / Double(max(1, tokens.count - 1))
  }
}
