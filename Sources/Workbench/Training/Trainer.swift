import Safetensors
import Text
import Transformer

/// Trains a model on a text.
///
///     corpus -> split -> batches -> forward, backward -> optimizer -> weights, with an evaluation now and then -> model folder
///
/// The folder's weights are the best that an evaluation has found; its trainer/ part has the latest, and everything else that going on
/// exactly needs. Which numbers come out depends on the text, the settings and the library that multiplies matrices, not on the number of
/// threads or on where the run was interrupted.
public final class Trainer {
  /// What to train on, and where to put it.
  public struct Job: Sendable {
    public var corpus: Corpus
    public var settings: TrainingSettings
    /// Workers. The results do not depend on it.
    public var threads: Int
    /// The model folder; nil to keep the model in memory.
    public var folder: String?
    /// The command that the model card records.
    public var command: String
    /// The licence that the model card states, as Hugging Face knows it: `mit`.
    public var license: String?
    /// The model to start from, with the corpus read by its vocabulary, and the characters that this gained.
    public var base: (model: LanguageModel, added: [String])?
    /// The model that the settings' distillation names.
    public var teacher: LanguageModel?

    public init(
      corpus: Corpus, settings: TrainingSettings, threads: Int = 2, folder: String? = nil,
      command: String = "", license: String? = nil,
      base: (model: LanguageModel, added: [String])? = nil, teacher: LanguageModel? = nil
    ) {
      self.corpus = corpus
      self.settings = settings
      self.threads = threads
      self.folder = folder
      self.command = command
      self.license = license
      self.base = base
      self.teacher = teacher
    }
  }

  public let job: Job
  private var settings: TrainingSettings { job.settings }
  private let split: Split
  private let corpusDigest: String
  private let teacherDigest: String?
  private let lock: FolderLock?

  private let model: Model<Float>
  private var weights: Parameters<Float> { model.parameters }
  private let optimizer: Optimizer
  private let batchStep: BatchStep
  private let evaluator: Evaluator?
  private var batches: Batches
  /// What is measured and kept instead of the latest weights, if anything.
  private let average: WeightAverage?
  /// The model that is measured and kept.
  private let measured: Model<Float>
  /// The weights of the best evaluation so far.
  private let best: Parameters<Float>

  // What a training state holds besides the tensors.
  private var step = 0
  private var seconds = 0.0
  private var bestLoss: Double?
  private var bestStep: Int?
  private var history: [TrainingEvent.HistoryPoint] = []
  /// What a resumed run found in generation_config.json, perhaps a fitted one.
  private var temperature: Double?
  private var lossSinceHistory: (sum: Double, steps: Int) = (0, 0)

  private var firstStep = 0
  private var stepSeconds = 0.0
  package private(set) var watch = Watch()
  private var stepsSinceGood = 0
  /// The weights and moments that a run gone wrong goes back to.
  private let good: [Parameters<Float>]

  /// A run from the start.
  ///
  /// - Throws: `TrainingError` when the text is too short or a step too large, `ConfigurationError` for an impossible shape, `TeacherError` for a teacher
  ///   that cannot teach this text, and what locking the folder throws. Nothing is written before the first save.
  public convenience init(_ job: Job) throws {
    try self.init(job, resuming: nil, holding: nil)
    if let (base, _) = job.base {
      initialize(from: base.model.parameters)
    } else {
      weights.initialize(seed: settings.seed)
    }
    average?.weights.copy(weights)
    best.copy(weights)
    keepAsGood()
  }

  /// A run from the start, on files, with the settings that `options` leaves open chosen for them.
  ///
  /// - Parameters:
  ///   - files: text files, and folders of them.
  ///   - base: a model to start from. Its vocabulary is extended by what the text adds.
  /// - Throws: `TrainingError.option` for an option that makes no sense, `TextError` for files that cannot be used, what loading the teacher
  ///   throws, and what `init(_:)` does.
  public convenience init(
    files: [String], options: TrainingOptions, threads: Int, folder: String?, command: String,
    license: String? = nil, base: LanguageModel? = nil
  ) throws {
    try options.validate()
    let (corpus, added) =
      if let base {
        try Corpus.read(files, vocabulary: base.vocabulary, extending: true)
      } else {
        (try Corpus.read(files), [String]())
      }
    let share = options.validation ?? TrainingSettings().validation
    let settings = try TrainingSettings(
      options, trainingCharacters: Split(corpus, validation: share).training.count,
      base: base?.configuration)
    try self.init(
      Job(
        corpus: corpus, settings: settings, threads: threads, folder: folder, command: command,
        license: license, base: base.map { ($0, added) },
        teacher: settings.distillation.map { try ModelFolder.load($0.folder) }))
  }

  /// - Parameters:
  ///   - saved: the model of a run that goes on.
  ///   - lock: that on the job's folder; nil to take it here.
  private init(_ job: Job, resuming saved: LanguageModel?, holding lock: FolderLock?) throws {
    self.job = job
    let corpus = job.corpus
    split = Split(corpus, validation: job.settings.validation)
    guard split.training.count >= 2 else {
      throw TrainingError.tooShort(characters: corpus.tokens.count)
    }
    let settings = job.settings
    let configuration = try Self.configuration(job, saved: saved)
    try settings.checkSize(layers: configuration.layers)
    corpusDigest = Self.digest(corpus)
    let teacher = try Self.teacher(job)
    teacherDigest = teacher.map { Self.digest($0.model.parameters) }
    self.lock = try lock ?? job.folder.map { try ModelFolder.lock($0) }

    let weights = Parameters<Float>(configuration)
    model = Model(weights)
    best = Parameters(configuration)
    optimizer = Optimizer(configuration, kind: settings.optimizer)
    average =
      settings.average > 0 ? WeightAverage(configuration, window: settings.average) : nil
    measured = average.map { Model($0.weights) } ?? model
    good = (0..<(average == nil ? 3 : 4)).map { _ in Parameters(configuration) }
    batchStep = BatchStep(
      model, batch: settings.batch, context: settings.context, teacher: teacher,
      threads: job.threads)
    batches = Batches(
      split.training, context: settings.context, batch: settings.batch, seed: settings.seed)
    evaluator =
      split.validation.isEmpty
      ? nil : Evaluator(configuration, context: settings.context, threads: job.threads)
  }

  /// Who teaches.
  /// - Throws: `TeacherError` if it cannot teach this text in these windows.
  private static func teacher(_ job: Job) throws -> BatchStep.Teacher? {
    guard let distillation = job.settings.distillation else { return nil }
    guard let teacher = job.teacher else {
      throw TeacherError.missing(path: distillation.folder)
    }
    let (known, own) = (teacher.vocabulary.characters, job.corpus.vocabulary.characters)
    guard known == own else {
      let (known, own) = (Set(known), Set(own))
      throw TeacherError.otherVocabulary(
        path: distillation.folder, missing: own.subtracting(known).sorted(),
        extra: known.subtracting(own).sorted())
    }
    guard job.settings.context <= teacher.configuration.context else {
      throw TeacherError.shortContext(
        path: distillation.folder, context: teacher.configuration.context,
        wanted: job.settings.context)
    }
    return BatchStep.Teacher(
      teacher.model, temperature: distillation.temperature, hardWeight: distillation.hardWeight)
  }

  private static func digest(_ parameters: Parameters<Float>) -> String {
    var digest = SHA256()
    let elements = parameters.elements
    withExtendedLifetime(parameters) { digest.update(UnsafeRawBufferPointer(elements.buffer)) }
    return digest.finish()
  }

  private static func configuration(_ job: Job, saved: LanguageModel?) throws -> Configuration {
    if let saved { return saved.configuration }
    var configuration: Configuration
    if let base = job.base?.model {
      configuration = base.configuration
      configuration.vocabularySize = job.corpus.vocabulary.count
    } else {
      configuration = try job.settings.configuration(
        vocabularySize: job.corpus.vocabulary.count)
    }
    return configuration
  }

  /// Copies the weights of a model whose vocabulary may be smaller; new characters start as in a new model.
  private func initialize(from base: Parameters<Float>) {
    weights.initialize(seed: settings.seed)
    withExtendedLifetime(base) {
      for (entry, old) in zip(weights.entries, base.entries) {
        weights.row(entry)[0..<old.count].copy(base.row(old))
      }
    }
  }

  private static func digest(_ corpus: Corpus) -> String {
    var digest = SHA256()
    corpus.tokens.withUnsafeBytes { digest.update($0) }
    for character in corpus.vocabulary.characters { digest.update(Array(character.utf8) + [0]) }
    return digest.finish()
  }
}

// MARK: - The run

extension Trainer {
  /// Trains until the run is over or is to stop.
  ///
  /// - Parameters:
  ///   - shouldStop: asked before each step; the run then saves and returns.
  ///   - onEvent: told what happens.
  /// - Returns: the last event. The folder then holds the model.
  /// - Throws: what saving at the end and `onEvent` throw, or `TrainingStopped` when going back to a good state does not help.
  @discardableResult
  public func run(
    shouldStop: () -> Bool = { false }, onEvent: (TrainingEvent) throws -> Void = { _ in }
  ) throws -> TrainingEvent.End {
    firstStep = step
    stepSeconds = 0
    var clock = Stopwatch(elapsed: seconds)
    try onEvent(.start(startEvent))
    var reason = TrainingEvent.Reason.done
    while progress(clock) < 1 {
      if shouldStop() {
        reason = .interrupted
        break
      }
      try trainOneStep(clock, onEvent)
      seconds = clock.elapsed
      let isLast = progress(clock) >= 1
      if isDue(settings.evaluateEvery) || isLast {
        try evaluate(&clock, onEvent)
        if let target = settings.targetLoss, let bestLoss, bestLoss <= target {
          reason = .targetReached
          break
        }
      }
      if isDue(settings.sampleEvery) { try sample(onEvent) }
      if isDue(settings.saveEvery), !isLast { try saveOrReport(onEvent) }
    }
    seconds = clock.elapsed
    // What the last steps broke is not to be kept.
    if !isSound { restoreGood() }
    if bestLoss == nil { best.copy(measured.parameters) }
    try save()
    if let folder = job.folder { try onEvent(.saved(step: step, path: folder)) }
    let end = TrainingEvent.End(
      step: step, validationLoss: bestLoss, bestStep: bestStep, seconds: seconds,
      charactersPerSecond: speed, reason: reason, path: job.folder, history: history)
    try onEvent(.end(end))
    return end
  }

  /// The model as it would be used: the best that an evaluation has found, or the latest without one.
  public var languageModel: LanguageModel {
    LanguageModel(
      model: Model((bestLoss == nil ? measured.parameters : best).copy()),
      vocabulary: job.corpus.vocabulary, name: job.folder ?? "model")
  }

  /// Sees, and may change, a part of each step's gradient before it is judged.
  package func onGradient(_ body: @escaping (Parameters<Float>) -> Void) {
    batchStep.onGradient = body
  }

  /// How much of the run is done, in steps or in time.
  private func progress(_ clock: Stopwatch) -> Double {
    switch settings.duration {
    case .steps(let steps): Double(step) / Double(steps)
    case .minutes(let minutes): clock.elapsed / (60 * minutes)
    }
  }

  private func isDue(_ interval: Int) -> Bool { interval > 0 && step % interval == 0 }

  /// Characters a second over the steps of this run.
  private var speed: Double {
    Double((step - firstStep) * settings.batch * settings.context) / max(stepSeconds, 1e-9)
  }

  private func trainOneStep(
    _ clock: Stopwatch, _ onEvent: (TrainingEvent) throws -> Void
  ) throws {
    let before = clock.elapsed
    let progress = progress(clock)
    batchStep.take(step: step, of: &batches)
    let dropout =
      settings.dropout > 0
      ? Dropout(rate: settings.dropout, seed: settings.seed, step: step) : nil
    let outcome = batchStep.run(
      objective: settings.objective, dropout: dropout, threads: job.threads)

    guard watch.accepts(loss: outcome.objective, gradientNorm: outcome.gradientNorm) else {
      step += 1
      stepSeconds += clock.elapsed - before
      try onEvent(.skipped(step: step, loss: outcome.loss))
      if watch.refusedInARow >= Watch.patience { try goBack(onEvent) }
      return
    }
    if stepsSinceGood >= Watch.snapshotInterval {
      guard isSound else {
        step += 1
        stepSeconds += clock.elapsed - before
        try goBack(onEvent)
        return
      }
      // The gradient was ordinary here, so these weights are good.
      keepAsGood()
    }
    stepsSinceGood += 1
    let factor = settings.schedule.factor(step: step, progress: progress) * watch.rateFactor
    let isTooLong = settings.clip > 0 && outcome.gradientNorm > settings.clip
    optimizer.update(
      weights, gradient: batchStep.gradient,
      OptimizerStep(
        adamRate: settings.adamLearningRate * factor, muonRate: settings.learningRate * factor,
        beta1: settings.beta1, beta2: settings.beta2, weightDecay: settings.weightDecay,
        gradientScale: isTooLong ? settings.clip / outcome.gradientNorm : 1, step: step),
      threads: job.threads)
    average?.add(weights, threads: job.threads)
    step += 1
    lossSinceHistory = (lossSinceHistory.sum + outcome.loss, lossSinceHistory.steps + 1)
    stepSeconds += clock.elapsed - before
    try onEvent(
      .step(
        TrainingEvent.Step(
          step: step, loss: outcome.loss, objective: outcome.objective,
          smoothing: outcome.smoothing, zLoss: outcome.zLoss, distillation: outcome.distillation,
          learningRate: settings.learningRate * factor, gradientNorm: outcome.gradientNorm,
          charactersPerSecond: speed, seconds: clock.elapsed, progress: self.progress(clock))))
  }

  private func keepAsGood() {
    for (kept, current) in zip(good, stateTensors) { kept.copy(current.values) }
    stepsSinceGood = 0
  }

  /// Whether weights and moments are numbers that can be reckoned with. The sum is beyond numbers if one of them is beyond
  /// 1.8e19, too, which none ever is.
  private var isSound: Bool {
    stateTensors.allSatisfy { $0.values.elements.sumOfSquares.isFinite }
  }

  private func restoreGood() {
    for (kept, current) in zip(good, stateTensors) { current.values.copy(kept) }
    stepsSinceGood = 0
  }

  /// Goes back to the last good state with half the learning rate, or gives up.
  private func goBack(_ onEvent: (TrainingEvent) throws -> Void) throws {
    restoreGood()
    guard watch.rollbacks < Watch.maximumRollbacks else {
      throw TrainingStopped.diverged(step: step, rollbacks: watch.rollbacks)
    }
    watch.rolledBack()
    try onEvent(.rolledBack(step: step, rateFactor: watch.rateFactor))
  }

  private func evaluate(
    _ clock: inout Stopwatch, _ onEvent: (TrainingEvent) throws -> Void
  ) throws {
    // Not a number if no step since then was taken.
    let trainingLoss = lossSinceHistory.sum / Double(lossSinceHistory.steps)
    lossSinceHistory = (0, 0)
    guard let evaluator else {
      history.append(.init(step: step, loss: trainingLoss, validationLoss: nil))
      return
    }
    let evaluation = evaluator.evaluate(measured, tokens: split.validation)
    // A comparison with NaN is false: a loss beyond numbers is never the best. Nor are weights that are, and that this text
    // happens not to need.
    let isBest =
      evaluation.loss < bestLoss ?? .infinity
      && measured.parameters.elements.sumOfSquares.isFinite
    if isBest {
      bestLoss = evaluation.loss
      bestStep = step
      best.copy(measured.parameters)
    }
    history.append(
      .init(step: step, loss: trainingLoss, validationLoss: evaluation.loss))
    try onEvent(
      .evaluation(
        step: step, loss: evaluation.loss, accuracy: evaluation.accuracy, isBest: isBest,
        seconds: clock.elapsed))
  }

  /// Some text of the model as it is now, the step being its seed; none of weights that have gone wrong, which the next steps find out.
  private func sample(_ onEvent: (TrainingEvent) throws -> Void) throws {
    let current = LanguageModel(
      model: measured, vocabulary: job.corpus.vocabulary, name: "model")
    let sampling = Sampling()
    let generator: Generator
    do {
      generator = try Generator(
        current, prompt: "", sampling: sampling, seed: UInt64(step), length: 200)
    } catch SamplingError.noDistribution {
      return
    }
    let text = generator.map(\.text).joined()
    try onEvent(
      .sample(step: step, text: text, temperature: sampling.temperature, seed: UInt64(step)))
  }

  private var startEvent: TrainingEvent.Start {
    let corpus = job.corpus
    var warnings = corpus.warnings
    if split.isTooShortToValidate {
      warnings.append("the text is too short to keep a part of it for validation: all of it trains")
    }
    let wanted = model.configuration.context
    if settings.context < wanted {
      warnings.append(
        "trained in windows of \(settings.context) characters, the model sees \(wanted)")
    }
    let epochs: Double? =
      if case .steps(let steps) = settings.duration { batches.epochs(after: steps) } else { nil }
    return TrainingEvent.Start(
      files: corpus.documents.map(\.name), characters: corpus.tokens.count,
      distinct: corpus.counts.count { $0 > 0 }, trainingCharacters: split.training.count,
      validationCharacters: split.validation.count, rarest: corpus.rarest, warnings: warnings,
      configuration: model.configuration, settings: settings, threads: job.threads,
      epochs: epochs, firstStep: step, base: job.base?.model.name,
      addedCharacters: job.base?.added ?? [])
  }
}

/// Why a run gave up.
public enum TrainingStopped: Error, Equatable, CustomStringConvertible {
  /// The loss or its gradient stayed beyond numbers or far outside its range, however often the run went back.
  case diverged(step: Int, rollbacks: Int)

  public var description: String {
    switch self {
    case .diverged(let step, let rollbacks):
      "training stopped at step \(step): its loss or gradient has been no number, or far outside its range, for "
        + "\(Watch.patience) steps, and going back to the last good state with half the learning rate "
        + "(\(rollbacks) times) did not help; a model that was saved before is untouched; start again with a "
        + "smaller --learning-rate"
    }
  }
}

/// Seconds, with those of earlier runs counted in.
private struct Stopwatch {
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private let before: Double

  init(elapsed: Double) {
    start = clock.now
    before = elapsed
  }

  var elapsed: Double { before + (clock.now - start).inSeconds }
}

// MARK: - Saving and resuming

extension Trainer {
  /// The weights and the optimizer's moments as they are now, with the names that a training state gives them.
  package var stateTensors: [(name: String, values: Parameters<Float>)] {
    [("weights", weights), ("first", optimizer.first), ("second", optimizer.second)]
      + (average.map { [("average", $0.weights)] } ?? [])
  }

  /// The part of the good state that is measured and kept: the weights, which come first, or their average, which comes last.
  private var goodMeasured: Parameters<Float> {
    average == nil ? good[0] : good[good.count - 1]
  }

  /// The same of the state that a run gone wrong goes back to.
  private var goodTensors: [(name: String, values: Parameters<Float>)] {
    zip(stateTensors, good).map { ("good_" + $0.name, $1) }
  }

  private func saveOrReport(_ onEvent: (TrainingEvent) throws -> Void) throws {
    guard let folder = job.folder else { return }
    do {
      try save()
    } catch let error {
      try onEvent(.saveFailed(step: step, path: folder, reason: "\(error)"))
      return
    }
    try onEvent(.saved(step: step, path: folder))
  }

  private func save() throws {
    guard let lock else { return }
    let corpus = job.corpus
    let provenance = ModelFolder.Provenance(
      corpus: corpus.documents.map { $0.name.split(separator: "/").last.map(String.init) ?? "" },
      characters: corpus.tokens.count, steps: bestStep ?? step,
      charactersSeen: (bestStep ?? step) * settings.batch * settings.context,
      validationLoss: bestLoss, validation: split.validation.isEmpty ? 0 : settings.validation,
      command: job.command)
    let card = ModelCard(
      name: lock.path.split(separator: "/").last.map(String.init) ?? "model",
      configuration: model.configuration, precision: settings.precision, provenance: provenance,
      corpusCharacters: corpus.documents.map(\.range.count),
      settings: settings.described, license: job.license)
    try ModelFolder.save(
      ModelFolder.Contents(
        parameters: bestLoss != nil
          ? best : watch.refusedInARow > 0 ? goodMeasured : measured.parameters,
        vocabulary: corpus.vocabulary,
        precision: settings.precision, card: card.markdown, provenance: provenance,
        generationDefaults: ModelFolder.GenerationDefaults(
          temperature: temperature ?? Sampling().temperature),
        trainer: ModelFolder.TrainerFiles(state: state, tensors: stateTensors + goodTensors)),
      holding: lock)
  }

  private var state: JSONValue {
    [
      "format": 1, "step": JSONValue(step), "seconds": JSONValue(seconds),
      "best_loss": .numberOrNull(bestLoss), "best_step": bestStep.map { JSONValue($0) } ?? .null,
      "loss_sum": JSONValue(lossSinceHistory.sum), "loss_steps": JSONValue(lossSinceHistory.steps),
      "history": .array(
        history.map {
          [JSONValue($0.step), .numberOrNull($0.loss), .numberOrNull($0.validationLoss)]
        }),
      "corpus_sha256": JSONValue(corpusDigest), "command": JSONValue(job.command),
      "license": job.license.map { JSONValue($0) } ?? .null,
      "teacher_sha256": teacherDigest.map { JSONValue($0) } ?? .null,
      "settings": settings.json, "averaged_steps": average.map { JSONValue($0.steps) } ?? .null,
      "watch": watch.json, "steps_since_good": JSONValue(stepsSinceGood),
    ]
  }

  /// No run has taken more; times the characters of a step it is no number too large.
  private static let mostSteps = 1 << 40

  /// A run that goes on where the one in `folder` stopped, exactly as if it had not.
  ///
  /// - Parameters:
  ///   - paths: the files that it was started with.
  ///   - command: added to the one on record if it changes the settings.
  ///   - change: changes the saved settings: how long to train, how often to evaluate.
  /// - Throws: `TrainingError` when there is nothing to resume, or not with this text; `TeacherError` when the teacher is another one; `TextError` for
  ///   files that cannot be used; what reading and locking the folder throw.
  public convenience init(
    resuming folder: String, paths: [String], threads: Int, command: String = "",
    change: (inout TrainingSettings) throws -> Void = { _ in }
  ) throws {
    guard ModelFolder.holdsModel(folder) else {
      throw TrainingError.nothingToResume(path: folder)
    }
    // Before anything is read, so that all of it is of one save and stays the latest.
    let lock = try ModelFolder.lock(folder)
    let saved = try ModelFolder.load(folder)
    let files = try ModelFolder.loadTrainer(folder, configuration: saved.configuration)
    func corrupt(_ reason: String) -> TrainingError { .corruptState(path: folder, reason: reason) }
    guard let json = files.state["settings"], var settings = TrainingSettings(json: json),
      settings.context <= saved.configuration.context
    else { throw corrupt("its settings are incomplete or out of range") }
    let before = settings
    try change(&settings)
    let recorded = files.state["command"]?.stringValue ?? ""
    let (corpus, _) = try Corpus.read(paths, vocabulary: saved.vocabulary, extending: false)
    let job = Job(
      corpus: corpus, settings: settings, threads: threads, folder: folder,
      command: settings == before || command.isEmpty ? recorded : recorded + "\n" + command,
      license: files.state["license"]?.stringValue,
      teacher: try settings.distillation.map { try ModelFolder.load($0.folder) })
    try self.init(job, resuming: saved, holding: lock)
    guard files.state["teacher_sha256"]?.stringValue == teacherDigest else {
      throw TeacherError.changed(path: settings.distillation?.folder ?? "")
    }
    guard files.state["corpus_sha256"]?.stringValue == corpusDigest else {
      throw TrainingError.corpusChanged(path: folder)
    }
    guard let step = files.state["step"]?.intValue, (0...Self.mostSteps).contains(step),
      let seconds = files.state["seconds"]?.doubleValue, seconds >= 0
    else { throw corrupt("it does not say how far it is") }
    self.step = step
    self.seconds = seconds
    temperature = saved.temperature
    bestLoss = files.state["best_loss"]?.doubleValue
    bestStep = files.state["best_step"]?.intValue
    lossSinceHistory = (
      files.state["loss_sum"]?.doubleValue ?? 0, files.state["loss_steps"]?.intValue ?? 0
    )
    history = (files.state["history"]?.arrayValue ?? []).compactMap { point in
      guard let step = point[0]?.intValue else { return nil }
      return .init(
        step: step, loss: point[1]?.doubleValue ?? .nan, validationLoss: point[2]?.doubleValue)
    }
    guard history.allSatisfy({ (0...step).contains($0.step) }),
      (0...step).contains(bestStep ?? 0), (0...step).contains(lossSinceHistory.steps)
    else { throw corrupt("its history of losses is damaged") }
    best.copy(saved.model.parameters)
    // An average that is asked for only now starts from the latest weights.
    let averaged = files.state["averaged_steps"]?.intValue.flatMap { $0 >= 0 ? $0 : nil }
    func restore(_ tensors: [(name: String, values: Parameters<Float>)]) throws {
      for (name, values) in tensors where averaged != nil || !name.hasSuffix("average") {
        guard let tensor = files.tensors.first(where: { $0.name == name }) else {
          throw corrupt("the tensors \"\(name)\" are missing")
        }
        values.copy(tensor.values)
      }
    }
    try restore(stateTensors)
    if let averaged { average?.resume(steps: averaged) } else { average?.weights.copy(weights) }
    // Runs that were begun without them have no good state on record but the latest.
    guard let json = files.state["watch"] else {
      keepAsGood()
      return
    }
    guard let watch = Watch(json: json),
      let stepsSinceGood = files.state["steps_since_good"]?.intValue, stepsSinceGood >= 0
    else { throw corrupt("its record of losses is damaged") }
    self.watch = watch
    self.stepsSinceGood = stepsSinceGood
    try restore(goodTensors)
    if averaged == nil, average != nil { goodMeasured.copy(good[0]) }
  }
}
