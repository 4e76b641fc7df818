import TestSupport
import Testing
import Transformer

/// Sparsemax, 1.5-entmax and the online softmax: values, properties, derivatives.
@Suite struct SparseNormalizerTests {
  static func apply<Scalar: Real>(_ normalizer: Normalizer, _ z: [Scalar]) -> [Scalar] {
    let row = Matrix(row: z)
    normalizer.apply(row[0])
    return row.elements
  }

  // MARK: - Values

  @Test func sparsemaxReferences() {
    #expect(Self.apply(.sparsemax, [-2, 0, 0.5]) == [0, 0.25, 0.75])
    #expect(Self.apply(.sparsemax, [1, 2, 3]) == [0, 0, 1])
    #expect(Self.apply(.sparsemax, [-2, 0, 0.5] as [Float]) == [0, 0.25, 0.75])
    #expect(Self.apply(.sparsemax, [0.1, 1.1, 0.2, 0.3] as [Double])[0] == 0)
    #expect(Self.apply(.sparsemax, [7]) == [1])
  }

  @Test func entmaxReferences() {
    let first = [0, 0.326007364, 0.673992636]
    let second = [0, 0.169281086, 0.830718914]
    #expect(largestDifference(Self.apply(.entmax15, [-2, 0, 0.5]), first) <= 1e-9)
    #expect(largestDifference(Self.apply(.entmax15, [1, 2, 3]), second) <= 1e-9)
    #expect(largestDifference(Self.apply(.entmax15, [-2, 0, 0.5] as [Float]), first) <= 1e-6)
    #expect(Self.apply(.entmax15, [7]) == [1])
  }

  // MARK: - Properties

  /// Magnitudes from nothing to everything, and lengths from one to long.
  static let magnitudes = [1e-30, 1e-10, 0.1, 1, 10, 1e10, 1e30]

  @Test(arguments: Normalizer.allCases, magnitudes)
  func distributionsOfEveryMagnitude(_ normalizer: Normalizer, magnitude: Double) {
    for length in [1, 2, 3, 17, 200] {
      var random = SeededValues(seed: UInt64(length))
      let z = (0..<length).map { _ in magnitude * random.normal() }
      let p = Self.apply(normalizer, z)
      #expect(abs(p.reduce(0, +) - 1) <= 1e-14)
      #expect(p.allSatisfy { $0 >= 0 && $0 <= 1 + 1e-15 })
      let floats = Self.apply(normalizer, z.map(Float.init))
      #expect(abs(floats.reduce(0, +) - 1) <= 2e-6)

      let order = Array(0..<length).shuffled(using: &random)
      let permuted = Self.apply(normalizer, order.map { z[$0] })
      #expect(largestDifference(permuted, order.map { p[$0] }) <= 1e-14)
      // The larger the score, the larger its share.
      let ranked = z.indices.sorted { z[$0] < z[$1] }
      #expect(zip(ranked, ranked.dropFirst()).allSatisfy { p[$0] <= p[$1] })
      let negativeShift = z.map { $0 - 8 * magnitude }
      #expect(
        largestDifference(Self.apply(normalizer, negativeShift), p) <= 1e-13 * max(1, magnitude))
    }
  }

  /// The conditions that make p the projection: Σ p = 1, and a score without a share lies at or below the threshold.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func thresholdsAreExact(seed: UInt64) {
    var random = SeededValues(seed: seed)
    let z = (0..<random.whole(1..<300)).map { _ in 2 * random.normal() }
    let sparse = Self.apply(.sparsemax, z)
    let support = z.indices.filter { sparse[$0] > 0 }
    let threshold = (support.reduce(0) { $0 + z[$1] } - 1) / Double(support.count)
    #expect(z.indices.allSatisfy { abs(sparse[$0] - max(z[$0] - threshold, 0)) <= 1e-14 })
    let entmax = Self.apply(.entmax15, z)
    let best = z.indices.max { z[$0] < z[$1] } ?? 0
    let root = z[best] / 2 - entmax[best].squareRoot()
    #expect(
      z.indices.allSatisfy { i in
        let distance = max(z[i] / 2 - root, 0)
        return abs(entmax[i] - distance * distance) <= 1e-14
      })
  }

  @Test(arguments: [Normalizer.sparsemax, .entmax15], 1...20)
  func maskedAndWrongScores(_ normalizer: Normalizer, length: Int) {
    var random = SeededValues(seed: UInt64(length))
    let z = (0..<length).map { _ in random.normal() }
    let p = Self.apply(normalizer, z)
    for place in 0...length {
      let q = Self.apply(normalizer, Array(z[..<place]) + [-.infinity] + Array(z[place...]))
      #expect(q[place] == 0)
      #expect(largestDifference(Array(q[..<place] + q[(place + 1)...]), p) <= 1e-15)
    }
    for place in 0..<length {
      for bad in [Double.nan, .infinity] {
        var wrong = z
        wrong[place] = bad
        #expect(Self.apply(normalizer, wrong).allSatisfy { $0.isNaN })
      }
    }
    let masked = [Double](repeating: -.infinity, count: length)
    #expect(Self.apply(normalizer, masked).allSatisfy { $0.isNaN })
  }

  // MARK: - Derivatives

  @Test(arguments: Normalizer.allCases, 1...12 as ClosedRange<UInt64>)
  func derivativesMatchFiniteDifferences(_ normalizer: Normalizer, seed: UInt64) {
    var random = SeededValues(seed: seed)
    let length = random.whole(1..<12)
    let z: Matrix<Double> = random.matrix(1, length)
    let weights: Matrix<Double> = random.matrix(1, length)
    let p = Matrix(row: Self.apply(normalizer, z.elements))
    let gradient = weights.copied()
    normalizer.backward(probabilities: p[0], gradient: gradient[0])
    // Small steps: no score may change sides within one.
    let expected = FiniteDifferences.gradient(by: z, step: 1e-6) {
      dotProduct(Self.apply(normalizer, z.elements), weights.elements)
    }
    #expect(largestDifference(gradient.elements, expected) <= 1e-8)
    #expect(abs(gradient.elements.reduce(0, +)) <= 1e-14)
  }

  // MARK: - Online

  @Test(arguments: magnitudes, [1, 2, 7, 300])
  func onlineSoftmaxIsTheSame(magnitude: Double, length: Int) {
    var random = SeededValues(seed: UInt64(length))
    var z = (0..<length).map { _ in magnitude * random.normal() }
    if length > 2 { z[1] = -.infinity }
    let p = SoftmaxTests.softmax(z)
    var online = OnlineSoftmax<Double>()
    for score in z { online.add(score) }
    #expect(largestDifference(z.map { online.probability(of: $0) }, p) <= 1e-14)

    var tiled = OnlineSoftmax<Double>()
    for start in stride(from: 0, to: length, by: 5) {
      var tile = OnlineSoftmax<Double>()
      for score in z[start..<min(start + 5, length)] { tile.add(score) }
      tiled.merge(tile)
    }
    #expect(largestDifference(z.map { tiled.probability(of: $0) }, p) <= 1e-14)
    let plain = SoftmaxTests.logSumExp(z)
    #expect(abs(tiled.logSumExp - plain) <= 1e-14 * max(1, abs(plain)))
  }

  @Test func onlineSoftmaxKeepsNaN() {
    for place in 0..<4 {
      var online = OnlineSoftmax<Double>()
      for i in 0..<4 { online.add(i == place ? .nan : Double(i)) }
      #expect(online.logSumExp.isNaN)
    }
  }
}

/// Sparse attention in the whole model: gradients, and decoding character by character.
@Suite struct SparseAttentionTests {
  static let sparse = [Normalizer.sparsemax, .entmax15]

  static func configuration(_ normalizer: Normalizer, context: Int = 7) throws -> Configuration {
    var configuration = try ConfigurationTests.small(context: context)
    configuration.attention = normalizer
    return configuration
  }

  @Test(arguments: sparse, [0, 0.3])
  func everyTensorMatchesFiniteDifferences(_ normalizer: Normalizer, dropout: Double) throws {
    let configuration = try Self.configuration(normalizer)
    for seed in 1...2 as ClosedRange<UInt64> {
      let parameters = GradientCheck.randomParameters(configuration, seed: seed)
      let check = GradientCheck(
        objective: Objective(labelSmoothing: 0.1, zLoss: 0.01), dropout: dropout, seed: seed)
      for result in check.run(parameters, context: configuration.context) {
        #expect(result.relativeError <= 1e-6, "\(result.name): \(result.relativeError)")
      }
    }
  }

  /// Contexts across attention's blocks.
  @Test(arguments: sparse)
  func longContextsMatchFiniteDifferences(_ normalizer: Normalizer) throws {
    let configuration = try Self.configuration(normalizer, context: 70)
    let parameters = GradientCheck.randomParameters(configuration)
    let check = GradientCheck(elementsPerTensor: 6)
    for result in check.run(parameters, sequences: 1, context: 70) {
      #expect(result.relativeError <= 1e-6, "\(result.name): \(result.relativeError)")
    }
  }

  @Test(arguments: sparse)
  func wrongGradientsAreStillCaught(_ normalizer: Normalizer) throws {
    let parameters = GradientCheck.randomParameters(try Self.configuration(normalizer))
    let results = GradientCheck().run(parameters, context: 7) { gradient in
      gradient.row(gradient.entries[2]).multiply(by: 1.001)
    }
    #expect(results.filter { $0.relativeError > 1e-6 }.map(\.name) == [results[2].name])
  }

  @Test(arguments: sparse)
  func decodingAgreesWithTheWholePass(_ normalizer: Normalizer) throws {
    let configuration = try Self.configuration(normalizer, context: 24)
    let model = Model(GradientCheck.randomParameters(configuration))
    let a = Activations<Double>(configuration, sequences: 1, context: 24, forBackward: false)
    var random = SeededValues(seed: 3)
    a.tokens = random.tokens(24, vocabularySize: configuration.vocabularySize)
    model.forward(a)
    let decoder = Decoder(model)
    for t in 0..<24 {
      decoder.append(a.tokens[t], to: 0)
      #expect(largestDifference(decoder.logits[0].elements, a.logits[t].elements) <= 1e-10)
    }
  }
}
