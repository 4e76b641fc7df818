#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Memory for a fixed number of scalars, aligned for vector instructions.
///
/// A `Matrix` is a view into a storage and keeps it alive. Copies of a view share the memory.
public final class Storage<Scalar: Real>: @unchecked Sendable {
  /// The first scalar.
  public let base: UnsafeMutablePointer<Scalar>
  /// How many scalars there are.
  public let count: Int
  private let memory: UnsafeMutableRawPointer

  /// Allocates `count` zeros.
  public convenience init(count: Int) { self.init(count: count, zeros: true) }

  /// Allocates `count` scalars.
  /// - Parameter zeros: whether they are zero at first; otherwise they must not be read before they are written.
  init(count: Int, zeros: Bool) {
    let bytes = max(count, 1) * MemoryLayout<Scalar>.stride
    // All bits of a floating-point zero are zero.
    let piece: UnsafeMutableRawPointer
    (piece, memory) = Memory.take(bytes: bytes, zeros: zeros)
    base = piece.bindMemory(to: Scalar.self, capacity: max(count, 1))
    self.count = count
  }

  deinit { free(memory) }
}

/// A row-major view of `rows` x `columns` scalars, each row `stride` scalars after the last.
///
/// Views have reference semantics: a copy writes to the same memory. Workers may share a view as long as
/// no two of them write the same rows.
public struct Matrix<Scalar: Real>: @unchecked Sendable {
  @usableFromInline let storage: Storage<Scalar>
  @usableFromInline let base: UnsafeMutablePointer<Scalar>
  /// The number of rows.
  public let rows: Int
  /// The number of scalars in a row.
  public let columns: Int
  /// Scalars from the start of one row to the start of the next; at least `columns`.
  public let stride: Int

  /// A new matrix of zeros.
  public init(rows: Int, columns: Int) {
    let storage = Storage<Scalar>(count: rows * columns)
    self.init(storage, offset: 0, rows: rows, columns: columns, stride: columns)
  }

  /// A view into `storage` that starts at `offset`.
  /// - Precondition: the whole view lies inside the storage.
  public init(_ storage: Storage<Scalar>, offset: Int, rows: Int, columns: Int, stride: Int? = nil)
  {
    let stride = stride ?? columns
    precondition(rows >= 0 && columns >= 0 && offset >= 0 && stride >= columns, "malformed view")
    precondition(
      rows == 0 || offset + (rows - 1) * stride + columns <= storage.count,
      "the view reaches outside its storage")
    self.storage = storage
    self.base = storage.base + offset
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// One row.
  @inlinable @inline(__always)
  public subscript(row: Int) -> Row<Scalar> {
    precondition(row >= 0 && row < rows, "row out of range")
    return Row(base: base + row * stride, count: columns)
  }

  /// A view of some of the rows.
  @inline(__always)
  public subscript(rows range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows out of range")
    return Matrix(
      storage, offset: base - storage.base + range.lowerBound * stride, rows: range.count,
      columns: columns, stride: stride)
  }

  /// A view of some of the columns.
  @inline(__always)
  public subscript(columns range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns out of range")
    return Matrix(
      storage, offset: base - storage.base + range.lowerBound, rows: rows, columns: range.count,
      stride: stride)
  }

  /// Sets every element to `value`.
  public func fill(_ value: Scalar) {
    for row in 0..<rows { self[row].fill(value) }
  }

  /// Copies the elements of a matrix of the same shape.
  public func copy(_ other: Matrix) {
    precondition(rows == other.rows && columns == other.columns, "shapes differ")
    for row in 0..<rows { self[row].copy(other[row]) }
  }

  /// Adds the elements of a matrix of the same shape.
  public func add(_ other: Matrix) {
    precondition(rows == other.rows && columns == other.columns, "shapes differ")
    for row in 0..<rows { self[row].add(other[row]) }
  }

  /// The elements, row after row.
  public var elements: [Scalar] {
    (0..<rows).flatMap { row in (0..<columns).map { self[row][$0] } }
  }
}

/// A view of consecutive scalars: one row of a matrix, or a whole parameter vector.
///
/// It does not keep the memory alive: never take a row of a temporary, and use it while its matrix is in scope. Elements are checked against
/// the bounds in debug builds only, because the layers' inner loops run over them.
public struct Row<Scalar: Real>: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutablePointer<Scalar>
  /// The number of scalars.
  public let count: Int

  @inlinable @inline(__always)
  init(base: UnsafeMutablePointer<Scalar>, count: Int) {
    self.base = base
    self.count = count
  }

  /// One element.
  @inlinable @inline(__always)
  public subscript(index: Int) -> Scalar {
    get {
      assert(index >= 0 && index < count, "element out of range")
      return base[index]
    }
    nonmutating set {
      assert(index >= 0 && index < count, "element out of range")
      base[index] = newValue
    }
  }

  /// The elements in `range`.
  @inlinable @inline(__always)
  public subscript(range: Range<Int>) -> Row {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "elements out of range")
    return Row(base: base + range.lowerBound, count: range.count)
  }

  /// Sets every element to `value`.
  @inlinable
  public func fill(_ value: Scalar) { base.update(repeating: value, count: count) }

  /// Copies the elements of a row of the same length.
  @inlinable
  public func copy(_ other: Row) {
    precondition(count == other.count, "lengths differ")
    base.update(from: other.base, count: count)
  }

  /// Adds `other`, times `scale`.
  @inlinable
  public func add(_ other: Row, times scale: Scalar = 1) {
    precondition(count == other.count, "lengths differ")
    for i in 0..<count { base[i] += scale * other.base[i] }
  }

  /// Multiplies every element by `scale`.
  @inlinable
  public func multiply(by scale: Scalar) {
    for i in 0..<count { base[i] *= scale }
  }

  /// The elements, copied.
  public var elements: [Scalar] { Array(UnsafeBufferPointer(start: base, count: count)) }

  /// The elements as memory, for copying them from and to files.
  public var buffer: UnsafeMutableBufferPointer<Scalar> {
    UnsafeMutableBufferPointer(start: base, count: count)
  }
}
