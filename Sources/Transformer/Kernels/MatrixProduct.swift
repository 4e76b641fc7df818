import CBlas
import CKernels

#if canImport(Glibc)
  import Glibc
#endif

/// A matrix as it enters a product: as it is stored, or transposed.
public protocol Factor<Scalar> {
  associatedtype Scalar: Real
  /// The stored matrix.
  var matrix: Matrix<Scalar> { get }
  /// Whether the product reads it with rows and columns exchanged.
  var isTransposed: Bool { get }
  /// Some of its rows, as the product reads them.
  subscript(productRows range: Range<Int>) -> Self { get }
  /// Some of its columns, as the product reads them.
  subscript(productColumns range: Range<Int>) -> Self { get }
}

extension Matrix: Factor {
  public var matrix: Matrix { self }
  public var isTransposed: Bool { false }
  public subscript(productRows range: Range<Int>) -> Matrix { self[rows: range] }
  public subscript(productColumns range: Range<Int>) -> Matrix { self[columns: range] }

  /// The same elements with rows and columns exchanged, for a product. Nothing is moved.
  public var transposed: TransposedMatrix<Scalar> { TransposedMatrix(matrix: self) }
}

/// A matrix read with rows and columns exchanged.
public struct TransposedMatrix<Scalar: Real>: Factor {
  public let matrix: Matrix<Scalar>
  public var isTransposed: Bool { true }
  public subscript(productRows range: Range<Int>) -> Self { matrix[columns: range].transposed }
  public subscript(productColumns range: Range<Int>) -> Self { matrix[rows: range].transposed }
}

/// What a causal mask leaves of a product a · b, for row r of a and of the result. The rest may be left out.
public enum Reach: Sendable {
  /// All of it.
  case whole
  /// Results up to column r + shift; nobody asks what the others become.
  case columnsUpTo(shift: Int)
  /// Sums up to step r + shift: later elements of the row of a are zero.
  case stepsUpTo(shift: Int)
  /// Sums from step r + shift on: earlier elements of the row of a are zero.
  case stepsFrom(shift: Int)
}

/// result = scale · a · b, or result += scale · a · b when `adding`.
///
/// - Precondition: the shapes agree, (n, k) · (k, m) = (n, m), and the result shares no memory with the factors.
@inline(__always)
public func multiply<Scalar: Real>(
  _ a: some Factor<Scalar>, _ b: some Factor<Scalar>, into result: Matrix<Scalar>,
  scale: Scalar = 1, adding: Bool = false, reach: Reach = .whole
) {
  let (rows, inner) =
    a.isTransposed ? (a.matrix.columns, a.matrix.rows) : (a.matrix.rows, a.matrix.columns)
  let (innerOfB, columns) =
    b.isTransposed ? (b.matrix.columns, b.matrix.rows) : (b.matrix.rows, b.matrix.columns)
  precondition(
    inner == innerOfB && rows == result.rows && columns == result.columns,
    "shapes do not agree in a matrix product")
  guard rows > 0, columns > 0 else { return }
  Probes.current?.enter(.products)
  defer { Probes.current?.leave() }
  Scalar.multiply(
    rows: rows, columns: columns, inner: inner, scale: scale,
    a.matrix.base, aStride: a.matrix.stride, transposeA: a.isTransposed,
    b.matrix.base, bStride: b.matrix.stride, transposeB: b.isTransposed,
    reach: reach, keep: adding ? 1 : 0, result.base, cStride: result.stride)
}

/// The symmetric result = scale · a · b, or result += scale · a · b when `adding` (the result is then symmetric before): blocks of it
/// below the diagonal are computed, the rest is copied.
///
/// - Precondition: as for `multiply`, with as many rows as columns, and the product is symmetric.
package func multiplySymmetric(
  _ a: some Factor<Float>, _ b: some Factor<Float>, into result: Matrix<Float>,
  scale: Float = 1, adding: Bool = false
) {
  precondition(result.rows == result.columns, "a symmetric matrix has as many rows as columns")
  // Rows that share a product up to the end of the diagonal: enough for a fast one.
  let block = 128
  for top in stride(from: 0, to: result.rows, by: block) {
    let end = min(top + block, result.rows)
    multiply(
      a[productRows: top..<end], b[productColumns: 0..<end],
      into: result[rows: top..<end][columns: 0..<end], scale: scale, adding: adding)
  }
  // In tiles, so that what is written column by column stays in the nearest cache.
  let tile = 32
  for top in stride(from: 0, to: result.rows, by: tile) {
    for left in stride(from: 0, through: top, by: tile) {
      for r in top..<min(top + tile, result.rows) {
        let row = result[r]
        for c in left..<min(left + tile, r) { result[c][r] = row[c] }
      }
    }
  }
}

/// Settings of the BLAS library.
public enum Blas {
  /// Makes every product run on the thread that asks for it: workers that each take a shard of the
  /// batch keep all cores busy without the library's own threads getting in their way.
  public static func useOneThread() {
    _ = once
  }

  private static let once: Void = {
    #if !canImport(Accelerate)
      openblas_set_num_threads(1)
    #endif
  }()

  /// Whether there is address space left for the buffers that the library takes when a thread first asks it for a product.
  ///
  /// OpenBLAS asks the system again and again, for ever, when it is refused one; so it must not come to that. Its own threads
  /// take one each, too.
  public static var hasRoom: Bool {
    #if canImport(Accelerate)
      return true
    #else
      let bytes = 1 << 27
      let count = min(2 * max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), 16)
      var buffers: [UnsafeMutableRawPointer] = []
      defer { for buffer in buffers { munmap(buffer, bytes) } }
      for _ in 0..<count {
        guard
          let buffer = mmap(
            nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
          buffer != MAP_FAILED
        else { return false }
        buffers.append(buffer)
      }
      return true
    #endif
  }
}

extension Float {
  public static func multiply(
    rows: Int, columns: Int, inner: Int, scale: Float,
    _ a: UnsafePointer<Float>, aStride: Int, transposeA: Bool,
    _ b: UnsafePointer<Float>, bStride: Int, transposeB: Bool,
    reach: Reach, keep: Float, _ c: UnsafeMutablePointer<Float>, cStride: Int
  ) {
    if ownProductPays, inner > 0 {
      if rows == 1, !transposeA, transposeB {
        temper_dots(columns, inner, scale, a, b, bStride, keep, c)
        return
      }
      // With few rows, laying out the other factor is too much of the work; unless nothing needs to be laid out.
      if rows >= fewestRows || rows == 1 && !transposeA && columns % 16 == 0 {
        let (part, shift) = reach.inKernels
        temper_multiply(
          rows, columns, inner, scale, a, aStride, transposeA ? 1 : 0, b, bStride,
          transposeB ? 1 : 0, part, shift, keep, c, cStride)
        return
      }
    }
    if rows == 1, !transposeA {
      // One row times a matrix: BLAS's matrix-vector product reads the matrix once, at memory speed.
      cblas_sgemv(
        CblasRowMajor, transposeB ? CblasNoTrans : CblasTrans,
        Int32(transposeB ? columns : inner), Int32(transposeB ? inner : columns), scale,
        b, Int32(bStride), a, 1, keep, c, 1)
      return
    }
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns), Int32(inner), scale,
      a, Int32(aStride), b, Int32(bStride), keep, c, Int32(cStride))
  }

  /// Whether our product beats that of BLAS here: see `temper_multiply`.
  private static let ownProductPays: Bool = {
    #if canImport(Accelerate)
      false
    #else
      temper_multiply_pays() != 0
    #endif
  }()

  public static var layingOutPays: Bool { ownProductPays }

  /// Rows for which laying out the other factor pays.
  private static let fewestRows = 8
}

extension Reach {
  fileprivate var inKernels: (temper_reach, shift: Int) {
    switch self {
    case .whole: (TEMPER_WHOLE, 0)
    case .columnsUpTo(let shift): (TEMPER_COLUMNS_UP_TO, shift)
    case .stepsUpTo(let shift): (TEMPER_STEPS_UP_TO, shift)
    case .stepsFrom(let shift): (TEMPER_STEPS_FROM, shift)
    }
  }
}

extension Double {
  public static var layingOutPays: Bool { false }

  public static func multiply(
    rows: Int, columns: Int, inner: Int, scale: Double,
    _ a: UnsafePointer<Double>, aStride: Int, transposeA: Bool,
    _ b: UnsafePointer<Double>, bStride: Int, transposeB: Bool,
    reach _: Reach, keep: Double, _ c: UnsafeMutablePointer<Double>, cStride: Int
  ) {
    cblas_dgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
      transposeB ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns), Int32(inner), scale,
      a, Int32(aStride), b, Int32(bStride), keep, c, Int32(cStride))
  }
}
