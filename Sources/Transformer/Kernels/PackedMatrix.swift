import CKernels

/// A matrix W laid out for products x · Wᵀ with few rows x: sixteen rows of W side by side, in the order in which a product reads them.
///
/// A matrix whose elements are all bfloat16 (the upper halves of floats) takes half the memory, and a product that waits for memory half the
/// time. That is never an approximation: other matrices keep their elements as they are.
package struct PackedMatrix<Scalar: Real>: Sendable {
  /// The shape of W.
  package let rows, columns: Int
  fileprivate let elements: PackedElements<Scalar>

  package init(_ w: Matrix<Scalar>) {
    (rows, columns) = (w.rows, w.columns)
    elements = Scalar.pack(columns: w.rows, inner: w.columns, w.base, wStride: w.stride)
  }
}

/// What a `PackedMatrix` consists of: panels of sixteen columns of Wᵀ, the last one filled up with zeros; in each the first element of
/// every column, then the second of every column, and so on.
public enum PackedElements<Scalar: Real>: Sendable {
  case whole([Scalar])
  /// Bfloat16, in words of two: a column of a panel and the same one of the next.
  case halves([UInt16])

  /// Columns of Wᵀ in a panel.
  static var panel: Int { 16 }

  /// How many elements there are, filling included.
  static func count(columns: Int, inner: Int) -> Int {
    (columns + panel - 1) / panel * panel * inner
  }
}

/// y = x · Wᵀ, or y += x · Wᵀ when `adding`, for rows x that must not influence one another: to the last bit, a row's result is the
/// same however many rows there are, and whether W is kept in halves.
///
/// - Precondition: the shapes agree, (n, k) · (m, k)ᵀ = (n, m), and y shares no memory with x.
package func multiplyEachRow<Scalar: Real>(
  _ x: Matrix<Scalar>, byTransposed w: PackedMatrix<Scalar>, into y: Matrix<Scalar>,
  adding: Bool = false
) {
  precondition(
    x.columns == w.columns && x.rows == y.rows && w.rows == y.columns,
    "shapes do not agree in a matrix product")
  Scalar.multiply(
    rows: x.rows, columns: w.rows, inner: x.columns, x.base, xStride: x.stride,
    packed: w.elements, keep: adding ? 1 : 0, y.base, yStride: y.stride)
}

extension Float {
  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Float>, wStride: Int
  ) -> PackedElements<Float> {
    let room = PackedElements<Float>.count(columns: columns, inner: inner)
    let pairs = PackedElements<Float>.count(columns: (columns + 31) / 32 * 32, inner: inner)
    var isExact = true
    let halves = [UInt16](unsafeUninitializedCapacity: pairs) { elements, count in
      guard let base = elements.baseAddress else { return }
      isExact = temper_pack_bfloat16(columns, inner, w, wStride, base) != 0
      count = isExact ? pairs : 0
    }
    if isExact { return .halves(halves) }
    return .whole(
      [Float](unsafeUninitializedCapacity: room) { elements, count in
        guard let base = elements.baseAddress else { return }
        temper_pack(columns, inner, w, wStride, base)
        count = room
      })
  }

  public static func multiply(
    rows: Int, columns: Int, inner: Int,
    _ x: UnsafePointer<Float>, xStride: Int, packed w: PackedElements<Float>,
    keep: Float, _ y: UnsafeMutablePointer<Float>, yStride: Int
  ) {
    switch w {
    case .whole(let w):
      temper_multiply_packed(rows, columns, inner, x, xStride, w, keep, y, yStride)
    case .halves(let w):
      temper_multiply_packed_bfloat16(rows, columns, inner, x, xStride, w, keep, y, yStride)
    }
  }
}

extension Double {
  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Double>, wStride: Int
  ) -> PackedElements<Double> {
    typealias Packed = PackedElements<Double>
    var elements = [Double](repeating: 0, count: Packed.count(columns: columns, inner: inner))
    for c in 0..<columns {
      for i in 0..<inner { elements[place(column: c, i, inner: inner)] = w[c * wStride + i] }
    }
    return .whole(elements)
  }

  public static func multiply(
    rows: Int, columns: Int, inner: Int,
    _ x: UnsafePointer<Double>, xStride: Int, packed w: PackedElements<Double>,
    keep: Double, _ y: UnsafeMutablePointer<Double>, yStride: Int
  ) {
    guard case .whole(let w) = w else { preconditionFailure("doubles are never packed in halves") }
    for r in 0..<rows {
      for c in 0..<columns {
        var sum = 0.0
        for i in 0..<inner { sum += x[r * xStride + i] * w[place(column: c, i, inner: inner)] }
        let y = y + r * yStride + c
        y.pointee = keep == 0 ? sum : sum + keep * y.pointee
      }
    }
  }

  private static func place(column: Int, _ i: Int, inner: Int) -> Int {
    let panel = PackedElements<Double>.panel
    return (column / panel * inner + i) * panel + column % panel
  }
}
