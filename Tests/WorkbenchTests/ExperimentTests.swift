import Safetensors
import TestSupport
import Testing
import Text
import Transformer
import Workbench

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Training with another normalizer or a teacher, and the bigram baseline.
@Suite struct ExperimentTests {
  // MARK: - Attention's normalizer

  @Test(arguments: [Normalizer.sparsemax, .entmax15])
  func sparseAttentionLearnsAndIsRecorded(_ normalizer: Normalizer) throws {
    try TrainerTests.withFolder { parent in
      let folder = parent + "/model"
      let settings = TrainerTests.settings(steps: 60) {
        $0.attention = normalizer
        $0.dropout = 0
      }
      let trainer = try Trainer(
        Trainer.Job(corpus: try TrainerTests.corpus(), settings: settings, folder: folder))
      let end = try trainer.run()
      #expect(try #require(end.validationLoss) < 1.8)
      #expect(try ModelFolder.load(folder).configuration.attention == normalizer)
      let bytes = try ModelFolderFixture.read(folder + "/config.json")
      let config = try JSON.parse(bytes)
      // Hugging Face knows neither name, so it cannot run the model as if it had softmax.
      #expect(config["model_type"] == "temper_sparse")
      #expect(config["architectures"] == ["TemperSparseForCausalLM"])
      #expect(config["temper"]?["attention"]?.stringValue == normalizer.rawValue)
      #expect(TrainingSettings(json: settings.json) == settings)
      let tokens = try TrainerTests.corpus().tokens
      let zeros = try AttentionMap.zeros(in: tokens, model: trainer.languageModel)
      #expect(zeros.count == 2 && zeros.allSatisfy { $0 > 0.05 && $0 < 0.95 })
      // One window of two weights at most, the first of which is always 1.
      let few = try AttentionMap.zeros(in: [0], model: trainer.languageModel)
      #expect(few == [0, 0])
    }
  }

  @Test func softmaxGivesNoZeros() throws {
    let model = try SessionFixture.model()
    let zeros = try AttentionMap.zeros(in: [1, 2, 3, 4, 5, 6], model: model, windows: 3)
    #expect(zeros == [0])
  }

  // MARK: - Distillation

  private static func teacher(_ corpus: Corpus, folder: String) throws {
    let settings = TrainerTests.settings(steps: 40) { $0.seed = 9 }
    try Trainer(Trainer.Job(corpus: corpus, settings: settings, folder: folder)).run()
  }

  @Test func distillationResumesExactly() throws {
    try TrainerTests.withFolder { parent in
      let text = parent + "/text.txt"
      try TrainerTests.text(words: 1500).write(toFile: text, atomically: true, encoding: .utf8)
      let corpus = try Corpus.read([text])
      let teacher = parent + "/teacher"
      try Self.teacher(corpus, folder: teacher)
      func settings(_ steps: Int) -> TrainingSettings {
        TrainerTests.settings(steps: steps) {
          $0.distillation = .init(folder: teacher)
          $0.objective = Objective(labelSmoothing: 0.1, zLoss: 1e-3)
          $0.schedule.shape = .constant
          $0.evaluateEvery = 0
        }
      }
      func job(_ steps: Int, _ folder: String) throws -> Trainer.Job {
        Trainer.Job(
          corpus: corpus, settings: settings(steps), folder: folder,
          teacher: try ModelFolder.load(teacher))
      }
      var terms: [TrainingEvent.Step] = []
      try Trainer(try job(8, parent + "/whole")).run(onEvent: {
        if case .step(let s) = $0 { terms.append(s) }
      })
      for step in terms {
        // A new model holds all characters equal, and smoothing adds nothing to that.
        #expect((step.smoothing == 0) == (step.step == 1))
        #expect(step.distillation > 0 && step.zLoss > 0)
        let hard = step.loss + step.smoothing + step.zLoss
        #expect(abs(step.objective - (0.5 * hard + 0.5 * step.distillation)) <= 1e-4)
      }
      let stopped = parent + "/stopped"
      try Trainer(try job(5, stopped)).run()
      // The trainer holds its folder, so it may not outlive this.
      try Trainer(resuming: stopped, paths: [text], threads: 1) { $0.duration = .steps(8) }.run()
      let configuration = try ModelFolder.load(stopped).configuration
      let whole = try ModelFolder.loadTrainer(parent + "/whole", configuration: configuration)
      let parts = try ModelFolder.loadTrainer(stopped, configuration: configuration)
      for (a, b) in zip(whole.tensors, parts.tensors) {
        #expect(a.values.values == b.values.values, "\(a.name)")
      }

      // Another teacher in the same place is found out.
      try Trainer(
        Trainer.Job(
          corpus: corpus, settings: TrainerTests.settings(steps: 2), folder: teacher)
      ).run()
      #expect(throws: TeacherError.changed(path: teacher)) {
        try Trainer(resuming: stopped, paths: [text], threads: 1)
      }
    }
  }

  @Test func teachersThatCannotTeachAreRefused() throws {
    let corpus = try TrainerTests.corpus()
    let settings = TrainerTests.settings { $0.distillation = .init(folder: "t") }
    #expect(throws: TeacherError.missing(path: "t")) {
      try Trainer(Trainer.Job(corpus: corpus, settings: settings))
    }
    let other = try SessionFixture.model()
    #expect(throws: TeacherError.self) {
      try Trainer(Trainer.Job(corpus: corpus, settings: settings, teacher: other))
    }
    let short = try SessionFixture.model(corpus.vocabulary.characters, context: 8)
    #expect(throws: TeacherError.shortContext(path: "t", context: 8, wanted: 16)) {
      try Trainer(Trainer.Job(corpus: corpus, settings: settings, teacher: short))
    }
    var options = TrainingOptions()
    options.distillWeight = 0.5
    #expect(throws: TrainingError.self) { try options.validate() }
  }

  // MARK: - Bigrams

  @Test func bigramsByHand() throws {
    // After 0 comes 1 three times in four, after 1 always 0; 0.1 is added to each.
    let bigram = try #require(BigramBaseline([0, 1, 0, 1, 0, 0, 1], vocabularySize: 2))
    let expected = -Double.logarithm(3.1 / 4.2)
    #expect(abs(bigram.loss([0, 1]) - expected) <= 1e-14)
    #expect(abs(bigram.loss([1, 0]) + Double.logarithm(2.1 / 2.2)) <= 1e-14)
    #expect(BigramBaseline([0], vocabularySize: 2) == nil)
    #expect(BigramBaseline([0, 1], vocabularySize: 5000) == nil)
  }

  @Test func descentFindsTheClosedForm() throws {
    let corpus = try TrainerTests.corpus()
    let split = Split(corpus, validation: 0.1)
    let bigram = try #require(
      BigramBaseline(split.training, vocabularySize: corpus.vocabulary.count))
    let descended = try #require(bigram.descended())
    let (closed, found) = (bigram.loss(split.validation), descended.loss(split.validation))
    #expect(abs(closed - found) <= 1e-8)
    #expect(closed > 0.5 && closed < Double.logarithm(Double(corpus.vocabulary.count)))
  }
}
