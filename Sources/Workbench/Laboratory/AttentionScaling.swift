import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Why attention divides by √d: queries and keys of d independent standard normal numbers, and what softmax makes of their products.
package struct AttentionScaling: Sendable {
  /// d, coordinates of a query.
  package let width: Int
  /// Of q · k, which is d: d products of variance 1 add up.
  package let variance: Double
  /// Mean entropy of softmax over the keys, of q · k and of q · k / √d.
  package let entropy, scaledEntropy: Double

  package static let keys = 32
  package static let queries = 64

  /// Measured on drawn queries and keys, always the same.
  package static func measure(widths: [Int] = [1, 4, 16, 64, 256]) -> [AttentionScaling] {
    widths.map { width in
      let generator = CounterGenerator(seed: UInt64(width), stream: .checks)
      func vector(_ index: Int) -> [Double] {
        (0..<width).map { generator.normals(at: UInt64(index * width + $0)).0 }
      }
      let keyVectors = (0..<keys).map(vector)
      var (squares, plain, scaled) = (0.0, 0.0, 0.0)
      for index in 0..<queries {
        let query = vector(keys + index)
        let products = keyVectors.map { key in zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } }
        squares += products.reduce(0) { $0 + $1 * $1 }
        plain += entropy(products, temperature: 1)
        scaled += entropy(products, temperature: Double(width).squareRoot())
      }
      let rows = Double(queries)
      return AttentionScaling(
        width: width, variance: squares / (rows * Double(keys)), entropy: plain / rows,
        scaledEntropy: scaled / rows)
    }
  }

  private static func entropy(_ scores: [Double], temperature: Double) -> Double {
    var weights = [Double](repeating: 0, count: scores.count)
    return TemperedSoftmax(
      scores, maximum: scores.reduce(-.infinity, max), temperature: temperature, weights: &weights
    ).entropy
  }
}
