import Transformer

/// One training step's forward and backward over a batch, cut into shards.
///
/// The number of shards is a function of the batch's shape, never of the machine. Each shard has its own activations and gradient, a worker
/// runs whole shards, and the gradients are added up in the order of the shards: so the result does not depend on the number of
/// threads, to the last bit.
final class BatchStep {
  let shards: [Shard]
  private let batch, context: Int
  /// What each shard found, (shards, 5): summed loss, objective, and the terms of the latter.
  private let sums: Matrix<Double>
  /// Who teaches, if anybody, and room for what it says to each shard.
  private let teacher: Teacher?
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
    /// What label smoothing adds to the loss, the z-loss, and the divergence from the teacher.
    let smoothing, zLoss, distillation: Double
    /// The length of the gradient as a vector, before any clipping.
    let gradientNorm: Double
  }

  /// Enough shards to keep a few cores busy, none so small that products get slow.
  static func shardCount(batch: Int, context: Int) -> Int {
    var count = 2
    while count < 8, count * 2 * 256 <= batch * context { count *= 2 }
    return min(count, batch)
  }

  /// A model whose probabilities are learnt from.
  struct Teacher {
    let model: Model<Float>
    let temperature, hardWeight: Double
    /// For each shard: the pass, and what it says.
    fileprivate var lessons: [(activations: Activations<Float>, targets: SoftTargets<Float>)] = []

    init(_ model: Model<Float>, temperature: Double, hardWeight: Double) {
      self.model = model
      self.temperature = temperature
      self.hardWeight = hardWeight
    }
  }

  init(_ configuration: Configuration, batch: Int, context: Int, teacher: Teacher? = nil) {
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
    sums = Matrix(rows: count, columns: 5)
    var taught = teacher
    if let teacher {
      taught?.lessons = shards.map {
        let activations = Activations<Float>(
          teacher.model.configuration, sequences: $0.sequences.count, context: context,
          forBackward: false)
        let targets = SoftTargets(
          logits: activations.logits, temperature: teacher.temperature,
          hardWeight: teacher.hardWeight)
        return (activations, targets)
      }
    }
    self.teacher = taught
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
        shard.activations, into: shard.gradient, objective: objective,
        softTargets: this.softTargets(index), scale: scale, dropout: dropout, firstRow: firstRow)
      this.sums[index][0] = found.loss
      this.sums[index][1] = found.objective
      this.sums[index][2] = found.smoothing
      this.sums[index][3] = found.zLoss
      this.sums[index][4] = found.distillation
    }
    let norm = Probes.measure(.reduction) { sumGradients(threads: threads) }
    let characters = Double(batch * context)
    func mean(_ column: Int) -> Double { sums.sum(column: column) / characters }
    return Outcome(
      loss: mean(0), objective: mean(1), smoothing: mean(2), zLoss: mean(3), distillation: mean(4),
      gradientNorm: norm)
  }

  /// What the teacher says to a shard's characters.
  private func softTargets(_ index: Int) -> SoftTargets<Float>? {
    guard let teacher else { return nil }
    let (own, targets) = teacher.lessons[index]
    let tokens = shards[index].activations.tokens
    for i in tokens.indices { own.tokens[i] = tokens[i] }
    teacher.model.forward(own)
    return targets
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
