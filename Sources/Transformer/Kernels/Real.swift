/// A scalar that the mathematics runs in: `Float` for work, `Double` for gradient checks.
///
/// The layers are written once, generic over this protocol. What a processor does much faster on
/// whole vectors than element by element is a requirement here, so that each scalar brings its own
/// version: that of `Float` comes from `VectorMath.swift` and its matrix products from CKernels or BLAS; the plain loops beside each layer are
/// that of `Double`.
public protocol Real: BinaryFloatingPoint, SIMDScalar, Codable, Sendable {
  /// C = scale · op(A) · op(B) + keep · C on row-major storage, where op transposes when told to.
  ///
  /// - Parameters:
  ///   - rows: rows of op(A) and of C.
  ///   - columns: columns of op(B) and of C.
  ///   - inner: columns of op(A), which are the rows of op(B).
  ///   - aStride, bStride, cStride: elements from one stored row to the next.
  ///   - reach: what of the product may be left out.
  static func multiply(
    rows: Int, columns: Int, inner: Int, scale: Self,
    _ a: UnsafePointer<Self>, aStride: Int, transposeA: Bool,
    _ b: UnsafePointer<Self>, bStride: Int, transposeB: Bool,
    reach: Reach, keep: Self, _ c: UnsafeMutablePointer<Self>, cStride: Int)

  /// Lays out W for `multiply(rows:columns:inner:_:xStride:packed:keep:_:yStride:asking:)`; see `PackedMatrix`.
  ///
  /// - Parameters:
  ///   - columns: rows of W, which are the columns of a product with its transpose.
  ///   - inner: columns of W.
  ///   - products: whether products round W, and what is multiplied by it.
  /// - Returns: the elements, and what keeps them alive.
  static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Self>, wStride: Int, products: ProductPrecision
  ) -> PackedMemory<Self>

  /// The same into memory that has room for it, each element as it is.
  static func pack(
    columns: Int, inner: Int, _ w: UnsafePointer<Self>, wStride: Int,
    into panels: UnsafeMutablePointer<Self>)

  /// Whether products of many rows with what was laid out before are faster than those that lay it out themselves.
  static var layingOutPays: Bool { get }

  /// y[r][c] = x[r] · w[c] + keep · y[r][c]: each row of x with each row of a packed W.
  ///
  /// What a row of y becomes depends on that row of x alone, to the last bit, and not on how many others there are. What is `ahead` may be asked for
  /// meanwhile.
  static func multiply(
    rows: Int, columns: Int, inner: Int,
    _ x: UnsafePointer<Self>, xStride: Int, packed w: PackedElements<Self>,
    keep: Self, _ y: UnsafeMutablePointer<Self>, yStride: Int, asking ahead: ReadAhead?)

  /// The same for rows rounded to bfloat16, as `FactorRows` has them, and a W packed for them.
  static func multiply(
    rows: Int, columns: Int, inner: Int, words x: UnsafePointer<Float>, wordsStride: Int,
    pairs w: UnsafePointer<UInt32>, keep: Self, _ y: UnsafeMutablePointer<Self>, yStride: Int,
    asking ahead: ReadAhead?)

  /// What `RMSNorm.forward` does, rounded; see `FactorRows`.
  static func normalize(
    _ x: Matrix<Self>, gain: Row<Self>, epsilon: Self, intoWords y: Matrix<Float>)

  /// What `FeedForward.forward` does, rounded; see `FactorRows`.
  static func gate(_ gateUp: Matrix<Self>, intoWords h: Matrix<Float>)

  /// Turns the queries and keys of characters to their places, rounds these and the values to bfloat16, and keeps them; see `KeyValueCache`.
  ///
  /// - Parameters:
  ///   - qkv: (rows, 3 · head width): a query, a key and a value each.
  ///   - which: the row of each character; nil if they follow one another.
  ///   - seen: for each character the rows of k that it sees; its key becomes the last one. The first of these is at position 0.
  ///   - cosines, sines: as for `rotate`.
  ///   - turned: room for `head width` elements.
  ///   - q: receives the queries, `wordsOfRow(head width)` words for each: an element in the lower half of a word, the next one in the upper half.
  ///   - k: keys in such rows.
  ///   - v: values, `wordsOfTwoRows(head width)` words for two rows: an element of an even row in the lower half of a word, that of the next row in the
  ///     upper half. Beside the value of an even row comes zero.
  static func keep(
    _ qkv: Matrix<Self>, which: [Int]?, seen: [Range<Int>], cosines: Matrix<Self>,
    sines: Matrix<Self>, turned: Row<Float>, queries q: Matrix<Float>, keys k: Matrix<Float>,
    values v: Matrix<Float>)

  /// y[i][j] = scale · q[i] · k[seen[i].lowerBound + j], with rows of q and k as in `keep`.
  static func score(
    _ q: Matrix<Float>, byWords k: Matrix<Float>, seen: [Range<Int>], scale: Self,
    into y: Matrix<Self>)

  /// y[i] = Σ_j x[i][j] v[seen[i].lowerBound + j], an even row, with x rounded, and the sum, too.
  static func sum(
    _ x: Matrix<Self>, byTwo v: Matrix<Float>, seen: [Range<Int>], columns: Int,
    intoWords y: Matrix<Float>)

  /// y[i] = exp(x[i] - shift) for i in 0..<count; `x` and `y` may be the same memory.
  /// - Returns: the sum of the results.
  static func exponentials(
    _ x: UnsafePointer<Self>, minus shift: Self, into y: UnsafeMutablePointer<Self>, count: Int
  ) -> Self

  /// Σ x[i] y[i] over 0..<count.
  static func sumOfProducts(_ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>, count: Int) -> Self

  /// Σ x[i] y[i] z[i] over 0..<count.
  static func sumOfProducts(
    _ x: UnsafePointer<Self>, _ y: UnsafePointer<Self>, _ z: UnsafePointer<Self>, count: Int
  ) -> Self

  /// The largest of x[0..<count], NaN if any of them is; `count` is at least 1.
  static func maximum(_ x: UnsafePointer<Self>, count: Int) -> Self

  /// The natural logarithm.
  static func logarithm(_ x: Self) -> Self
  /// e to the power of x.
  static func exponential(_ x: Self) -> Self

  /// Replaces a row by its softmax, as `Softmax.apply` does.
  /// - Returns: the row's maximum, and the sum of exp(z - maximum) before the division by it.
  static func softmax(_ row: Row<Self>) -> (maximum: Self, sum: Self)

  /// The same for as much of each row as its query sees.
  static func softmax(_ rows: Matrix<Self>, seen: [Range<Int>])

  /// What `Softmax.backward` does.
  static func softmaxBackward(probabilities p: Row<Self>, gradient dp: Row<Self>)

  /// What `RotaryEmbedding` does, forward with `sign` 1 and backward with -1: row r of x is at position (first + r · advance) modulo
  /// `period`.
  static func rotate(
    _ x: Matrix<Self>, cosines: Matrix<Self>, sines: Matrix<Self>, first: Int, period: Int,
    advance: Int, sign: Self)

  /// Multiplies x by a mask: 0 where an element's 16 random bits are below `threshold`, `kept` elsewhere; see `Dropout`.
  static func drop(
    _ x: Matrix<Self>, below threshold: UInt32, kept: Self, generator: CounterGenerator,
    firstRow: UInt32, site: UInt32, step: UInt32)

  /// What `RMSNorm.forward` does.
  static func normalize(
    _ x: Matrix<Self>, gain: Row<Self>, epsilon: Self, inverse: Row<Self>, into y: Matrix<Self>)

  /// What `RMSNorm.backward` does.
  static func normalizeBackward(
    gradient dy: Matrix<Self>, x: Matrix<Self>, gain: Row<Self>, inverse: Row<Self>,
    into dx: Matrix<Self>, adding: Bool, addingToGain dGain: Row<Self>)

  /// What `FeedForward.forward` does.
  static func gate(_ gateUp: Matrix<Self>, into h: Matrix<Self>)

  /// What `FeedForward.backward` does.
  static func gateBackward(
    gradientReplacedByResult dh: Matrix<Self>, replacingByGradient gateUp: Matrix<Self>)
}
