/// A model's matrices laid out for generation, where a pass has few rows; see `PackedMatrix`.
package struct PackedWeights<Scalar: Real>: Sendable {
  struct Layer: Sendable {
    let queryKeyValue, output, gateUp, down: PackedMatrix<Scalar>
  }
  let layers: [Layer]
  let head: PackedMatrix<Scalar>

  /// - Parameter products: what products with these matrices round.
  package init(_ parameters: Parameters<Scalar>, products: ProductPrecision = .float32) {
    func pack(_ w: Matrix<Scalar>) -> PackedMatrix<Scalar> { PackedMatrix(w, products: products) }
    layers = parameters.layers.map {
      Layer(
        queryKeyValue: pack($0.queryKeyValue), output: pack($0.output), gateUp: pack($0.gateUp),
        down: pack($0.down))
    }
    head = pack(parameters.head)
  }
}
