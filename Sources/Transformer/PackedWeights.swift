/// A model's matrices laid out for generation, where a pass has few rows; see `PackedMatrix`.
package struct PackedWeights<Scalar: Real>: Sendable {
  struct Layer: Sendable {
    let queryKeyValue, output, gateUp, down: PackedMatrix<Scalar>
  }
  let layers: [Layer]
  let head: PackedMatrix<Scalar>

  package init(_ parameters: Parameters<Scalar>) {
    layers = parameters.layers.map {
      Layer(
        queryKeyValue: PackedMatrix($0.queryKeyValue), output: PackedMatrix($0.output),
        gateUp: PackedMatrix($0.gateUp), down: PackedMatrix($0.down))
    }
    head = PackedMatrix(parameters.head)
  }
}
