import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct ModelTests {
  /// A model whose every weight matters, and a batch for it.
  struct Example<Scalar: Real> {
    let model: Model<Scalar>
    let tokens, targets: [Int32]
    let sequences, context: Int

    init(
      _ configuration: Configuration, seed: UInt64 = 1, sequences: Int = 3, context: Int? = nil
    ) {
      var random = SeededValues(seed: seed)
      model = Model(random.parameters(configuration))
      self.sequences = sequences
      self.context = context ?? configuration.context
      let rows = sequences * self.context
      tokens = random.tokens(rows, vocabularySize: configuration.vocabularySize)
      targets = random.tokens(rows, vocabularySize: configuration.vocabularySize)
    }

    /// Room for some of the sequences, filled in.
    func activations(
      _ range: Range<Int>? = nil, forBackward: Bool = true
    ) -> Activations<Scalar> {
      let range = range ?? 0..<sequences
      let rows = range.lowerBound * context..<range.upperBound * context
      let a = Activations<Scalar>(
        model.configuration, sequences: range.count, context: context, forBackward: forBackward)
      a.tokens = Array(tokens[rows])
      a.targets = Array(targets[rows])
      return a
    }

    func logits(_ range: Range<Int>? = nil, forBackward: Bool = true) -> [[Double]] {
      let a = activations(range, forBackward: forBackward)
      model.forward(a)
      return a.logits.doubles
    }
  }

  static func configuration(isTied: Bool = false, layers: Int = 2) throws -> Configuration {
    try ConfigurationTests.small(layers: layers, context: 9, isTied: isTied)
  }

  // MARK: - Forward

  /// Weights that are laid out beforehand, and anew after they have changed.
  @Test func packedWeights() throws {
    let example = try Example<Float>(Self.configuration())
    let parameters = example.model.parameters
    guard let packed = PackedWeights(following: parameters) else {
      #expect(!Float.layingOutPays)
      return
    }
    for _ in 0..<2 {
      packed.update(threads: 2)
      let (with, without) = (example.activations(), example.activations())
      example.model.forward(with, packed: packed)
      example.model.forward(without)
      #expect(largestDifference(with.logits.doubles, without.logits.doubles) <= 1e-5)
      for i in 0..<parameters.elements.count { parameters.elements[i] *= -1.25 }
    }
    #expect(
      PackedWeights(following: try Example<Double>(Self.configuration()).model.parameters) == nil)
  }

  /// The whole model once more, one character at a time and as a textbook writes it.
  static func naiveLogits(
    _ parameters: Parameters<Double>, tokens: [Int32]
  ) -> [[Double]] {
    let c = parameters.configuration
    func normalize(_ x: [Double], _ gain: Matrix<Double>) -> [Double] {
      let r = 1 / (dotProduct(x, x) / Double(x.count) + c.normEpsilon).squareRoot()
      return zip(x, gain.elements).map { $0 * r * $1 }
    }
    func apply(_ weight: [[Double]], _ x: [Double]) -> [Double] {
      weight.map { dotProduct($0, x) }
    }
    func rotate(_ x: [Double], _ position: Int) -> [Double] {
      let half = x.count / 2
      var y = x
      for i in 0..<half {
        let angle = Double(position) * pow(c.ropeTheta, -2 * Double(i) / Double(x.count))
        y[i] = x[i] * cos(angle) - x[i + half] * sin(angle)
        y[i + half] = x[i + half] * cos(angle) + x[i] * sin(angle)
      }
      return y
    }
    var stream = tokens.map { parameters.embedding.doubles[Int($0)] }
    for layer in parameters.layers {
      let projected = stream.map {
        apply(layer.queryKeyValue.doubles, normalize($0, layer.attentionNorm))
      }
      let head = c.headWidth
      let q = projected.enumerated().map {
        rotate(normalize(Array($1[0..<head]), layer.queryNorm), $0)
      }
      let k = projected.enumerated().map {
        rotate(normalize(Array($1[head..<2 * head]), layer.keyNorm), $0)
      }
      let found = AttentionTests.naive(q: q, k: k, v: projected.map { Array($0[(2 * head)...]) }).o
      for t in stream.indices {
        stream[t] = zip(stream[t], apply(layer.output.doubles, found[t])).map { $0 + $1 }
        let gateUp = apply(layer.gateUp.doubles, normalize(stream[t], layer.feedForwardNorm))
        let hidden = (0..<c.feedForward).map {
          gateUp[$0] / (1 + exp(-gateUp[$0])) * gateUp[$0 + c.feedForward]
        }
        stream[t] = zip(stream[t], apply(layer.down.doubles, hidden)).map { $0 + $1 }
      }
    }
    return stream.map { apply(parameters.head.doubles, normalize($0, parameters.finalNorm)) }
  }

  @Test(arguments: [false, true], [1, 2, 3] as [UInt64])
  func logitsAreThoseOfTheDefinition(isTied: Bool, seed: UInt64) throws {
    let example = Example<Double>(try Self.configuration(isTied: isTied), seed: seed, sequences: 1)
    let expected = Self.naiveLogits(example.model.parameters, tokens: example.tokens)
    #expect(largestDifference(example.logits(), expected) <= 1e-12)
  }

  @Test(arguments: [9, 70, 130])
  func forwardIsCausal(context: Int) throws {
    let configuration = try ConfigurationTests.small(context: context)
    let example = Example<Float>(configuration, sequences: 1)
    let a = example.activations()
    example.model.forward(a)
    let before = a.logits.doubles
    for position in Set([0, 1, 5, 63, 64, 65, context - 1]) where position < context {
      a.tokens = example.tokens
      a.tokens[position] = (example.tokens[position] + 1) % 11
      example.model.forward(a)
      let after = a.logits.doubles
      #expect(Array(after[..<position]) == Array(before[..<position]))
      #expect((position..<context).allSatisfy { after[$0] != before[$0] })
    }
  }

  @Test(arguments: [1, 2, 3, 4])
  func logitsAreTheSameWithoutRoomForBackward(layers: Int) throws {
    let example = Example<Float>(try Self.configuration(layers: layers))
    #expect(example.logits(forBackward: false) == example.logits())
    // Nor does it matter what earlier passes left behind.
    let a = example.activations(forBackward: false)
    for _ in 0..<2 {
      example.model.forward(a)
      #expect(a.logits.doubles == example.logits())
    }
  }

  @Test func sequencesAreIndependent() throws {
    let example = Example<Double>(try Self.configuration())
    let together = example.logits()
    for s in 0..<3 {
      let alone = example.logits(s..<s + 1)
      #expect(largestDifference(alone, Array(together[s * 9..<(s + 1) * 9])) <= 1e-13)
    }
    // Changing one changes nothing, not a bit, in the others.
    let a = example.activations()
    for t in 9..<18 { a.tokens[t] = (a.tokens[t] + 1) % 11 }
    example.model.forward(a)
    let changed = a.logits.doubles
    #expect(Array(changed[0..<9]) == Array(together[0..<9]))
    #expect(Array(changed[18..<27]) == Array(together[18..<27]))
    #expect(Array(changed[9..<18]) != Array(together[9..<18]))
  }

  @Test(arguments: 1...9)
  func shorterContextsSeeTheSame(context: Int) throws {
    let configuration = try Self.configuration()
    let example = Example<Double>(configuration, sequences: 1)
    let a = Activations<Double>(configuration, sequences: 1, context: context)
    a.tokens = Array(example.tokens[..<context])
    example.model.forward(a)
    let expected = Array(example.logits()[..<context])
    #expect(largestDifference(a.logits.doubles, expected) <= 1e-13)
  }

  @Test(arguments: [false, true], [1, 2] as [UInt64])
  func floatAndDoubleAgree(isTied: Bool, seed: UInt64) throws {
    let configuration = try ConfigurationTests.small(
      layers: 3, width: 32, headWidth: 16, feedForward: 48, context: 70, isTied: isTied)
    let exact = Example<Double>(configuration, seed: seed)
    let floats = Example<Float>(configuration, seed: seed)
    // Relative to logits of about 10.
    let logits = exact.logits().flatMap { $0 }
    #expect(relativeDifference(floats.logits().flatMap { $0 }, logits) <= 1e-4)
    let (a, b) = (exact.activations(), floats.activations())
    exact.model.forward(a)
    floats.model.forward(b)
    let gradient = Parameters<Double>(configuration)
    let floatGradient = Parameters<Float>(configuration)
    let sums = exact.model.backward(a, into: gradient, scale: 1 / 210)
    let floatSums = floats.model.backward(b, into: floatGradient, scale: 1 / 210)
    #expect(abs(sums.loss - floatSums.loss) / sums.loss <= 1e-4)
    for entry in gradient.entries {
      let difference = relativeDifference(
        floatGradient.row(entry).elements, gradient.row(entry).elements)
      #expect(difference <= 1e-3, "\(entry.name): \(difference)")
    }
  }

  // MARK: - Loss

  /// A new model guesses evenly, so its loss is ln V, whatever the characters.
  @Test(arguments: [1, 2, 11, 65, 1000])
  func firstLossIsThatOfGuessing(vocabularySize: Int) throws {
    let parameters = Parameters<Float>(
      try ConfigurationTests.small(vocabularySize: vocabularySize))
    parameters.initialize(seed: 1)
    let example = Example<Float>(parameters.configuration)
    let a = example.activations()
    let model = Model(parameters)
    model.forward(a)
    let mean = model.loss(a).loss / Double(a.tokens.count)
    #expect(abs(mean - log(Double(vocabularySize))) <= 1e-6)
  }

  /// Tied, the first logits are products with embeddings of deviation 0.02: small, so the loss is
  /// near ln V.
  @Test func firstLossOfATiedModelIsNearThat() throws {
    let parameters = Parameters<Float>(
      try ConfigurationTests.small(vocabularySize: 65, width: 64, isTied: true))
    parameters.initialize(seed: 1)
    let example = Example<Float>(parameters.configuration)
    let a = example.activations()
    let model = Model(parameters)
    model.forward(a)
    #expect(abs(model.loss(a).loss / Double(a.tokens.count) - log(65)) <= 0.1)
  }

  @Test func lossIsThatOfItsLogits() throws {
    let example = Example<Double>(try Self.configuration())
    let a = example.activations()
    example.model.forward(a)
    let expected = zip(a.logits.doubles, a.targets).reduce(0) { sum, row in
      sum + SoftmaxTests.logSumExp(row.0) - row.0[Int(row.1)]
    }
    let sums = example.model.loss(a)
    #expect(abs(sums.loss - expected) <= 1e-11)
    #expect(abs(sums.objective - expected) <= 1e-11)
  }

  /// With one character there is nothing to guess and nothing to learn.
  @Test func oneCharacterCostsNothing() throws {
    let example = Example<Double>(try ConfigurationTests.small(vocabularySize: 1))
    let a = example.activations()
    let gradient = Parameters<Double>(example.model.configuration)
    gradient.elements.fill(.nan)
    example.model.forward(a)
    let sums = example.model.backward(a, into: gradient, scale: 1)
    #expect(sums.loss == 0)
    #expect(gradient.elements.elements.allSatisfy { $0 == 0 })
  }

  // MARK: - Shards

  struct Sharding: Sendable, CustomTestStringConvertible {
    let shards: Int
    let isTied: Bool
    let dropout: Double
    var testDescription: String { "\(shards) shards, tied: \(isTied), dropout: \(dropout)" }
  }

  static let shardings = [1, 2, 3, 4, 6].flatMap { shards in
    [(false, 0), (true, 0), (false, 0.3), (true, 0.3)].map {
      Sharding(shards: shards, isTied: $0.0, dropout: $0.1)
    }
  }

  /// The gradient of a batch is the sum over its shards, dropout masks included.
  @Test(arguments: shardings)
  func shardsAddUp(_ sharding: Sharding) throws {
    let configuration = try Self.configuration(isTied: sharding.isTied)
    let example = Example<Double>(configuration, sequences: 12)
    let mask = sharding.dropout > 0 ? Dropout(rate: sharding.dropout, seed: 3, step: 5) : nil
    let objective = Objective(labelSmoothing: 0.1, zLoss: 1e-3)
    func gradient(_ range: Range<Int>) -> (loss: Double, gradient: [Double]) {
      let a = example.activations(range)
      let gradient = Parameters<Double>(configuration)
      // What was there is lost.
      gradient.elements.fill(.nan)
      let firstRow = range.lowerBound * example.context
      example.model.forward(a, dropout: mask, firstRow: firstRow)
      let sums = example.model.backward(
        a, into: gradient, objective: objective, scale: 1 / Double(example.tokens.count),
        dropout: mask, firstRow: firstRow)
      return (sums.objective, gradient.elements.elements)
    }
    let whole = gradient(0..<12)
    let size = 12 / sharding.shards
    let parts = (0..<sharding.shards).map { gradient($0 * size..<($0 + 1) * size) }
    let sum = parts.dropFirst().reduce(parts[0].gradient) { zip($0, $1.gradient).map { $0 + $1 } }
    #expect(relativeDifference(sum, whole.gradient) <= 1e-12)
    #expect(abs(parts.reduce(0) { $0 + $1.loss } - whole.loss) <= 1e-11 * whole.loss)

    // The same when each part adds its gradient to the last one's.
    let total = Parameters<Double>(configuration)
    total.elements.fill(.nan)
    for part in 0..<sharding.shards {
      let range = part * size..<(part + 1) * size
      let a = example.activations(range)
      let firstRow = range.lowerBound * example.context
      example.model.forward(a, dropout: mask, firstRow: firstRow)
      _ = example.model.backward(
        a, into: total, adding: part > 0, objective: objective,
        scale: 1 / Double(example.tokens.count), dropout: mask, firstRow: firstRow)
    }
    #expect(relativeDifference(total.elements.elements, whole.gradient) <= 1e-12)
  }

  @Test func dropoutChangesTrainingOnly() throws {
    let example = Example<Float>(try Self.configuration())
    let a = example.activations()
    func logits(_ dropout: Dropout?) -> [[Double]] {
      example.model.forward(a, dropout: dropout)
      return a.logits.doubles
    }
    let plain = logits(nil)
    #expect(logits(Dropout(rate: 0, seed: 1, step: 1)) == plain)
    let dropped = logits(Dropout(rate: 0.2, seed: 1, step: 1))
    #expect(dropped != plain)
    #expect(logits(Dropout(rate: 0.2, seed: 1, step: 1)) == dropped)
    #expect(logits(Dropout(rate: 0.2, seed: 1, step: 2)) != dropped)
    #expect(logits(nil) == plain)
  }

  /// The same batch twice gives the same bits: nothing is left over from the first.
  @Test(arguments: [false, true])
  func backwardLeavesNothingBehind(isTied: Bool) throws {
    let configuration = try Self.configuration(isTied: isTied)
    let example = Example<Float>(configuration)
    let a = example.activations()
    let gradient = Parameters<Float>(configuration)
    let runs = (0..<3).map { _ in
      example.model.forward(a)
      let sums = example.model.backward(a, into: gradient, scale: 0.1)
      return gradient.elements.elements + [Float(sums.loss)]
    }
    #expect(runs[1] == runs[0] && runs[2] == runs[0])
  }

  /// A step against the gradient lowers the loss by the step times the gradient's square.
  @Test(arguments: [false, true])
  func gradientPointsUphill(isTied: Bool) throws {
    let configuration = try Self.configuration(isTied: isTied)
    let example = Example<Double>(configuration)
    let a = example.activations()
    let gradient = Parameters<Double>(configuration)
    example.model.forward(a)
    let before = example.model.backward(a, into: gradient, scale: 1).objective
    let step = 1e-7
    example.model.parameters.elements.add(gradient.elements, times: -step)
    example.model.forward(a)
    let after = example.model.loss(a).objective
    let promised = step * gradient.elements.sumOfSquares
    #expect(abs((before - after) / promised - 1) <= 1e-3)
  }
}
