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
package struct PackedMatrix<Scalar: Real>: @unchecked Sendable {
  /// What products read.
  let view: View
  /// Keeps the elements alive.
  private let memory: AnyObject

  /// A packed matrix without its memory, for products that come one after the other: no reference is counted for it, which threads that have a
  /// matrix in common would wait for.
  ///
  /// It does not keep the memory alive: use it while its matrix is in scope.
  struct View {
    /// The shape of W.
    let rows, columns: Int
    fileprivate let elements: PackedElements<Scalar>
  }

  /// - Parameter products: what products with this matrix round.
  package init(_ w: Matrix<Scalar>, products: ProductPrecision = .float32) {
    let elements: PackedElements<Scalar>
    (elements, memory) = Scalar.pack(
      columns: w.rows, inner: w.columns, w.base, wStride: w.stride, products: products)
    view = View(rows: w.rows, columns: w.columns, elements: elements)
  }

  /// Room for matrices of this shape, which `take` lays out one after the other.
  init(rows: Int, columns: Int, on shelf: Shelf<Scalar>) {
    let panels = shelf.matrix(
      rows: PackedElements<Scalar>.steps(columns: rows, inner: columns),
      columns: PackedElements<Scalar>.panel)
    memory = panels.storage
    view = View(rows: rows, columns: columns, elements: .whole(panels.base))
  }

  /// Lays out another matrix of the same shape in the same memory, each element as it is.
  func take(_ w: Matrix<Scalar>) {
    guard case .whole(let panels) = view.elements else {
      preconditionFailure("only whole elements are replaced")
    }
    precondition(w.rows == view.rows && w.columns == view.columns, "a matrix of another shape")
    Scalar.pack(columns: w.rows, inner: w.columns, w.base, wStride: w.stride, into: panels)
  }
}

/// What a `PackedMatrix` consists of: panels of sixteen columns of Wᵀ, the last one filled up with zeros; in each the first element of
/// every column, then the second of every column, and so on. They are aligned for vector instructions, and in memory that somebody else keeps.
public enum PackedElements<Scalar: Real>: @unchecked Sendable {
  case whole(UnsafeMutablePointer<Scalar>)
  /// Bfloat16, in words of two: a column of a panel and the same one of the next.
  case halves(UnsafePointer<UInt16>)
  /// Rounded to bfloat16, to be multiplied by what is rounded, too, in words of two: an element of a column and, above it, the next one.
  case pairs(UnsafePointer<UInt32>)

  /// Columns of Wᵀ in a panel.
  static var panel: Int { 16 }

  /// How many elements there are, filling included.
  static func count(columns: Int, inner: Int) -> Int {
    steps(columns: columns, inner: inner) * panel
  }

  /// How many steps all panels have.
  static func steps(columns: Int, inner: Int) -> Int { (columns + panel - 1) / panel * inner }
}

/// Elements and what keeps them alive.
public typealias PackedMemory<Scalar: Real> = (elements: PackedElements<Scalar>, memory: AnyObject)

extension PackedElements {
  /// Room for panels of so many columns of Wᵀ.
  fileprivate static func room(columns: Int, inner: Int) -> Storage<Scalar> {
    Storage(count: count(columns: columns, inner: inner))
  }

  /// Room for words, each in the place of a float.
  fileprivate static func room<Word>(words: Int, as type: Word.Type) -> (
    UnsafeMutablePointer<Word>, Storage<Float>
  ) {
    let memory = Storage<Float>(count: words)
    return (UnsafeMutableRawPointer(memory.base).assumingMemoryBound(to: type), memory)
  }
}

/// y = x · Wᵀ, or y += x · Wᵀ when `adding`, for rows x that must not influence one another: to the last bit, a row's result is the
/// same however many rows there are, and whether W is kept in halves.
///
/// - Parameter ahead: what is asked for meanwhile.
/// - Precondition: the shapes agree, (n, k) · (m, k)ᵀ = (n, m), y shares no memory with x, and x is rounded if W was packed for products in
///   bfloat16, and only then.
package func multiplyEachRow<Scalar: Real>(
  _ x: FactorRows<Scalar>, byTransposed w: PackedMatrix<Scalar>, into y: Matrix<Scalar>,
  adding: Bool = false, asking ahead: ReadAhead? = nil
) {
  withExtendedLifetime(w) {
    multiplyEachRow(x, byTransposed: w.view, into: y, adding: adding, asking: ahead)
  }
}

@inline(__always)
func multiplyEachRow<Scalar: Real>(
  _ x: FactorRows<Scalar>, byTransposed w: PackedMatrix<Scalar>.View, into y: Matrix<Scalar>,
  adding: Bool = false, asking ahead: ReadAhead? = nil
) {
  let keep: Scalar = adding ? 1 : 0
  Probes.current?.enter(.products)
  defer { Probes.current?.leave() }
  func check(_ rows: Int, _ columns: Int) {
    precondition(
      columns == w.columns && rows == y.rows && w.rows == y.columns,
      "shapes do not agree in a matrix product")
  }
  switch x {
  case .whole(let x):
    check(x.rows, x.columns)
    Scalar.multiply(
      rows: x.rows, columns: w.rows, inner: w.columns, x.base, xStride: x.stride,
      packed: w.elements, keep: keep, y.base, yStride: y.stride, asking: ahead)
  case .rounded(let words, let columns):
    check(words.rows, columns)
    guard case .pairs(let pairs) = w.elements, words.columns == wordsOfRow(columns) else {
      preconditionFailure("rounded rows are for products in bfloat16")
    }
    Scalar.multiply(
      rows: words.rows, columns: w.rows, inner: w.columns, words: words.base,
      wordsStride: words.stride, pairs: pairs, keep: keep, y.base, yStride: y.stride,
      asking: ahead)
  }
}

extension Float {
  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Float>, wStride: Int, products: ProductPrecision
  ) -> PackedMemory<Float> {
    typealias Packed = PackedElements<Float>
    if products == .bfloat16 {
      let words = Packed.count(columns: columns, inner: (inner + 1) / 2)
      let (pairs, memory) = Packed.room(words: words, as: UInt32.self)
      temper_pack_pairs(columns, inner, w, wStride, pairs)
      return (.pairs(pairs), memory)
    }
    // Mostly the first row tells already that a matrix is not bfloat16.
    if (0..<inner).allSatisfy({ w[$0].bitPattern & 0xFFFF == 0 }) {
      let words = Packed.count(columns: (columns + 31) / 32 * 16, inner: inner)
      let (halves, memory) = Packed.room(words: words, as: UInt16.self)
      if temper_pack_bfloat16(columns, inner, w, wStride, halves) != 0 {
        return (.halves(halves), memory)
      }
    }
    let panels = Packed.room(columns: columns, inner: inner)
    pack(columns: columns, inner: inner, w, wStride: wStride, into: panels.base)
    return (.whole(panels.base), panels)
  }

  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Float>, wStride: Int,
    into panels: UnsafeMutablePointer<Float>
  ) {
    temper_pack(columns, inner, w, wStride, panels)
  }

  public static func multiply(
    rows: Int, columns: Int, inner: Int,
    _ x: UnsafePointer<Float>, xStride: Int, packed w: PackedElements<Float>,
    keep: Float, _ y: UnsafeMutablePointer<Float>, yStride: Int, asking ahead: ReadAhead?
  ) {
    let wanted = ahead?.wanted
    switch w {
    case .whole(let w):
      temper_multiply_packed(rows, columns, inner, x, xStride, w, keep, y, yStride, wanted)
    case .halves(let w):
      temper_multiply_packed_bfloat16(rows, columns, inner, x, xStride, w, keep, y, yStride, wanted)
    case .pairs: preconditionFailure("products in bfloat16 are for rounded rows")
    }
  }

  public static func multiply(
    rows: Int, columns: Int, inner: Int, words x: UnsafePointer<Float>, wordsStride: Int,
    pairs w: UnsafePointer<UInt32>, keep: Float, _ y: UnsafeMutablePointer<Float>, yStride: Int,
    asking ahead: ReadAhead?
  ) {
    temper_multiply_packed_pairs(
      rows, columns, inner, x, wordsStride, w, keep, y, yStride, ahead?.wanted)
  }
}

extension Double {
  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Double>, wStride: Int, products: ProductPrecision
  ) -> PackedMemory<Double> {
    typealias Packed = PackedElements<Double>
    switch products {
    case .float32:
      let panels = Packed.room(columns: columns, inner: inner)
      pack(columns: columns, inner: inner, w, wStride: wStride, into: panels.base)
      return (.whole(panels.base), panels)
    case .bfloat16:
      let steps = (inner + 1) / 2
      let (pairs, memory) = Packed.room(
        words: Packed.count(columns: columns, inner: steps), as: UInt32.self)
      for c in 0..<columns {
        for i in 0..<inner {
          let half = UInt32(bfloat16(w[c * wStride + i]))
          pairs[place(column: c, i / 2, steps: steps)] |= half << (i % 2 == 0 ? 0 : 16)
        }
      }
      return (.pairs(pairs), memory)
    }
  }

  public static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Double>, wStride: Int,
    into panels: UnsafeMutablePointer<Double>
  ) {
    for c in 0..<columns {
      for i in 0..<inner { panels[place(column: c, i, steps: inner)] = w[c * wStride + i] }
    }
  }

  public static func multiply(
    rows: Int, columns: Int, inner: Int,
    _ x: UnsafePointer<Double>, xStride: Int, packed w: PackedElements<Double>,
    keep: Double, _ y: UnsafeMutablePointer<Double>, yStride: Int, asking ahead: ReadAhead?
  ) {
    guard case .whole(let w) = w else { preconditionFailure("doubles are never in halves") }
    multiply(rows: rows, columns: columns, inner: inner, keep: keep, y, yStride: yStride) {
      x[$0 * xStride + $2] * w[place(column: $1, $2, steps: inner)]
    }
  }

  public static func multiply(
    rows: Int, columns: Int, inner: Int, words x: UnsafePointer<Float>, wordsStride: Int,
    pairs w: UnsafePointer<UInt32>, keep: Double, _ y: UnsafeMutablePointer<Double>, yStride: Int,
    asking ahead: ReadAhead?
  ) {
    func half(_ word: UInt32, _ i: Int) -> Double {
      Double(bfloat16: UInt16(truncatingIfNeeded: i % 2 == 0 ? word : word >> 16))
    }
    multiply(rows: rows, columns: columns, inner: inner, keep: keep, y, yStride: yStride) {
      half(x[$0 * wordsStride + $2 / 2].bitPattern, $2)
        * half(w[place(column: $1, $2 / 2, steps: (inner + 1) / 2)], $2)
    }
  }

  /// - Parameter product: what a row and a column add to their sum, by row, column and step.
  private static func multiply(
    rows: Int, columns: Int, inner: Int, keep: Double, _ y: UnsafeMutablePointer<Double>,
    yStride: Int, product: (Int, Int, Int) -> Double
  ) {
    for r in 0..<rows {
      for c in 0..<columns {
        var sum = 0.0
        for i in 0..<inner { sum += product(r, c, i) }
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
