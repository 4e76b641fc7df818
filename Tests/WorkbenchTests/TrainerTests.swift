import Safetensors
import Testing
import Text
import Transformer
import Workbench

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A training run: what it learns, that it can stop and go on anywhere, and that threads do not show.
@Suite struct TrainerTests {
  /// A text of some words in a seeded order.
  static func text(words: Int) -> String {
    let vocabulary = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "one", "red", "hat"]
    let generator = CounterGenerator(key: 7)
    let chosen = (0..<words).map {
      vocabulary[Int(generator.below(UInt32(vocabulary.count), at: UInt64($0)))]
    }
    return chosen.joined(separator: " ") + "\n"
  }

  static func corpus(words: Int = 1500) throws -> Corpus { try Corpus(text: text(words: words)) }

  /// Settings of a run that takes a fraction of a second.
  static func settings(
    steps: Int = 12, _ change: (inout TrainingSettings) -> Void = { _ in }
  ) -> TrainingSettings {
    var s = TrainingSettings()
    (s.layers, s.width, s.headWidth, s.feedForward) = (2, 16, 8, 24)
    (s.context, s.batch) = (16, 8)
    s.duration = .steps(steps)
    s.schedule.warmup = 3
    s.dropout = 0.1
    (s.evaluateEvery, s.saveEvery) = (5, 0)
    change(&s)
    return s
  }

  /// A folder that is gone when the test is over.
  static func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/temper-trainer-\(UUID())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  static func train(
    _ settings: TrainingSettings, corpus: Corpus, threads: Int = 2
  ) throws -> [Float] {
    let trainer = try Trainer(Trainer.Job(corpus: corpus, settings: settings, threads: threads))
    try trainer.run()
    return trainer.languageModel.model.parameters.values
  }

  @Test(arguments: OptimizerKind.allCases, [false, true])
  func learnsToPredict(_ optimizer: OptimizerKind, isTied: Bool) throws {
    let settings = Self.settings(steps: 150) {
      $0.optimizer = optimizer
      $0.isTied = isTied
      $0.dropout = 0
      if optimizer == .adamw { ($0.learningRate, $0.adamLearningRate) = (0.01, 0.01) }
    }
    let trainer = try Trainer(Trainer.Job(corpus: try Self.corpus(), settings: settings))
    let end = try trainer.run()
    let first = try #require(end.history.first?.loss)
    let best = try #require(end.validationLoss)
    #expect(first > 1.5)
    // Words are drawn evenly from eleven: ln 11 nats in about 3.8 characters is all that there is to guess.
    #expect(best < 1.0, "\(best)")
  }

  @Test(arguments: OptimizerKind.allCases)
  func threadsDoNotShow(_ optimizer: OptimizerKind) throws {
    let corpus = try Self.corpus()
    let settings = Self.settings {
      $0.optimizer = optimizer
      $0.batch = 64
      $0.context = 32
    }
    let one = try Self.train(settings, corpus: corpus, threads: 1)
    for threads in [2, 3, 4] {
      #expect(try Self.train(settings, corpus: corpus, threads: threads) == one)
    }
  }

  @Test func seedsDiffer() throws {
    let corpus = try Self.corpus()
    let one = try Self.train(Self.settings { $0.seed = 1 }, corpus: corpus)
    #expect(try Self.train(Self.settings { $0.seed = 1 }, corpus: corpus) == one)
    #expect(try Self.train(Self.settings { $0.seed = 2 }, corpus: corpus) != one)
  }

  @Test(arguments: 1...11, [0, 4])
  func resumingIsExact(after steps: Int, average: Int) throws {
    try Self.withFolder { folder in
      let file = folder + "/text.txt"
      try Data(Self.text(words: 1500).utf8).write(to: URL(fileURLWithPath: file))
      let settings = Self.settings { $0.average = average }

      let whole = folder + "/whole"
      try Trainer(
        Trainer.Job(
          corpus: try Corpus.read([file]), settings: settings, threads: 2, folder: whole)
      ).run()

      let parts = folder + "/parts"
      var taken = 0
      try Trainer(
        Trainer.Job(
          corpus: try Corpus.read([file]), settings: settings, threads: 1, folder: parts)
      ).run(
        shouldStop: { taken == steps },
        onEvent: { if case .step = $0 { taken += 1 } })
      try ModelFolder.setTemperature(0.5, of: parts)
      let resumed = try Trainer(resuming: parts, paths: [file], threads: 2)
      #expect(try resumed.run().step == 12)
      #expect(try ModelFolder.load(parts).temperature == 0.5)

      let digests = try [whole, parts].map {
        SHA256.hexadecimal(
          of: [UInt8](try Data(contentsOf: URL(fileURLWithPath: $0 + "/model.safetensors"))))
      }
      #expect(digests[0] == digests[1])
      let configuration = try ModelFolder.load(whole).configuration
      let states = try [whole, parts].map {
        try ModelFolder.loadTrainer($0, configuration: configuration).tensors
      }
      for (a, b) in zip(states[0], states[1]) {
        #expect(a.name == b.name)
        #expect(a.values.values == b.values.values)
      }
    }
  }

  @Test func keepsTheBestWeights() throws {
    // A rate that is far too high at the end makes the last weights worse than earlier ones.
    let settings = Self.settings(steps: 60) {
      $0.optimizer = .adamw
      $0.learningRate = 0.3
      $0.adamLearningRate = 0.3
      $0.schedule = Schedule(shape: .constant, warmup: 50)
      $0.clip = 0
      $0.evaluateEvery = 5
    }
    let corpus = try Self.corpus()
    let trainer = try Trainer(Trainer.Job(corpus: corpus, settings: settings))
    let end = try trainer.run()
    let losses = end.history.compactMap(\.validationLoss)
    let best = try #require(losses.min())
    #expect(end.validationLoss == best)
    let validation = Split(corpus, validation: settings.validation).validation
    let model = trainer.languageModel.model
    let evaluator = Evaluator(model.configuration, threads: 2)
    let again = evaluator.evaluate(model, tokens: validation)
    #expect(abs(again.loss - best) < 1e-6)
  }

  /// As long as the run is shorter than the window, what is kept is the plain mean of the weights after each step.
  @Test func keepsTheAverage() throws {
    let corpus = try Self.corpus()
    func train(steps: Int, average: Int) throws -> [Float] {
      try Self.train(
        Self.settings(steps: steps) {
          $0.schedule = Schedule(shape: .constant, warmup: 0)
          $0.validation = 0
          $0.average = average
        }, corpus: corpus)
    }
    let steps = try (1...5).map { try train(steps: $0, average: 0) }
    let average = try train(steps: 5, average: 10)
    for i in average.indices {
      let mean = steps.reduce(0) { $0 + Double($1[i]) } / 5
      #expect(abs(Double(average[i]) - mean) < 1e-6)
    }
    // Over a window of one step it is the latest weights.
    for (average, latest) in zip(try train(steps: 5, average: 1), steps[4]) {
      #expect(abs(average - latest) < 1e-6)
    }
  }

  @Test func averagingMayBeginLater() throws {
    try Self.withFolder { folder in
      let file = folder + "/text.txt"
      try Data(Self.text(words: 1500).utf8).write(to: URL(fileURLWithPath: file))
      let run = folder + "/run"
      try Trainer(
        Trainer.Job(
          corpus: try Corpus.read([file]), settings: Self.settings(), threads: 2, folder: run)
      ).run()
      var options = TrainingOptions()
      (options.steps, options.average) = (15, 3)
      let resumed = try Trainer(resuming: run, paths: [file], threads: 2) {
        try $0.change(options)
      }
      #expect(try resumed.run().step == 15)
      let configuration = try ModelFolder.load(run).configuration
      let names = try ModelFolder.loadTrainer(run, configuration: configuration).tensors.map(\.name)
      #expect(names.contains("average") && names.contains("good_average"))
    }
  }

  @Test func stopsAtTheTargetLoss() throws {
    let settings = Self.settings(steps: 500) {
      $0.targetLoss = 2.0
      $0.evaluateEvery = 2
    }
    let trainer = try Trainer(Trainer.Job(corpus: try Self.corpus(), settings: settings))
    let end = try trainer.run()
    #expect(end.reason == .targetReached)
    #expect(end.step < 500)
    #expect(try #require(end.validationLoss) <= 2.0)
  }

  @Test func stopsWhenTheMinutesAreOver() throws {
    let settings = Self.settings {
      $0.duration = .minutes(0.005)
      $0.evaluateEvery = 0
    }
    let trainer = try Trainer(Trainer.Job(corpus: try Self.corpus(), settings: settings))
    let end = try trainer.run()
    #expect(end.reason == .done)
    #expect(end.step > 0)
    #expect(end.seconds >= 0.3)
  }

  @Test func fineTuningExtendsTheVocabulary() throws {
    let base = try {
      let trainer = try Trainer(
        Trainer.Job(corpus: try Self.corpus(), settings: Self.settings()))
      try trainer.run()
      return trainer.languageModel
    }()
    try Self.withFolder { folder in
      let file = folder + "/new.txt"
      try Data(String(repeating: "the cat sat on Zoë's mat! ", count: 40).utf8)
        .write(to: URL(fileURLWithPath: file))
      var options = TrainingOptions()
      options.steps = 3
      options.batch = 4
      options.learningRate = 1e-9
      options.weightDecay = 0
      let trainer = try Trainer(
        files: [file], options: options, threads: 1, folder: nil, command: "", base: base)
      #expect(Set(trainer.job.base?.added ?? []) == ["Z", "ë", "'", "!"])
      try trainer.run()
      let tuned = trainer.languageModel
      #expect(tuned.vocabulary.characters.starts(with: base.vocabulary.characters))
      #expect(tuned.vocabulary.count == base.vocabulary.count + 4)
      // With next to no learning rate, what was known is still where it was.
      let (before, after) = (base.model.parameters, tuned.model.parameters)
      for row in 0..<base.vocabulary.count {
        for (a, b) in zip(before.embedding[row].elements, after.embedding[row].elements) {
          #expect(abs(a - b) < 1e-4)
        }
      }
    }
  }

  @Test func resumingNeedsTheSameText() throws {
    try Self.withFolder { folder in
      let (file, other) = (folder + "/text.txt", folder + "/other.txt")
      try Data(Self.text(words: 1500).utf8).write(to: URL(fileURLWithPath: file))
      try Data(Self.text(words: 1400).utf8).write(to: URL(fileURLWithPath: other))
      let out = folder + "/out"
      try Trainer(
        Trainer.Job(
          corpus: try Corpus.read([file]), settings: Self.settings(steps: 2), folder: out)
      ).run()
      #expect(throws: TrainingError.corpusChanged(path: out)) {
        try Trainer(resuming: out, paths: [other], threads: 1)
      }
      #expect(throws: TrainingError.nothingToResume(path: folder)) {
        try Trainer(resuming: folder, paths: [file], threads: 1)
      }
    }
  }

  @Test func tinyTexts() throws {
    for text in ["ab", "abc", "aab", "hello world"] {
      let corpus = try Corpus(text: text)
      var options = TrainingOptions()
      options.steps = 3
      options.layers = 1
      options.width = 8
      options.headWidth = 4
      let split = Split(corpus, validation: 0.1)
      let settings = try TrainingSettings(options, trainingCharacters: split.training.count)
      #expect(settings.context == min(64, split.training.count - 1))
      let end = try Trainer(Trainer.Job(corpus: corpus, settings: settings)).run()
      #expect(end.step == 3)
    }
  }

  @Test func stepsThatAreNotNumbersNeverReachTheWeights() throws {
    let settings = Self.settings(steps: 100) {
      $0.optimizer = .adamw
      ($0.learningRate, $0.adamLearningRate) = (1e30, 1e30)
      $0.schedule.warmup = 0
      $0.clip = 0
      $0.evaluateEvery = 0
    }
    let trainer = try Trainer(Trainer.Job(corpus: try Self.corpus(), settings: settings))
    #expect(throws: TrainingStopped.self) { try trainer.run() }
    let values = trainer.languageModel.model.parameters.values
    #expect(values.allSatisfy { $0.isFinite })
  }
}
