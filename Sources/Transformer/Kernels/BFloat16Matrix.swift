/// A matrix whose elements are all bfloat16 (the upper halves of floats), in half the memory, for products that wait for memory.
///
/// It is never an approximation: a matrix that has other elements has no such form.
package struct BFloat16Matrix: Sendable {
  /// Row after row.
  private let elements: [UInt16]
  /// The number of rows and of elements in a row.
  package let rows, columns: Int

  /// The same elements; nil if one of them is not a bfloat16.
  package init?<Scalar: Real>(_ matrix: Matrix<Scalar>) {
    (rows, columns) = (matrix.rows, matrix.columns)
    var isExact = true
    elements = [UInt16](unsafeUninitializedCapacity: rows * columns) { elements, count in
      if let base = elements.baseAddress {
        for r in 0..<matrix.rows where isExact {
          isExact = Scalar.bfloat16(
            matrix[r].buffer, into: base + r * matrix.columns)
        }
      }
      count = matrix.rows * matrix.columns
    }
    guard isExact else { return nil }
  }

  func withElements<Result>(_ body: (UnsafePointer<UInt16>) -> Result) -> Result? {
    elements.withUnsafeBufferPointer { $0.baseAddress.map(body) }
  }
}

/// y = x · Wᵀ, or y += x · Wᵀ when `adding`: what `multiplyEachRow` gives for the same elements, to the last bit.
///
/// - Precondition: the shapes agree, (n, k) · (m, k)ᵀ = (n, m).
package func multiplyEachRow<Scalar: Real>(
  _ x: Matrix<Scalar>, byTransposed w: BFloat16Matrix, into y: Matrix<Scalar>, adding: Bool = false
) {
  precondition(
    x.columns == w.columns && x.rows == y.rows && w.rows == y.columns,
    "shapes do not agree in a matrix product")
  _ = w.withElements { elements in
    Scalar.multiplyEachRow(
      rows: x.rows, columns: w.rows, inner: x.columns, x.base, xStride: x.stride,
      bfloat16: elements, wStride: w.columns, keep: adding ? 1 : 0, y.base, yStride: y.stride)
  }
}
