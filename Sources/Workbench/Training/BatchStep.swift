import Transformer

/// One training step's forward and backward over a batch, cut into shards.
///
/// The number of shards is a function of the batch's shape, never of the machine. Each shard has its own gradient, a worker
/// runs whole shards in memory of its own, and the gradients are added up in the order of the shards: so the result does not depend on
/// the number of threads, to the last bit.
final class BatchStep {
  private let model: Model<Float>
  private let shards: [Shard]
  /// What each worker computes in: activations for portions of each size.
  private let workspaces: [[Workspace]]
  private let batch, context: Int
  /// Sees a part of the gradient before it is summed: where tests put broken numbers.
  var onGradient: ((Parameters<Float>) -> Void)?
  /// What each shard found, (shards, 5): summed loss, objective, and the terms of the latter.
  private let sums: Matrix<Double>
  /// Who teaches, if anybody.
  private let teacher: Teacher?
  /// The model's weights, laid out once for all portions of a step, if that pays.
  private let packed: PackedWeights<Float>?
  /// The summed squares of each piece of the gradient, (pieces, 1).
  private let squares: Matrix<Double>

  /// Elements of the gradient that are added up as one task.
  private static let piece = 16_384

  private final class Shard {
    /// Which sequences of the batch it has.
    let sequences: Range<Int>
    /// Those of them that are computed at once, counted from the shard's first.
    let portions: [Range<Int>]
    /// Their characters, and what follows each.
    var tokens, targets: [Int32]
    let gradient: Parameters<Float>

    init(_ configuration: Configuration, sequences: Range<Int>, context: Int) {
      self.sequences = sequences
      portions = BatchStep.portions(
        sequences: sequences.count, context: context,
        rowsAtOnce: BatchStep.rowsAtOnce(width: configuration.width))
      tokens = Array(repeating: 0, count: sequences.count * context)
      targets = tokens
      gradient = Parameters(configuration)
    }
  }

  private struct Workspace {
    let activations: Activations<Float>
    /// The teacher's pass, and what it says.
    let lesson: (activations: Activations<Float>, targets: SoftTargets<Float>)?
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

  /// Which sequences each shard has. The larger shards come first: a worker that is done early then still finds a small one.
  static func shares(_ batch: Int, among count: Int) -> [Range<Int>] {
    let (few, larger) = batch.quotientAndRemainder(dividingBy: count)
    return (0..<count).map { index in
      let first = index * few + min(index, larger)
      return first..<first + few + (index < larger ? 1 : 0)
    }
  }

  /// The sequences of a shard that are computed at once.
  static func portions(sequences: Int, context: Int, rowsAtOnce: Int) -> [Range<Int>] {
    let most = max(1, rowsAtOnce / context)
    let count = (sequences + most - 1) / most
    return (0..<count).map { $0 * sequences / count..<($0 + 1) * sequences / count }
  }

  /// Characters of a portion. Each portion reads the weights and adds to the gradients, which costs as much as what forward leaves of
  /// about as many rows as the model is wide.
  static func rowsAtOnce(width: Int) -> Int { max(64, min(width, 256)) }

  /// A model whose probabilities are learnt from.
  struct Teacher {
    let model: Model<Float>
    let packed: PackedWeights<Float>?
    let temperature, hardWeight: Double

    init(_ model: Model<Float>, temperature: Double, hardWeight: Double) {
      self.model = model
      packed = PackedWeights(following: model.parameters)
      packed?.update(threads: 1)
      self.temperature = temperature
      self.hardWeight = hardWeight
    }
  }

  /// - Parameters:
  ///   - model: whose weights, whatever they have become by then, each `run` uses.
  ///   - threads: the most that `run` will be given.
  init(
    _ model: Model<Float>, batch: Int, context: Int, teacher: Teacher? = nil, threads: Int
  ) {
    let configuration = model.configuration
    self.model = model
    packed = PackedWeights(following: model.parameters)
    self.batch = batch
    self.context = context
    self.teacher = teacher
    let count = Self.shardCount(batch: batch, context: context)
    let shards = Self.shares(batch, among: count).map {
      Shard(configuration, sequences: $0, context: context)
    }
    func workspace(_ sequences: Int) -> Workspace {
      let lesson = teacher.map { teacher in
        let activations = Activations<Float>(
          teacher.model.configuration, sequences: sequences, context: context, forBackward: false)
        let targets = SoftTargets(
          logits: activations.logits, temperature: teacher.temperature,
          hardWeight: teacher.hardWeight)
        return (activations: activations, targets: targets)
      }
      return Workspace(
        activations: Activations(configuration, sequences: sequences, context: context),
        lesson: lesson)
    }
    let sizes = Set(shards.flatMap { $0.portions.map(\.count) }).sorted()
    workspaces = (0..<max(1, min(threads, count))).map { _ in sizes.map(workspace) }
    self.shards = shards
    sums = Matrix(rows: count, columns: 5)
    squares = Matrix(
      rows: (configuration.parameterCount + Self.piece - 1) / Self.piece, columns: 1)
  }

  /// The gradient of the mean objective, once `run` has returned.
  var gradient: Parameters<Float> { shards[0].gradient }

  /// Takes the characters of a step.
  func take(step: Int, of batches: inout Batches) {
    for shard in shards {
      for (slot, sequence) in shard.sequences.enumerated() {
        batches.write(
          step: step, sequence: sequence, tokens: &shard.tokens, targets: &shard.targets,
          slot: slot)
      }
    }
  }

  /// Forward, backward, and the sum of the shards' gradients.
  func run(objective: Objective, dropout: Dropout?, threads: Int) -> Outcome {
    let scale = 1 / Float(batch * context)
    nonisolated(unsafe) let this = self
    packed?.update(threads: threads)
    forEachInParallel(shards.count, threads: min(threads, workspaces.count)) { index, worker in
      let shard = this.shards[index]
      this.sums[index].fill(0)
      for portion in shard.portions {
        let workspace = this.workspace(of: worker, for: portion, of: shard)
        let firstRow = (shard.sequences.lowerBound + portion.lowerBound) * this.context
        this.model.forward(
          workspace.activations, dropout: dropout, firstRow: firstRow, packed: this.packed)
        let found = this.model.backward(
          workspace.activations, into: shard.gradient, adding: portion.lowerBound > 0,
          objective: objective, softTargets: this.softTargets(workspace), scale: scale,
          dropout: dropout, firstRow: firstRow)
        this.sums[index][0] += found.loss
        this.sums[index][1] += found.objective
        this.sums[index][2] += found.smoothing
        this.sums[index][3] += found.zLoss
        this.sums[index][4] += found.distillation
      }
    }
    let norm = Probes.measure(.reduction) { sumGradients(threads: threads) }
    let characters = Double(batch * context)
    func mean(_ column: Int) -> Double { sums.sum(column: column) / characters }
    return Outcome(
      loss: mean(0), objective: mean(1), smoothing: mean(2), zLoss: mean(3), distillation: mean(4),
      gradientNorm: norm)
  }

  /// A worker's room for a portion of this size, with the portion's characters in it.
  private func workspace(of worker: Int, for portion: Range<Int>, of shard: Shard) -> Workspace {
    let own = workspaces[worker]
    guard let workspace = own.first(where: { $0.activations.sequences == portion.count })
    else { preconditionFailure("there is a workspace for each size of portion") }
    let first = portion.lowerBound * context
    for i in workspace.activations.tokens.indices {
      workspace.activations.tokens[i] = shard.tokens[first + i]
      workspace.activations.targets[i] = shard.targets[first + i]
    }
    return workspace
  }

  /// What the teacher says to the characters of a workspace.
  private func softTargets(_ workspace: Workspace) -> SoftTargets<Float>? {
    guard let teacher, let (own, targets) = workspace.lesson else { return nil }
    for i in own.tokens.indices { own.tokens[i] = workspace.activations.tokens[i] }
    teacher.model.forward(own, packed: teacher.packed)
    return targets
  }

  /// Adds the shards' gradients into the first's and returns the length of the sum.
  private func sumGradients(threads: Int) -> Double {
    onGradient?(gradient)
    let total = gradient.elements
    nonisolated(unsafe) let this = self
    forEachInParallel(sharing: squares.rows, threads: threads) { index in
      let range = index * Self.piece..<min((index + 1) * Self.piece, total.count)
      let sum = total[range]
      for shard in this.shards.dropFirst() { sum.add(shard.gradient.elements[range]) }
      this.squares[index][0] = Double(sum.sumOfSquares)
    }
    return squares.sum(column: 0).squareRoot()
  }
}
