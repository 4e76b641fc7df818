import CKernels

/// How exactly a model's products are computed when texts are generated.
public enum ProductPrecision: String, Sendable, CaseIterable {
  /// Both factors as they are.
  case float32
  /// Weights, attention's keys and values, and what is multiplied by them, are rounded to bfloat16 (8 significant bits), the products summed
  /// up as floats. Processors with AVX512-BF16 do that twice as fast; on others the results are the same. vLLM generates like this from
  /// bfloat16 weights.
  case bfloat16
}

/// A matrix W laid out for products x · Wᵀ, of few rows x or of rows that come a few at a time: sixteen rows of W side by side, in the
/// order in which a product reads them.
///
/// A matrix whose elements are all bfloat16 (the upper halves of floats) takes half the memory, and a product that waits for memory half the
/// time. That is never an approximation: unless they are asked to be rounded, other matrices keep their elements as they are.
package struct PackedMatrix<Scalar: Real>: Sendable {
  /// The shape of W.
  package let rows, columns: Int
  fileprivate let elements: PackedElements<Scalar>

  /// - Parameter products: what products with this matrix round.
  package init(_ w: Matrix<Scalar>, products: ProductPrecision = .float32) {
    (rows, columns) = (w.rows, w.columns)
    elements = Scalar.pack(
      columns: w.rows, inner: w.columns, w.base, wStride: w.stride, products: products)
  }

  /// Room for matrices of this shape, which `take` lays out one after the other.
  init(rows: Int, columns: Int, on shelf: Shelf<Scalar>) {
    (self.rows, self.columns) = (rows, columns)
    elements = .whole(
      shelf.matrix(
        rows: PackedElements<Scalar>.steps(columns: rows, inner: columns),
        columns: PackedElements<Scalar>.panel))
  }

  /// Lays out another matrix of the same shape in the same memory, each element as it is.
  func take(_ w: Matrix<Scalar>) {
    guard case .whole(let panels) = elements else {
      preconditionFailure("only whole elements are replaced")
    }
    precondition(w.rows == rows && w.columns == columns, "a matrix of another shape")
    Scalar.pack(columns: rows, inner: columns, w.base, wStride: w.stride, into: panels)
  }
}

/// What a `PackedMatrix` consists of: panels of sixteen columns of Wᵀ, the last one filled up with zeros; in each the first element of
/// every column, then the second of every column, and so on.
public enum PackedElements<Scalar: Real>: Sendable {
  case whole(Matrix<Scalar>)
  /// Bfloat16, in words of two: a column of a panel and the same one of the next.
  case halves([UInt16])
  /// Rounded to bfloat16, to be multiplied by what is rounded, too, in words of two: an element of a column and, above it, the next one.
  case pairs([UInt32])

  /// Columns of Wᵀ in a panel.
  static var panel: Int { 16 }

  /// How many elements there are, filling included.
  static func count(columns: Int, inner: Int) -> Int {
    steps(columns: columns, inner: inner) * panel
  }

  /// How many steps all panels have.
  static func steps(columns: Int, inner: Int) -> Int { (columns + panel - 1) / panel * inner }
}

extension Matrix {
  /// Room for panels of so many columns of Wᵀ: a row for each step of each panel.
  fileprivate static func room(columns: Int, inner: Int) -> Matrix {
    Matrix(
      rows: PackedElements<Scalar>.steps(columns: columns, inner: inner),
      columns: PackedElements<Scalar>.panel)
  }
}

/// y = x · Wᵀ, or y += x · Wᵀ when `adding`, for rows x that must not influence one another: to the last bit, a row's result is the
/// same however many rows there are, and whether W is kept in halves. If W was packed for products in bfloat16, x is rounded.
///
/// - Precondition: the shapes agree, (n, k) · (m, k)ᵀ = (n, m), and y shares no memory with x.
package func multiplyEachRow<Scalar: Real>(
  _ x: Matrix<Scalar>, byTransposed w: PackedMatrix<Scalar>, into y: Matrix<Scalar>,
  adding: Bool = false
) {
  precondition(
    x.columns == w.columns && x.rows == y.rows && w.rows == y.columns,
    "shapes do not agree in a matrix product")
  Probes.current?.enter(.products)
  defer { Probes.current?.leave() }
  Scalar.multiply(
    rows: x.rows, columns: w.rows, inner: x.columns, x.base, xStride: x.stride,
    packed: w.elements, keep: adding ? 1 : 0, y.base, yStride: y.stride)
}

extension Float {
  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Float>, wStride: Int, products: ProductPrecision
  ) -> PackedElements<Float> {
    if products == .bfloat16 {
      let room = PackedElements<Float>.count(columns: columns, inner: (inner + 1) / 2)
      return .pairs(
        [UInt32](unsafeUninitializedCapacity: room) { elements, count in
          guard let base = elements.baseAddress else { return }
          temper_pack_pairs(columns, inner, w, wStride, base)
          count = room
        })
    }
    let pairs = PackedElements<Float>.count(columns: (columns + 31) / 32 * 32, inner: inner)
    var isExact = true
    let halves = [UInt16](unsafeUninitializedCapacity: pairs) { elements, count in
      guard let base = elements.baseAddress else { return }
      isExact = temper_pack_bfloat16(columns, inner, w, wStride, base) != 0
      count = isExact ? pairs : 0
    }
    if isExact { return .halves(halves) }
    let panels = Matrix<Float>.room(columns: columns, inner: inner)
    pack(columns: columns, inner: inner, w, wStride: wStride, into: panels)
    return .whole(panels)
  }

  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Float>, wStride: Int, into panels: Matrix<Float>
  ) {
    temper_pack(columns, inner, w, wStride, panels.base)
  }

  public static func multiply(
    rows: Int, columns: Int, inner: Int,
    _ x: UnsafePointer<Float>, xStride: Int, packed w: PackedElements<Float>,
    keep: Float, _ y: UnsafeMutablePointer<Float>, yStride: Int
  ) {
    switch w {
    case .whole(let w):
      temper_multiply_packed(rows, columns, inner, x, xStride, w.base, keep, y, yStride)
    case .halves(let w):
      temper_multiply_packed_bfloat16(rows, columns, inner, x, xStride, w, keep, y, yStride)
    case .pairs(let w):
      temper_multiply_packed_pairs(rows, columns, inner, x, xStride, w, keep, y, yStride)
    }
  }
}

extension Double {
  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Double>, wStride: Int, products: ProductPrecision
  ) -> PackedElements<Double> {
    typealias Packed = PackedElements<Double>
    switch products {
    case .float32:
      let panels = Matrix<Double>.room(columns: columns, inner: inner)
      pack(columns: columns, inner: inner, w, wStride: wStride, into: panels)
      return .whole(panels)
    case .bfloat16:
      let steps = (inner + 1) / 2
      var pairs = [UInt32](repeating: 0, count: Packed.count(columns: columns, inner: steps))
      for c in 0..<columns {
        for i in 0..<inner {
          let half = UInt32(bfloat16(w[c * wStride + i]))
          pairs[place(column: c, i / 2, steps: steps)] |= half << (i % 2 == 0 ? 0 : 16)
        }
      }
      return .pairs(pairs)
    }
  }

  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Double>, wStride: Int, into panels: Matrix<Double>
  ) {
    for c in 0..<columns {
      for i in 0..<inner { panels.base[place(column: c, i, steps: inner)] = w[c * wStride + i] }
    }
  }

  public static func multiply(
    rows: Int, columns: Int, inner: Int,
    _ x: UnsafePointer<Double>, xStride: Int, packed w: PackedElements<Double>,
    keep: Double, _ y: UnsafeMutablePointer<Double>, yStride: Int
  ) {
    func product(_ x: Double, column: Int, _ i: Int) -> Double {
      switch w {
      case .whole(let w): return x * w.base[place(column: column, i, steps: inner)]
      case .pairs(let w):
        let pair = w[place(column: column, i / 2, steps: (inner + 1) / 2)]
        let half = UInt16(truncatingIfNeeded: i % 2 == 0 ? pair : pair >> 16)
        return Double(bfloat16: bfloat16(x)) * Double(bfloat16: half)
      case .halves: preconditionFailure("doubles are never packed in halves")
      }
    }
    for r in 0..<rows {
      for c in 0..<columns {
        var sum = 0.0
        for i in 0..<inner { sum += product(x[r * xStride + i], column: c, i) }
        let y = y + r * yStride + c
        y.pointee = keep == 0 ? sum : sum + keep * y.pointee
      }
    }
  }

  private static func place(column: Int, _ i: Int, steps: Int) -> Int {
    let panel = PackedElements<Double>.panel
    return (column / panel * steps + i) * panel + column % panel
  }

  /// The nearest bfloat16, ties to even: the upper half of a float. What is too small to be a normal number is zero.
  static func bfloat16(_ value: Double) -> UInt16 {
    let float = Float(value)
    if float.isNaN { return 0x7FC0 }
    let bits = float.bitPattern
    if float.isSubnormal { return UInt16(truncatingIfNeeded: bits >> 16 & 0x8000) }
    return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
  }

  /// A bfloat16.
  init(bfloat16 half: UInt16) { self.init(Float(bitPattern: UInt32(half) << 16)) }
}
