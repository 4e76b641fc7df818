import Transformer

/// Reproducible random numbers for a test. The seed is among the test's arguments, so a failure
/// names it.
public struct SeededValues: RandomNumberGenerator {
  private let generator: CounterGenerator
  private var counter: UInt64 = 0

  /// The same seed gives the same numbers in the same order.
  public init(seed: UInt64) {
    generator = CounterGenerator(seed: seed, stream: .checks)
  }

  public mutating func next() -> UInt64 {
    let words = generator.words(
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), 0, 4)
    counter += 1
    return UInt64(words.0) | UInt64(words.1) << 32
  }

  /// A number of the standard normal distribution.
  public mutating func normal() -> Double {
    counter += 1
    return generator.normals(at: counter).0
  }

  /// A number drawn evenly from a range.
  public mutating func uniform(_ range: ClosedRange<Double>) -> Double {
    Double.random(in: range, using: &self)
  }

  /// A whole number drawn evenly from a range.
  public mutating func whole(_ range: Range<Int>) -> Int {
    Int.random(in: range, using: &self)
  }

  /// Characters in 0..<vocabulary size.
  public mutating func tokens(_ count: Int, vocabularySize: Int) -> [Int32] {
    (0..<count).map { _ in Int32(whole(0..<vocabularySize)) }
  }

  /// A matrix of normal numbers.
  public mutating func matrix<Scalar: Real>(
    _ rows: Int, _ columns: Int, of type: Scalar.Type = Scalar.self, deviation: Double = 1
  ) -> Matrix<Scalar> {
    let matrix = Matrix<Scalar>(rows: rows, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns { matrix[row][column] = Scalar(deviation * normal()) }
    }
    return matrix
  }

  /// Weights of which none is zero and no gain is 1, so that no mistake can hide.
  public mutating func parameters<Scalar: Real>(
    _ configuration: Configuration, of type: Scalar.Type = Scalar.self
  ) -> Parameters<Scalar> {
    let parameters = Parameters<Scalar>(configuration)
    for entry in parameters.entries {
      let row = parameters.row(entry)
      for i in 0..<row.count {
        row[i] = Scalar(entry.shape.count == 1 ? 1 + 0.2 * normal() : 0.4 * normal())
      }
    }
    return parameters
  }
}
