import Testing
import Text
import Transformer
import Workbench

/// Broken numbers in every tensor that training touches: they never reach the model that a person keeps.
@Suite struct BrokenNumberTests {
  /// The last two are denormal.
  static let values: [Float] = [
    .nan, .infinity, -.infinity, 1e38, -1e38, Float.leastNormalMagnitude / 8,
    -Float.leastNormalMagnitude / 8,
  ]

  private func trainer(
    steps: Int = 100, folder: String? = nil, _ change: (inout TrainingSettings) -> Void = { _ in }
  ) throws -> Trainer {
    let settings = TrainerTests.settings(steps: steps) {
      ($0.layers, $0.width, $0.headWidth, $0.feedForward) = (1, 8, 4, 8)
      $0.batch = 4
      $0.evaluateEvery = 10
      change(&$0)
    }
    return try Trainer(
      Trainer.Job(
        corpus: try TrainerTests.corpus(words: 300), settings: settings, threads: 1,
        folder: folder))
  }

  private func isSound(_ parameters: Parameters<Float>) -> Bool {
    parameters.values.allSatisfy { abs($0) < 1e6 }
  }

  /// A number of the weights or the moments is changed between two steps, as by a fault of the memory.
  @Test(arguments: values, [OptimizerKind.muon, .adamw])
  func inEachTensorOfTheState(_ value: Float, _ optimizer: OptimizerKind) throws {
    let groups = try trainer().stateTensors
    for group in groups.indices {
      for entry in groups[group].values.entries.indices {
        let trainer = try trainer { $0.optimizer = optimizer }
        var isDone = false
        var lastLoss = Double.infinity
        var failure: TrainingStopped?
        do {
          try trainer.run(onEvent: { event in
            guard case .step(let step) = event else { return }
            lastLoss = step.loss
            guard step.step == 60, !isDone else { return }
            isDone = true
            let tensors = trainer.stateTensors[group].values
            let row = tensors.row(tensors.entries[entry])
            row[row.count / 2] = value
          })
        } catch let error as TrainingStopped {
          failure = error
        }
        let place = "\(value) in \(groups[group].name), \(groups[group].values.entries[entry].name)"
        #expect(isDone)
        #expect(isSound(trainer.languageModel.model.parameters), "\(place)")
        if failure == nil {
          let isStateSound = trainer.stateTensors.allSatisfy { isSound($0.values) }
          #expect(isStateSound, "\(place)")
          #expect(lastLoss < 4, "\(place)")
        }
        // The root of a negative second moment is no number, however small.
        let isHarmless = abs(value) < 1 && (value > 0 || groups[group].name != "second")
        if isHarmless { #expect(failure == nil && trainer.watch.refused == 0, "\(place)") }
      }
    }
  }

  /// A run that shows samples recovers as another one does, though there is no text of broken weights.
  @Test func whileSamplesAreShown() throws {
    let trainer = try trainer {
      $0.sampleEvery = 1
      $0.evaluateEvery = 1
    }
    var (samples, rolledBack) = (Set<Int>(), false)
    let end = try trainer.run(onEvent: { event in
      switch event {
      case .step(let step) where step.step == 60 && !rolledBack:
        trainer.stateTensors[0].values.elements.fill(.nan)
      case .sample(let step, _, _, _): samples.insert(step)
      case .rolledBack: rolledBack = true
      default: break
      }
    })
    #expect(rolledBack && isSound(trainer.languageModel.model.parameters))
    #expect(samples.contains(59) && !samples.contains(60) && samples.contains(100))
    // Between two evaluations without a step there is no training loss.
    #expect(end.history.first { $0.step == 60 }?.loss.isFinite == true)
    #expect(end.history.first { $0.step == 65 }?.loss.isNaN == true)
    #expect(end.history.last?.loss.isFinite == true)
  }

  @Test(arguments: values) func inEachTensorOfTheGradient(_ value: Float) throws {
    let isHarmless = value.isFinite && abs(value) < 1
    for entry in try trainer().stateTensors[0].values.entries.indices {
      let trainer = try trainer()
      var calls = 0
      trainer.onGradient { gradient in
        calls += 1
        guard calls == 20 else { return }
        let row = gradient.row(gradient.entries[entry])
        row[row.count / 2] = value
      }
      var skipped: [Int] = []
      try trainer.run(onEvent: { event in
        if case .skipped(let step, _) = event { skipped.append(step) }
      })
      // The bad step alone is refused; those after it are good.
      #expect(skipped == (isHarmless ? [] : [20]), "\(value) in tensor \(entry)")
      #expect(isSound(trainer.languageModel.model.parameters))
      #expect(trainer.watch.rollbacks == 0)
    }
  }

  /// The file of a folder that a broken run leaves is the one that it found.
  @Test(arguments: [Float.nan, .infinity, 1e38]) func theSavedModelStays(_ value: Float) throws {
    try TrainerTests.withFolder { parent in
      let folder = parent + "/model"
      try trainer(steps: 40, folder: folder).run()
      let saved = try ModelFolder.load(folder).model.parameters.values
      let resumed = try Trainer(
        resuming: folder, paths: [try text(in: parent)], threads: 1,
        change: { $0.duration = .steps(300) })
      resumed.onGradient { $0.elements.fill(value) }
      #expect(throws: TrainingStopped.self) { try resumed.run() }
      #expect(try ModelFolder.load(folder).model.parameters.values == saved)
    }
  }

  private func text(in folder: String) throws -> String {
    let path = folder + "/text.txt"
    try ModelFolderFixture.write(Array(TrainerTests.text(words: 300).utf8), path)
    return path
  }

  @Test(arguments: [OptimizerKind.muon, .adamw], [UInt64(1), 2, 3])
  func learningRateTimesThousand(_ optimizer: OptimizerKind, seed: UInt64) throws {
    let trainer = try trainer(steps: 200) {
      $0.optimizer = optimizer
      $0.seed = seed
      $0.learningRate *= 1000
      $0.adamLearningRate *= 1000
    }
    var message = ""
    do { try trainer.run() } catch let error as TrainingStopped { message = "\(error)" }
    #expect(trainer.watch.rollbacks > 0)
    #expect(message.isEmpty || message.contains("--learning-rate"))
    let isFinite = trainer.languageModel.model.parameters.values.allSatisfy { $0.isFinite }
    #expect(isFinite)
  }

  @Test(arguments: [OptimizerKind.muon, .adamw], [UInt64(1), 2, 3])
  func ordinaryTrainingIsLeftAlone(_ optimizer: OptimizerKind, seed: UInt64) throws {
    let trainer = try trainer(steps: 200) {
      $0.optimizer = optimizer
      $0.seed = seed
    }
    try trainer.run()
    #expect(trainer.watch.refused == 0)
  }

  @Test func constantNaNStopsWithAdvice() throws {
    let trainer = try trainer(steps: 100)
    trainer.onGradient { $0.elements[0] = .nan }
    let error = #expect(throws: TrainingStopped.self) { try trainer.run() }
    #expect("\(error.map { "\($0)" } ?? "")".contains("--learning-rate"))
    #expect(trainer.watch.rollbacks == Watch.maximumRollbacks)
    #expect(isSound(trainer.languageModel.model.parameters))
  }
}
