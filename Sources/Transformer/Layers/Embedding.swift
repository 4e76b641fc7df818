/// The first layer: each character's row of the table.
package enum Embedding {
  /// x_r = E[token_r].
  /// - Parameters:
  ///   - tokens: one for each row of `x`, each in 0..<vocabulary size.
  ///   - table: E, (vocabulary size, width).
  ///   - x: (rows, width), overwritten.
  package static func forward<Scalar: Real>(
    _ tokens: [Int32], table: Matrix<Scalar>, into x: Matrix<Scalar>
  ) {
    Probes.current?.enter(.embedding)
    defer { Probes.current?.leave() }
    for r in 0..<x.rows { x[r].copy(table[Int(tokens[r])]) }
  }

  /// dL/dE[token_r] += dL/dx_r.
  package static func backward<Scalar: Real>(
    _ tokens: [Int32], gradient dx: Matrix<Scalar>, addingTo dTable: Matrix<Scalar>
  ) {
    Probes.current?.enter(.embedding)
    defer { Probes.current?.leave() }
    for r in 0..<dx.rows { dTable[Int(tokens[r])].add(dx[r]) }
  }
}
