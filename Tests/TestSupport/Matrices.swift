import Transformer

extension Matrix {
  /// A matrix written out in rows of equal length.
  public init(_ rows: [[Scalar]]) {
    self.init(rows: rows.count, columns: rows.first?.count ?? 0)
    for (r, row) in rows.enumerated() {
      precondition(row.count == columns, "rows differ in length")
      for (c, element) in row.enumerated() { self[r][c] = element }
    }
  }

  /// A matrix of one row.
  public init(row: [Scalar]) { self.init([row]) }

  /// The same elements in memory of their own.
  public func copied() -> Matrix {
    let copy = Matrix(rows: rows, columns: columns)
    copy.copy(self)
    return copy
  }

  /// The same elements in another precision.
  public func converted<Other: Real>(to type: Other.Type) -> Matrix<Other> {
    let other = Matrix<Other>(rows: rows, columns: columns)
    for row in 0..<rows {
      for column in 0..<columns { other[row][column] = Other(self[row][column]) }
    }
    return other
  }

  /// The elements as rows of doubles, for slow and plain reference versions.
  public var doubles: [[Double]] {
    (0..<rows).map { row in (0..<columns).map { Double(self[row][$0]) } }
  }

  /// The same elements as a view into the middle of a larger matrix, whose other elements are
  /// `surroundings`.
  ///
  /// With NaN around it, reading outside the view spoils the result; what was written outside shows
  /// in `whole`.
  public func embedded(in surroundings: Scalar) -> (view: Matrix, whole: Matrix) {
    let whole = Matrix(rows: rows + 3, columns: columns + 5)
    whole.fill(surroundings)
    let view = whole[rows: 1..<1 + rows][columns: 2..<2 + columns]
    view.copy(self)
    return (view, whole)
  }
}
