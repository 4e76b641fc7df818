import ArgumentParser
import Transformer
import Workbench

extension Preset: ExpressibleByArgument {}
extension OptimizerKind: ExpressibleByArgument {}
extension Schedule.Shape: ExpressibleByArgument {}
extension Normalizer: ExpressibleByArgument {}
extension ModelFolder.Precision: ExpressibleByArgument {}

/// What a model is, and what a step of its training computes: what decides how long it takes. What is not given is chosen.
struct StepArguments: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "A shape and a length: about one minute, ten, or an hour on two cores.")
  var preset: Preset?
  @Option(parsing: .unconditional, help: ArgumentHelp("Transformer layers.", valueName: "n"))
  var layers: Int?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Width of the residual stream.", valueName: "n"))
  var width: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Width of queries, keys and values.", valueName: "n"))
  var headWidth: Int?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Width inside the feed-forward.", valueName: "n"))
  var feedForward: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Characters that attention sees at most.", valueName: "n"))
  var context: Int?
  @Flag(help: "Use the embedding table as output projection, too.") var tied = false
  @Option(
    parsing: .unconditional,
    help: "What turns attention's scores into probabilities; only softmax runs elsewhere, too.")
  var attention: Normalizer?
  @Option(parsing: .unconditional, help: ArgumentHelp("Sequences in a step.", valueName: "n"))
  var batch: Int?
  @Option(
    parsing: .unconditional,
    help: "Muon for the matrices of the layers and AdamW for the rest, or AdamW for all.")
  var optimizer: OptimizerKind?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The share of each branch that is dropped; 0 is off.", valueName: "x"))
  var dropout: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The share of the target that is spread over all characters.", valueName: "x"))
  var labelSmoothing: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Weight of the squared log-denominator.", valueName: "x"))
  var zLoss: Double?
  @Option(parsing: .unconditional, help: "How the weights are stored.") var precision:
    ModelFolder.Precision?

  /// An option that was given and is part of a model's shape.
  var givenShape: String? {
    firstGiven([
      ("layers", layers != nil), ("width", width != nil), ("head-width", headWidth != nil),
      ("feed-forward", feedForward != nil), ("tied", tied), ("attention", attention != nil),
    ])
  }

  /// An option that was given, but for the precision.
  var givenButPrecision: String? {
    givenShape
      ?? firstGiven([
        ("preset", preset != nil), ("batch", batch != nil), ("context", context != nil),
        ("optimizer", optimizer != nil), ("dropout", dropout != nil),
        ("label-smoothing", labelSmoothing != nil), ("z-loss", zLoss != nil),
      ])
  }

  /// As the library takes them.
  var chosen: TrainingOptions {
    var o = TrainingOptions()
    o.preset = preset
    (o.layers, o.width, o.headWidth, o.feedForward) = (layers, width, headWidth, feedForward)
    (o.context, o.batch) = (context, batch)
    o.isTied = tied ? true : nil
    o.attention = attention
    o.optimizer = optimizer
    (o.dropout, o.labelSmoothing, o.zLoss) = (dropout, labelSmoothing, zLoss)
    o.precision = precision
    return o
  }
}

/// The settings of a training run. What is not given is chosen for the text.
struct TrainingArguments: ParsableArguments {
  @OptionGroup var step: StepArguments

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Steps in all, also with --resume.", valueName: "n")
  )
  var steps: Int?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Minutes in all, instead of steps.", valueName: "x")
  )
  var minutes: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Stop once an evaluation finds a loss of at most this.", valueName: "x"))
  var targetLoss: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The optimizer's highest learning rate.", valueName: "x"))
  var learningRate: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("That of AdamW for what Muon leaves to it.", valueName: "x"))
  var adamwLearningRate: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How long AdamW remembers gradients.", valueName: "x"))
  var beta1: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How long AdamW remembers their squares.", valueName: "x"))
  var beta2: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "A step takes this share of each weight away, times the learning rate; 0 is off.",
      valueName: "x"))
  var weightDecay: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Steps over which the rate rises; 0 is off.", valueName: "n"))
  var warmup: Int?
  @Option(parsing: .unconditional, help: "How the rate falls.") var schedule: Schedule.Shape?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The greatest length of a gradient; 0 is off.", valueName: "x"))
  var clip: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Measure and keep an average of the weights over about so many steps; 0 is off.",
      valueName: "n"))
  var average: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Learn from this model's probabilities, too; it has to have the text's characters and no others.",
      valueName: "dir"))
  var distill: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Temperature of the teacher's probabilities; 2.", valueName: "x"))
  var distillTemperature: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The share of the text's own characters beside the teacher; 0.5.", valueName: "x"))
  var distillWeight: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The share of each file kept for validation; 0 is off.", valueName: "x"))
  var validation: Double?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Steps between evaluations; 0 for the end only.", valueName: "n"))
  var evalEvery: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Steps between samples of text; 0 for none.", valueName: "n"))
  var sampleEvery: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Steps between saves; 0 for the end only.", valueName: "n"))
  var saveEvery: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("Fixes the random numbers.", valueName: "n"))
  var seed: UInt64?

  /// As the library takes them.
  var chosen: TrainingOptions {
    var o = step.chosen
    (o.steps, o.minutes, o.targetLoss) = (steps, minutes, targetLoss)
    (o.distill, o.distillTemperature, o.distillWeight) = (
      distill, distillTemperature, distillWeight
    )
    (o.learningRate, o.adamLearningRate) = (learningRate, adamwLearningRate)
    (o.beta1, o.beta2, o.weightDecay) = (beta1, beta2, weightDecay)
    (o.warmup, o.schedule, o.clip, o.average) = (warmup, schedule, clip, average)
    o.validation = validation
    (o.evaluateEvery, o.sampleEvery, o.saveEvery) = (evalEvery, sampleEvery, saveEvery)
    o.seed = seed
    return o
  }

  /// Throws for values that make no sense, before any file is read.
  func check() throws { try chosen.validate() }

  /// An option that was given and is fixed once a training has begun.
  var givenButFixed: String? {
    step.givenButPrecision
      ?? firstGiven([
        ("learning-rate", learningRate != nil), ("adamw-learning-rate", adamwLearningRate != nil),
        ("beta1", beta1 != nil),
        ("beta2", beta2 != nil), ("weight-decay", weightDecay != nil),
        ("warmup", warmup != nil), ("schedule", schedule != nil), ("clip", clip != nil),
        ("distill", distill != nil),
        ("distill-temperature", distillTemperature != nil),
        ("distill-weight", distillWeight != nil), ("validation", validation != nil),
        ("seed", seed != nil),
      ])
  }
}

private func firstGiven(_ options: [(name: String, isGiven: Bool)]) -> String? {
  options.first(where: \.isGiven)?.name
}
