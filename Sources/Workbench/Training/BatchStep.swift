import Transformer

/// One training step's forward and backward over a batch, cut into shards.
///
/// The number of shards is a function of the batch's shape, never of the machine. Each shard has its own activations and gradient, a worker
/// runs whole shards, and the gradients are added up in the order of the shards: so the result does not depend on the number of
/// threads, to the last bit.
final class BatchStep {
  let shards: [Shard]
  private let batch, context: Int
  /// What each shard found, (shards, 2): summed loss and summed objective.
  private let sums: Matrix<Double>
  /// The summed squares of each piece of the gradient, (pieces, 1).
  private let squares: Matrix<Double>

  /// Elements of the gradient that are added up as one task.
  private static let piece = 16_384

  struct Shard {
    /// Which sequences of the batch it has.
    let sequences: Range<Int>
    let activations: Activations<Float>
    let gradient: Parameters<Float>
  }

  /// What a step found.
  struct Outcome {
    /// Means over the characters of the batch, in nats: the plain loss, and with label smoothing and z-loss.
    let loss, objective: Double
    /// The length of the gradient as a vector, before any clipping.
    let gradientNorm: Double
  }

  /// Enough shards to keep a few cores busy, none so small that products get slow.
  static func shardCount(batch: Int, context: Int) -> Int {
    var count = 2
    while count < 8, count * 2 * 256 <= batch * context { count *= 2 }
    return min(count, batch)
  }

  init(_ configuration: Configuration, batch: Int, context: Int) {
    self.batch = batch
    self.context = context
    let count = Self.shardCount(batch: batch, context: context)
    shards = (0..<count).map { index in
      let sequences = index * batch / count..<(index + 1) * batch / count
      return Shard(
        sequences: sequences,
        activations: Activations(configuration, sequences: sequences.count, context: context),
        gradient: Parameters(configuration))
    }
    sums = Matrix(rows: count, columns: 2)
    squares = Matrix(
      rows: (configuration.parameterCount + Self.piece - 1) / Self.piece, columns: 1)
  }

  /// The gradient of the mean objective, once `run` has returned.
  var gradient: Parameters<Float> { shards[0].gradient }

  /// Forward, backward, and the sum of the shards' gradients.
  func run(
    _ model: Model<Float>, objective: Objective, dropout: Dropout?, threads: Int
  ) -> Outcome {
    let scale = 1 / Float(batch * context)
    nonisolated(unsafe) let this = self
    forEachInParallel(shards.count, threads: threads) { index in
      let shard = this.shards[index]
      let firstRow = shard.sequences.lowerBound * this.context
      model.forward(shard.activations, dropout: dropout, firstRow: firstRow)
      let found = model.backward(
        shard.activations, into: shard.gradient, objective: objective, scale: scale,
        dropout: dropout, firstRow: firstRow)
      this.sums[index][0] = found.loss
      this.sums[index][1] = found.objective
    }
    let norm = Probes.measure(.reduction) { sumGradients(threads: threads) }
    let characters = Double(batch * context)
    return Outcome(
      loss: sums.sum(column: 0) / characters, objective: sums.sum(column: 1) / characters,
      gradientNorm: norm)
  }

  /// Adds the shards' gradients into the first's and returns the length of the sum.
  private func sumGradients(threads: Int) -> Double {
    let total = gradient.elements
    nonisolated(unsafe) let this = self
    forEachInParallel(squares.rows, threads: threads) { index in
      let range = index * Self.piece..<min((index + 1) * Self.piece, total.count)
      let sum = total[range]
      for shard in this.shards.dropFirst() { sum.add(shard.gradient.elements[range]) }
      this.squares[index][0] = Double(sum.sumOfSquares)
    }
    return squares.sum(column: 0).squareRoot()
  }
}
