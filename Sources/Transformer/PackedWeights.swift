/// A model's matrices laid out for passes that have few rows, or that come one after the other; see `PackedMatrix`.
public struct PackedWeights<Scalar: Real>: Sendable {
  struct Layer: Sendable {
    let queryKeyValue, output, gateUp, down: PackedMatrix<Scalar>

    init(
      _ layer: Parameters<Scalar>.Layer, _ pack: (Matrix<Scalar>) -> PackedMatrix<Scalar>
    ) {
      queryKeyValue = pack(layer.queryKeyValue)
      output = pack(layer.output)
      gateUp = pack(layer.gateUp)
      down = pack(layer.down)
    }
  }
  let layers: [Layer]
  let head: PackedMatrix<Scalar>
  /// What products with these matrices round.
  package let products: ProductPrecision
  /// What `update` lays out, and where.
  private let matrices: [(from: Matrix<Scalar>, to: PackedMatrix<Scalar>)]

  /// Weights that stay as they are.
  /// - Parameter products: what products with these matrices round.
  package init(
    _ parameters: Parameters<Scalar>, products: ProductPrecision = .float32, threads: Int = 1
  ) {
    self.products = products
    layers = mapInParallel(parameters.layers.count, threads: threads) { n in
      Layer(parameters.layers[n]) { PackedMatrix($0, products: products) }
    }
    head = PackedMatrix(parameters.head, products: products)
    matrices = []
  }

  /// Weights that change, to be laid out by `update` before the first pass and after each change. Nil where products that do it
  /// themselves are as fast.
  package init?(following parameters: Parameters<Scalar>) {
    guard Scalar.layingOutPays else { return nil }
    products = .float32
    (layers, head, matrices) = Shelf<Scalar>.fill { shelf in
      var matrices: [(from: Matrix<Scalar>, to: PackedMatrix<Scalar>)] = []
      func room(_ w: Matrix<Scalar>) -> PackedMatrix<Scalar> {
        let room = PackedMatrix(rows: w.rows, columns: w.columns, on: shelf)
        matrices.append((from: w, to: room))
        return room
      }
      return (parameters.layers.map { Layer($0, room) }, room(parameters.head), matrices)
    }
  }

  /// Lays out what the weights have become.
  package func update(threads: Int) {
    forEachInParallel(sharing: matrices.count, threads: threads) { index in
      matrices[index].to.take(matrices[index].from)
    }
  }
}
