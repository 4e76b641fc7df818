/// Matrices that lie one behind another in one piece of memory, which can then consist of large pages.
///
///     let (a, b) = Shelf<Float>.fill { shelf in
///       (shelf.matrix(rows: 4, columns: 3), shelf.matrix(rows: 3, columns: 5))
///     }
final class Shelf<Scalar: Real> {
  /// Nil while it is being found out how much is needed.
  private let storage: Storage<Scalar>?
  private var taken = 0

  private init(_ storage: Storage<Scalar>?) { self.storage = storage }

  /// What `make` makes of the matrices that it asks for. It is called twice and must ask for the same ones: the first time they are
  /// empty, and it only counts how large they are.
  /// - Parameter zeros: whether they consist of zeros at first; otherwise no scalar must be read before it is written.
  static func fill<Result>(zeros: Bool = true, _ make: (Shelf) -> Result) -> Result {
    let plan = Shelf(nil)
    _ = make(plan)
    return make(Shelf(Storage(count: plan.taken, zeros: zeros)))
  }

  /// A matrix, aligned for vector instructions.
  func matrix(rows: Int, columns: Int) -> Matrix<Scalar> {
    let stride = columns % Self.period == 0 ? columns + Self.line : columns
    let offset = taken
    taken += (rows * stride + Self.line - 1) / Self.line * Self.line
    guard let storage else { return Matrix(rows: 0, columns: columns) }
    return Matrix(storage, offset: offset, rows: rows, columns: columns, stride: stride)
  }

  /// Scalars in a line of the cache, at multiples of which matrices start.
  private static var line: Int { 64 / MemoryLayout<Scalar>.stride }
  /// Scalars that lie so far apart compete for the same few places of the nearest cache, on most processors; a product reads several rows
  /// at once, so these have another distance.
  private static var period: Int { 4096 / MemoryLayout<Scalar>.stride }
}
