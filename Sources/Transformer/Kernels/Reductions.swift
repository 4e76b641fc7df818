// Sums and maxima of rows, in a fixed order of addition.

extension Row {
  /// Σ self[i] other[i].
  @inline(__always)
  public func dot(_ other: Row) -> Scalar {
    precondition(count == other.count, "lengths differ")
    return Scalar.sumOfProducts(base, other.base, count: count)
  }

  /// Σ self[i] b[i] c[i].
  @inline(__always)
  package func dot(_ b: Row, _ c: Row) -> Scalar {
    precondition(count == b.count && count == c.count, "lengths differ")
    return Scalar.sumOfProducts(base, b.base, c.base, count: count)
  }

  /// Σ self[i]².
  @inline(__always)
  public var sumOfSquares: Scalar { Scalar.sumOfProducts(base, base, count: count) }

  /// The largest element, NaN if there is one among them.
  @inline(__always)
  package var maximum: Scalar { Scalar.maximum(base, count: count) }

  /// Replaces every element x by exp(x - shift) and returns the sum of the results.
  @inline(__always)
  package func exponentiate(minus shift: Scalar) -> Scalar {
    Scalar.exponentials(base, minus: shift, into: base, count: count)
  }
}

extension Matrix {
  /// The sum of one column, from the first row to the last.
  public func sum(column: Int) -> Scalar {
    var sum: Scalar = 0
    for row in 0..<rows { sum += self[row][column] }
    return sum
  }
}
