/// Rows that packed matrices are multiplied by, in the form that these take: what comes before a product writes it.
package enum FactorRows<Scalar: Real> {
  /// As they are.
  case whole(Matrix<Scalar>)
  /// Rounded to bfloat16, in `wordsOfRow(columns)` words each: an element in the lower half of a word, the next one in the upper half. What a row
  /// lacks of these is zero.
  case rounded(Matrix<Float>, columns: Int)

  /// Rows of zeros.
  /// - Parameter products: those that they are for.
  package init(rows: Int, columns: Int, for products: ProductPrecision) {
    switch products {
    case .float32: self = .whole(Matrix(rows: rows, columns: columns))
    case .bfloat16:
      self = .rounded(Matrix(rows: rows, columns: wordsOfRow(columns)), columns: columns)
    }
  }

  /// Some of the rows, in the same memory.
  @inline(__always)
  package subscript(rows range: Range<Int>) -> FactorRows {
    switch self {
    case .whole(let matrix): .whole(matrix[rows: range])
    case .rounded(let words, let columns): .rounded(words[rows: range], columns: columns)
    }
  }
}
