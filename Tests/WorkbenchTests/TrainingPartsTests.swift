import Safetensors
import TestSupport
import Testing
import Transformer

@testable import Workbench

@Suite struct ScheduleTests {
  @Test func warmupRisesAndLinearFalls() {
    let schedule = Schedule(shape: .linear, warmup: 4)
    #expect((0..<4).map { schedule.factor(step: $0, progress: 0) } == [0.25, 0.5, 0.75, 1])
    #expect(schedule.factor(step: 10, progress: 0) == 1)
    #expect(abs(schedule.factor(step: 10, progress: 0.5) - 0.51) < 1e-12)
    #expect(abs(schedule.factor(step: 10, progress: 1) - 0.02) < 1e-12)
    #expect(abs(schedule.factor(step: 10, progress: 7) - 0.02) < 1e-12)
  }

  @Test func cosineAndConstant() {
    let cosine = Schedule(shape: .cosine, warmup: 0)
    #expect(abs(cosine.factor(step: 0, progress: 0) - 1) < 1e-12)
    #expect(abs(cosine.factor(step: 0, progress: 0.5) - 0.51) < 1e-12)
    #expect(abs(cosine.factor(step: 0, progress: 1) - 0.02) < 1e-12)
    let constant = Schedule(shape: .constant, warmup: 0)
    #expect([0, 0.3, 1].allSatisfy { constant.factor(step: 0, progress: $0) == 1 })
  }
}

@Suite("A batch cut into shards") struct ShardTests {
  @Test("Each sequence has one shard, the larger shards come first", arguments: 1...33, 1...8)
  func shares(batch: Int, count: Int) {
    guard count <= batch else { return }
    let shares = BatchStep.shares(batch, among: count)
    #expect(shares.flatMap { Array($0) } == Array(0..<batch))
    let sizes = shares.map(\.count)
    #expect(sizes == sizes.sorted(by: >))
    #expect(sizes.count == count && sizes[0] - sizes[count - 1] <= 1)
  }

  @Test("Portions are whole sequences, all of them", arguments: 1...9, [1, 40, 64, 256, 1_000])
  func portions(sequences: Int, context: Int) {
    for rows in [64, 128, 256] {
      let portions = BatchStep.portions(sequences: sequences, context: context, rowsAtOnce: rows)
      #expect(portions.flatMap { Array($0) } == Array(0..<sequences))
      #expect(portions.allSatisfy { $0.count == 1 || $0.count * context <= rows })
    }
  }

  @Test(arguments: [(16, 64), (64, 64), (128, 128), (256, 256), (512, 256)])
  func rowsOfAPortion(width: Int, rows: Int) {
    #expect(BatchStep.rowsAtOnce(width: width) == rows)
  }

  /// Two shards of two portions each, of three and four sequences, against one pass over everything.
  @Test func portionsAddUpToTheWholeGradient() throws {
    let (context, batch) = (16, 14)
    let configuration = try Configuration(
      vocabularySize: 11, layers: 2, width: 16, headWidth: 8, feedForward: 24, context: context)
    var random = SeededValues(seed: 8)
    let model = Model<Float>(random.parameters(configuration))
    let tokens = random.tokens(3_000, vocabularySize: configuration.vocabularySize)
    var batches = Batches(tokens, context: context, batch: batch, seed: 1)
    let step = BatchStep(model, batch: batch, context: context, threads: 2)
    let whole = Activations<Float>(configuration, sequences: batch, context: context)
    let gradient = Parameters<Float>(configuration)
    // Once more after the weights have changed.
    for index in 0..<2 {
      step.take(step: index, of: &batches)
      let outcome = step.run(objective: Objective(), dropout: nil, threads: 2)
      for sequence in 0..<batch {
        batches.write(
          step: index, sequence: sequence, tokens: &whole.tokens, targets: &whole.targets,
          slot: sequence)
      }
      model.forward(whole)
      let sums = model.backward(whole, into: gradient, scale: 1 / Float(batch * context))
      #expect(abs(outcome.loss - sums.loss / Double(batch * context)) <= 1e-5)
      let difference = largestDifference(step.gradient.values, gradient.values)
      #expect(difference <= 1e-5 * outcome.gradientNorm)
      for i in 0..<model.parameters.elements.count { model.parameters.elements[i] *= 0.9 }
    }
  }
}

@Suite struct BatchesTests {
  /// What a step trains on, sequence by sequence.
  private func sequences(
    _ batches: inout Batches, step: Int, batch: Int, context: Int
  ) -> [(tokens: [Int32], targets: [Int32])] {
    var tokens = [Int32](repeating: 0, count: batch * context)
    var targets = tokens
    for sequence in 0..<batch {
      batches.write(
        step: step, sequence: sequence, tokens: &tokens, targets: &targets, slot: sequence)
    }
    return (0..<batch).map {
      let rows = $0 * context..<($0 + 1) * context
      return (Array(tokens[rows]), Array(targets[rows]))
    }
  }

  @Test(arguments: [(11, 10), (12, 3), (100, 7), (101, 10), (1000, 33)])
  func anEpochTakesEveryWindowOnce(_ length: Int, _ context: Int) throws {
    let text = (0..<Int32(length)).map { $0 }
    var batches = Batches(text, context: context, batch: 1, seed: 5)
    var orders: [[Int32]] = []
    for epoch in 0..<3 {
      var firsts: [Int32] = []
      for step in epoch * batches.windows..<(epoch + 1) * batches.windows {
        let (tokens, targets) = sequences(&batches, step: step, batch: 1, context: context)[0]
        #expect(tokens == (0..<Int32(context)).map { tokens[0] + $0 })
        #expect(targets == tokens.map { $0 + 1 })
        #expect(tokens[0] >= 0 && targets[context - 1] < Int32(length))
        firsts.append(tokens[0])
      }
      let sorted = firsts.sorted()
      #expect(zip(sorted, sorted.dropFirst()).allSatisfy { $1 - $0 == Int32(context) })
      orders.append(firsts)
    }
    if batches.windows > 5 { #expect(orders[0] != orders[1]) }
  }

  @Test func aStepIsAFunctionOfItsNumber() throws {
    let text = (0..<Int32(500)).map { $0 }
    var forward = Batches(text, context: 8, batch: 4, seed: 9)
    let inOrder = (0..<40).map {
      sequences(&forward, step: $0, batch: 4, context: 8).map(\.tokens)
    }
    for step in [39, 3, 20, 0, 31] {
      var fresh = Batches(text, context: 8, batch: 4, seed: 9)
      #expect(
        sequences(&fresh, step: step, batch: 4, context: 8).map(\.tokens) == inOrder[step])
    }
  }
}

@Suite struct OptimizerTests {
  private func row(_ values: [Float]) -> Matrix<Float> {
    let matrix = Matrix<Float>(rows: 1, columns: values.count)
    for (i, value) in values.enumerated() { matrix[0][i] = value }
    return matrix
  }

  private let step = OptimizerStep(
    adamRate: 0.1, muonRate: 0.1, beta1: 0.9, beta2: 0.99, weightDecay: 0.5, gradientScale: 1,
    step: 0)

  @Test func adamWByHand() {
    let (w, g, m, v) = (row([1, -2]), row([0.5, -4]), row([0, 0]), row([0, 0]))
    AdamW.update(w[0], gradient: g[0], first: m[0], second: v[0], step, decay: 0.5)
    // After one step m / (1 - β₁) is g and v / (1 - β₂) is g², so each weight moves by the rate, against its gradient's sign.
    #expect(abs(w[0][0] - (1 * 0.95 - 0.1)) < 1e-6)
    #expect(abs(w[0][1] - (-2 * 0.95 + 0.1)) < 1e-6)
    #expect(abs(m[0][0] - 0.05) < 1e-7)
    #expect(abs(v[0][0] - 0.0025) < 1e-8)
  }

  @Test func muonStepsAreNearlyOrthogonal() {
    for (rows, columns) in [(8, 8), (6, 20), (20, 6)] {
      let generator = CounterGenerator(key: UInt64(rows))
      let (w, g) = (
        Matrix<Float>(rows: rows, columns: columns), Matrix<Float>(rows: 1, columns: rows * columns)
      )
      for i in 0..<rows * columns { g[0][i] = Float(generator.normals(at: UInt64(i)).0) * 1000 }
      let momentum = Matrix<Float>(rows: 1, columns: rows * columns)
      var step = step
      step.weightDecay = 0
      Muon(rows: rows, columns: columns).update(w, gradient: g[0], momentum: momentum[0], step)
      // The step over its rate has singular values near 1, so its squares sum to about the smaller side.
      let scale = 0.1 * max(1, Double(rows) / Double(columns)).squareRoot()
      let squares = (0..<rows).reduce(0.0) { $0 + Double(w[$1].sumOfSquares) } / (scale * scale)
      #expect(abs(squares / Double(min(rows, columns)) - 1) < 0.35)
      // It goes against the gradient.
      var along = 0.0
      for r in 0..<rows {
        for c in 0..<columns { along += Double(w[r][c] * g[0][r * columns + c]) }
      }
      #expect(along < 0)
    }
  }
}

@Suite struct SettingsTests {
  @Test func aValueThatMakesNoSenseIsNamed() {
    func refused(_ change: (inout TrainingOptions) -> Void) -> String? {
      var options = TrainingOptions()
      change(&options)
      do {
        try options.validate()
        return nil
      } catch TrainingError.option(let name, _, _) {
        return name
      } catch {
        return "\(error)"
      }
    }
    #expect(refused { $0.steps = 0 } == "steps")
    #expect(refused { $0.steps = -1 } == "steps")
    #expect(refused { $0.minutes = .nan } == "minutes")
    #expect(refused { $0.learningRate = .infinity } == "learning-rate")
    #expect(refused { $0.learningRate = 0 } == "learning-rate")
    #expect(refused { $0.width = Int.max } == "width")
    #expect(refused { $0.headWidth = 7 } == "head-width")
    #expect(refused { $0.dropout = 1 } == "dropout")
    #expect(refused { $0.validation = -0.1 } == "validation")
    #expect(refused { $0.layers = 1_000_000 } == "layers")
    #expect(refused { ($0.steps, $0.minutes) = (1, 1) } == "minutes")
    #expect(refused { $0.steps = 1 } == nil)
  }

  @Test func jsonRoundTrips() throws {
    for preset in Preset.allCases {
      var options = TrainingOptions()
      options.preset = preset
      options.targetLoss = 1.5
      options.seed = .max
      options.labelSmoothing = 0.1
      let settings = try TrainingSettings(options, trainingCharacters: 1_000_000)
      #expect(TrainingSettings(json: settings.json) == settings)
    }
  }

  /// A training state is a file, which anybody can write.
  @Test(
    arguments: [
      ("batch", 0), ("layers", 0), ("context", 1e12), ("validation", 1.5), ("validation", -1),
      ("dropout", 1), ("steps", -1), ("steps", 0), ("beta1", 1), ("beta2", 1.5), ("warmup", 1e18),
      ("label_smoothing", 1), ("learning_rate", -1), ("head_width", 3), ("target_loss", -1),
    ] as [(String, Double)])
  func settingsOutOfRangeAreRefused(name: String, value: Double) throws {
    var json = try #require(TrainingSettings().json.objectValue)
    #expect(TrainingSettings(json: .object(json)) == TrainingSettings())
    json[name] = Int(exactly: value).map { JSONValue($0) } ?? JSONValue(value)
    #expect(TrainingSettings(json: .object(json)) == nil)
  }

  @Test func regularizationFollowsEpochs() throws {
    func dropout(_ characters: Int) throws -> Double {
      try TrainingSettings(TrainingOptions(), trainingCharacters: characters).dropout
    }
    #expect(try dropout(100_000_000) == 0)
    #expect(try dropout(100_000) > 0)
  }

  @Test("A preset reads a small text at most twenty times, unless steps are asked for")
  func lengthFollowsText() throws {
    func steps(_ characters: Int, asked: Int? = nil) throws -> TrainingSettings.Duration {
      var options = TrainingOptions()
      (options.preset, options.steps) = (.base, asked)
      return try TrainingSettings(options, trainingCharacters: characters).duration
    }
    #expect(try steps(10_000_000) == Preset.base.settings.duration)
    // Steps of 8 x 512 characters.
    #expect(try steps(100_000) == .steps(20 * 100_000 / 4096))
    #expect(try steps(1_000) == .steps(100))
    #expect(try steps(1_000, asked: 7_000) == .steps(7_000))
  }
}

@Suite struct LossCurveTests {
  @Test func drawsBothLosses() {
    let curve = LossCurve(
      (1...10).map {
        .init(step: $0 * 10, loss: 3 / Double($0), validationLoss: 3.3 / Double($0))
      })
    let lines = curve.lines(width: 60, height: 8)
    #expect(lines.count == 10)
    #expect(lines.allSatisfy { $0.count <= 60 })
    #expect(lines[0].contains("3.30"))
    #expect(lines[9].contains("o validation") && lines[9].hasSuffix("step 100"))
  }

  /// A loss that hardly changes, as when training goes on; one that does not; and one that was huge.
  @Test(arguments: [
    (0.7674, 0.7850, "0.767"), (1.50001, 1.50002, "1.500010"), (2, 2, "2.00"), (1, 1e12, "1.00"),
  ])
  func labelsDifferWhereLossesDo(low: Double, high: Double, bottom: String) throws {
    let lines = LossCurve([
      .init(step: 1, loss: high, validationLoss: nil),
      .init(step: 2, loss: low, validationLoss: nil),
    ]).lines(width: 21, height: 8)
    #expect(lines.count == 10)
    let labels = lines.prefix(8).map { line in
      line.prefix { $0 != "|" }.filter { $0 != " " }
    }
    #expect(labels.last == bottom)
    #expect(Set(labels).count == (low == high ? 1 : high < 10_000 ? 8 : 2))
    #expect(Set(lines.prefix(9).map { $0.firstIndex { "|+".contains($0) }! }).count == 1)
  }

  @Test func nothingToDraw() {
    #expect(LossCurve([]).lines(width: 60, height: 8).isEmpty)
    #expect(
      LossCurve([.init(step: 1, loss: .nan, validationLoss: nil)]).lines(width: 60, height: 8)
        .isEmpty)
  }
}
