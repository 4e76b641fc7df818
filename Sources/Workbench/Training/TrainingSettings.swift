import Transformer

/// Everything that decides how a training run goes, but for the text: with the same settings and text, a run ends with the same weights.
public struct TrainingSettings: Sendable, Equatable {
  /// The shape of the model; see `Configuration`.
  public var layers = 4
  public var width = 128
  public var headWidth = 128
  public var feedForward = 352
  /// Characters of a sequence, and what the model sees at most.
  public var context = 64
  /// Whether the embedding is the output projection, too.
  public var isTied = false
  /// What turns attention's scores into probabilities.
  public var attention = Normalizer.softmax

  /// Sequences in a step.
  public var batch = 12
  /// When the run is over.
  public var duration = Duration.steps(1000)
  /// The run is over, too, when an evaluation finds a loss of at most this.
  public var targetLoss: Double?

  public var optimizer = OptimizerKind.muon
  /// The peak rate of AdamW, or of Muon when that is the optimizer.
  public var learningRate = 0.02
  /// The peak rate of AdamW for what Muon leaves to it.
  public var adamLearningRate = 0.003
  /// The shares of AdamW's moments that a step keeps; Muon has a momentum of its own.
  public var beta1 = 0.9
  public var beta2 = 0.95
  /// λ: a step takes this share of each weight of a matrix away, times the rate.
  public var weightDecay = 0.1
  public var schedule = Schedule()
  /// The largest length of a gradient; longer ones are shortened to it. 0 for none.
  public var clip = 1.0
  /// The share of each residual branch that is dropped.
  public var dropout = 0.0
  /// The weights that are measured and kept are averages over about so many steps; 0 for the latest themselves.
  public var average = 0
  /// Label smoothing and z-loss.
  public var objective = Objective()
  /// Who teaches; nil to learn from the text alone.
  public var distillation: Distillation?

  /// The share of the text, at its end, that is kept for validation.
  public var validation = 0.1
  /// Steps between evaluations, samples and saves. 0 for never.
  public var evaluateEvery = 100
  public var sampleEvery = 0
  public var saveEvery = 100

  /// Of the first weights, the order of the text, and dropout.
  public var seed: UInt64 = 1
  /// How the weights are written.
  public var precision = ModelFolder.Precision.float32

  /// How long to train.
  public enum Duration: Sendable, Equatable {
    /// Steps in all.
    case steps(Int)
    /// Minutes in all, evaluations included.
    case minutes(Double)
  }

  /// Learning from another model's probabilities.
  public struct Distillation: Sendable, Equatable {
    /// The teacher's model folder.
    public var folder: String
    /// Of the soft targets.
    public var temperature = 2.0
    /// The share of the text's own characters in the objective; the rest is the teacher's.
    public var hardWeight = 0.5

    public init(folder: String, temperature: Double = 2, hardWeight: Double = 0.5) {
      self.folder = folder
      self.temperature = temperature
      self.hardWeight = hardWeight
    }
  }

  public init() {}
}

/// What a person asked for, by the names and in the units of `TrainingSettings`; what is nil is chosen.
public struct TrainingOptions: Sendable {
  public var preset: Preset?
  public var layers, width, headWidth, feedForward, context, batch, steps: Int?
  public var minutes, targetLoss: Double?
  public var isTied: Bool?
  public var attention: Normalizer?
  /// The teacher's folder, the temperature of its targets, and the share of the text's own characters.
  public var distill: String?
  public var distillTemperature, distillWeight: Double?
  public var optimizer: OptimizerKind?
  public var learningRate, adamLearningRate, beta1, beta2, weightDecay: Double?
  public var warmup, average: Int?
  public var schedule: Schedule.Shape?
  public var clip, dropout, labelSmoothing, zLoss, validation: Double?
  public var evaluateEvery, sampleEvery, saveEvery: Int?
  public var seed: UInt64?
  public var precision: ModelFolder.Precision?

  public init() {}
}

/// A shape and a length of training for the time a person has.
public enum Preset: String, Sendable, Equatable, CaseIterable {
  /// About a minute on two cores.
  case tiny
  /// About ten minutes.
  case small
  /// About an hour.
  case base

  var settings: TrainingSettings {
    var s = TrainingSettings()
    switch self {
    case .tiny:
      (s.layers, s.width, s.headWidth, s.context, s.batch) = (8, 96, 64, 256, 8)
      s.learningRate = 0.04
      s.duration = .steps(560)
    case .small:
      (s.layers, s.width, s.headWidth, s.context, s.batch) = (6, 256, 128, 512, 8)
      (s.learningRate, s.average) = (0.03, 40)
      s.duration = .steps(1200)
    case .base:
      (s.layers, s.width, s.headWidth, s.context, s.batch) = (6, 384, 128, 512, 8)
      (s.learningRate, s.average) = (0.025, 40)
      s.duration = .steps(2400)
    }
    s.adamLearningRate = 0.3 * s.learningRate
    s.schedule.shape = .cosine
    s.feedForward = TrainingSettings.feedForward(width: s.width)
    s.schedule.warmup = 20
    return s
  }
}

extension TrainingSettings {
  /// 8/3 of the width, rounded up to a multiple of 32: with its three matrices, as many weights as a plain feed-forward of four
  /// times the width.
  static func feedForward(width: Int) -> Int { (width * 8 / 3 + 31) / 32 * 32 }

  /// The settings for a text: a preset's, changed by what a person asked for, with regularization that follows the number of epochs.
  ///
  /// - Parameters:
  ///   - trainingCharacters: characters to train on. A context that they do not fill is shortened.
  ///   - base: the shape of the model to start from. Its weights are worth something, so learning rates are `fineTuningShare` of those for
  ///     a new model.
  /// - Throws: `TrainingError.option` for a value that makes no sense.
  public init(
    _ options: TrainingOptions, trainingCharacters: Int, base: Configuration? = nil
  ) throws {
    try options.validate()
    self = (options.preset ?? .small).settings
    if options.preset == nil, options.hasShape { self = TrainingSettings() }

    layers = options.layers ?? layers
    width = options.width ?? width
    headWidth = options.headWidth ?? headWidth
    if options.width != nil { feedForward = Self.feedForward(width: width) }
    feedForward = options.feedForward ?? feedForward
    context = options.context ?? context
    isTied = options.isTied ?? isTied
    attention = options.attention ?? attention
    if let base {
      (layers, width, headWidth) = (base.layers, base.width, base.headWidth)
      (feedForward, isTied) = (base.feedForward, base.isTied)
      attention = base.attention
      context = options.context ?? base.context
      guard context <= base.context else {
        throw TrainingError.option(
          name: "context", value: "\(context)",
          allowed: "at most \(base.context), what the model to start from sees")
      }
    }
    batch = options.batch ?? batch
    targetLoss = options.targetLoss
    if let minutes = options.minutes { duration = .minutes(minutes) }
    if let steps = options.steps { duration = .steps(steps) }

    optimizer = options.optimizer ?? optimizer
    if optimizer == .adamw { (learningRate, adamLearningRate) = (0.003, 0.003) }
    if base != nil {
      learningRate *= Self.fineTuningShare
      adamLearningRate *= Self.fineTuningShare
    }
    if let rate = options.learningRate {
      // The ratio between Muon's rate and AdamW's stays as it is.
      adamLearningRate *= rate / learningRate
      learningRate = rate
    }
    adamLearningRate =
      options.adamLearningRate ?? (optimizer == .adamw ? learningRate : adamLearningRate)
    beta1 = options.beta1 ?? beta1
    beta2 = options.beta2 ?? beta2
    schedule.shape = options.schedule ?? schedule.shape
    schedule.warmup = options.warmup ?? schedule.warmup
    clip = options.clip ?? clip
    average = options.average ?? average
    objective.labelSmoothing = options.labelSmoothing ?? 0
    objective.zLoss = options.zLoss ?? 0
    distillation = options.distill.map {
      Distillation(
        folder: $0, temperature: options.distillTemperature ?? 2,
        hardWeight: options.distillWeight ?? 0.5)
    }
    validation = options.validation ?? validation
    seed = options.seed ?? seed
    precision = options.precision ?? precision

    context = min(context, max(1, trainingCharacters - 1))
    if options.steps == nil, case .steps(let steps) = duration {
      let enough = Self.mostEpochs * trainingCharacters / (batch * context)
      duration = .steps(min(steps, max(Self.fewestSteps, enough)))
    }
    let epochs = expectedEpochs(trainingCharacters: trainingCharacters)
    dropout = options.dropout ?? Self.dropout(epochs: epochs)
    weightDecay = options.weightDecay ?? Self.weightDecay(epochs: epochs)

    evaluateEvery =
      options.evaluateEvery ?? evaluationInterval(trainingCharacters: trainingCharacters)
    sampleEvery = options.sampleEvery ?? 0
    saveEvery = options.saveEvery ?? Self.interval(duration)
  }

  /// A run whose length nobody asked for reads a text at most so many times: more only teaches it by heart.
  static let mostEpochs = 20
  /// But it has so many steps at least.
  static let fewestSteps = 100

  /// The learning rate of fine-tuning as a share of that for a new model.
  static let fineTuningShare = 0.3

  /// More characters in a step than this are refused.
  static let mostCharactersOfStep = 1 << 22
  /// The attention of a sequence, layers · context² numbers, is at most so many; each thread has room for one at least.
  static let mostAttention = 1 << 28

  /// - Throws: `TrainingError.option` for a step that takes more memory than a machine should give.
  func checkSize(layers: Int) throws {
    guard batch <= Self.mostCharactersOfStep / max(context, 1) else {
      throw TrainingError.option(
        name: "batch", value: "\(batch)",
        allowed:
          "at most \(Self.mostCharactersOfStep / max(context, 1)) in windows of \(context) characters"
      )
    }
    guard layers * context * context <= Self.mostAttention else {
      let most = Int((Double(Self.mostAttention) / Double(layers)).squareRoot())
      throw TrainingError.option(
        name: "context", value: "\(context)", allowed: "at most \(most) to train \(layers) layers")
    }
  }

  /// The shape of a new model.
  /// - Throws: `ConfigurationError` for an impossible one.
  public func configuration(vocabularySize: Int) throws -> Configuration {
    try Configuration(
      vocabularySize: vocabularySize, layers: layers, width: width, headWidth: headWidth,
      feedForward: feedForward, context: context, isTied: isTied,
      attention: attention)
  }

  /// Changes what may change when a run is resumed: how long it is, how often it reports, and what it keeps.
  public mutating func change(_ options: TrainingOptions) throws {
    try options.validate()
    if let minutes = options.minutes { duration = .minutes(minutes) }
    if let steps = options.steps { duration = .steps(steps) }
    targetLoss = options.targetLoss ?? targetLoss
    evaluateEvery = options.evaluateEvery ?? evaluateEvery
    sampleEvery = options.sampleEvery ?? sampleEvery
    saveEvery = options.saveEvery ?? saveEvery
    precision = options.precision ?? precision
    average = options.average ?? average
  }

  /// How often the training text will be read.
  func expectedEpochs(trainingCharacters: Int) -> Double {
    let characters: Double
    switch duration {
    case .steps(let steps): characters = Double(steps) * Double(batch) * Double(context)
    case .minutes(let minutes):
      // What two cores do, near enough for choosing a regularization: 200 billion operations a second.
      let parameters = Double(layers * (4 * headWidth + 3 * feedForward) * width)
      characters = minutes * 60 * 200e9 / (6 * max(parameters, 1e5))
    }
    return characters / Double(max(1, trainingCharacters))
  }

  /// Dropout pays once the text has been read several times.
  static func dropout(epochs: Double) -> Double {
    epochs <= 3 ? 0 : epochs <= 6 ? 0.05 : epochs <= 15 ? 0.1 : 0.2
  }

  static func weightDecay(epochs: Double) -> Double {
    epochs <= 2 ? 0.03 : epochs <= 4 ? 0.1 : epochs <= 15 ? 0.2 : 0.5
  }

  /// A tenth of a run.
  private static func interval(_ duration: Duration) -> Int {
    switch duration {
    case .steps(let steps): max(1, (steps + 9) / 10)
    case .minutes: 100
    }
  }

  /// Ten evaluations in a run, or fewer where they would take more than about a twentieth of its time. A character costs a third in an
  /// evaluation of what it costs in training.
  private func evaluationInterval(trainingCharacters: Int) -> Int {
    let heldOut = Double(trainingCharacters) * validation / (1 - validation)
    let fewest = Int((20 * heldOut / 3 / Double(batch * context)).rounded(.up))
    let interval = max(Self.interval(duration), fewest)
    guard case .steps(let steps) = duration else { return interval }
    return min(interval, steps)
  }
}

extension TrainingOptions {
  /// Throws `TrainingError.option` for the first value that makes no sense.
  public func validate() throws {
    func check(_ name: String, _ value: Int?, _ range: ClosedRange<Int>) throws {
      guard let value, !range.contains(value) else { return }
      throw TrainingError.option(
        name: name, value: "\(value)",
        allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    func check(_ name: String, _ value: Double?, _ range: ClosedRange<Double>) throws {
      // A comparison with NaN is false.
      guard let value, !range.contains(value) else { return }
      throw TrainingError.option(
        name: name, value: "\(value)",
        allowed: "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    try check("layers", layers, 1...256)
    try check("width", width, 1...16_384)
    try check("head-width", headWidth, 2...16_384)
    try check("feed-forward", feedForward, 1...65_536)
    try check("context", context, 1...65_536)
    try check("batch", batch, 1...65_536)
    try check("steps", steps, 1...1_000_000_000)
    try check("minutes", minutes, 0.001...1_000_000)
    try check("target-loss", targetLoss, 0.0001...100)
    try check("learning-rate", learningRate, 1e-9...1000)
    try check("adamw-learning-rate", adamLearningRate, 1e-9...1000)
    // Nearer to 1, what is left to it has few digits in a float.
    try check("beta1", beta1, 0...0.9999)
    try check("beta2", beta2, 0...0.999_99)
    try check("weight-decay", weightDecay, 0...100)
    try check("warmup", warmup, 0...1_000_000_000)
    try check("average", average, 0...1_000_000)
    try check("clip", clip, 0...1e9)
    try check("dropout", dropout, 0...0.95)
    try check("label-smoothing", labelSmoothing, 0...0.95)
    try check("z-loss", zLoss, 0...10)
    try check("distill-temperature", distillTemperature, 0.01...100)
    try check("distill-weight", distillWeight, 0...1)
    if distill == nil {
      for (name, value) in [
        ("distill-temperature", distillTemperature), ("distill-weight", distillWeight),
      ] {
        guard let value else { continue }
        throw TrainingError.option(
          name: name, value: "\(value)", allowed: "what --distill DIR goes with")
      }
    }
    try check("validation", validation, 0...0.9)
    try check("eval-every", evaluateEvery, 0...1_000_000_000)
    try check("sample-every", sampleEvery, 0...1_000_000_000)
    try check("save-every", saveEvery, 0...1_000_000_000)
    if let head = headWidth, head % 2 != 0 {
      throw TrainingError.option(name: "head-width", value: "\(head)", allowed: "an even number")
    }
    if steps != nil, minutes != nil {
      throw TrainingError.option(
        name: "minutes", value: "\(minutes ?? 0)",
        allowed: "only one of steps and minutes")
    }
  }

  /// Whether a person chose a shape of their own, so that the smallest sensible defaults fill in the rest.
  fileprivate var hasShape: Bool {
    layers != nil || width != nil || context != nil || batch != nil
  }
}

/// Why a training run cannot start or go on.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
  /// A setting outside what makes sense; the name is that of the command's option.
  case option(name: String, value: String, allowed: String)
  /// The text has not even two characters to train on.
  case tooShort(characters: Int)
  /// The folder has a model, which nobody said may be replaced.
  case holdsModel(path: String)
  /// The folder has no model, but files of the names that a model's have.
  case holdsFiles(path: String, files: [String])
  /// The folder has no model.
  case nothingToResume(path: String)
  /// What the folder says of its training makes no sense.
  case corruptState(path: String, reason: String)
  /// The text is another one than that of the training in the folder.
  case corpusChanged(path: String)

  public var description: String {
    switch self {
    case .option(let name, let value, let allowed):
      "--\(name) is \(value); it must be \(allowed)"
    case .tooShort(let characters):
      "a text of \(characters) characters is too short to train on; at least 2 are needed"
    case .holdsModel(let path):
      "\(path) already holds a model; use --resume to go on training it, --force to replace it, "
        + "or another --out"
    case .holdsFiles(let path, let files):
      "\(path) holds no model, but \(files.joined(separator: ", ")), which a model would replace; choose "
        + "another --out, or --force to replace \(files.count == 1 ? "it" : "them")"
    case .nothingToResume(let path):
      "\(path) holds no training to resume; leave out --resume to start, or use --from to "
        + "fine-tune a model"
    case .corruptState(let path, let reason):
      "the training state in \(path) cannot be used: \(reason); start again with --force"
    case .corpusChanged(let path):
      "the text is not the one that the training in \(path) started with; give the same files, or "
        + "fine-tune with --from \(path) and another --out"
    }
  }
}
