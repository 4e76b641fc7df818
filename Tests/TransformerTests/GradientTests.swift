import TestSupport
import Testing
import Transformer

/// The hand-written gradients against finite differences, for every tensor and every layer's input.
@Suite struct GradientTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var isTied = false
    var dropout = 0.0
    var objective = Objective()

    var testDescription: String {
      "tied: \(isTied), dropout: \(dropout), label smoothing: \(objective.labelSmoothing), "
        + "z-loss: \(objective.zLoss)"
    }
  }

  static let cases = [false, true].flatMap { isTied in
    [0, 0.3].flatMap { dropout in
      [
        Objective(), Objective(labelSmoothing: 0.1), Objective(zLoss: 0.01),
        Objective(labelSmoothing: 0.2, zLoss: 0.001),
      ].map { Case(isTied: isTied, dropout: dropout, objective: $0) }
    }
  }

  private func expectAgreement(
    _ configuration: Configuration, _ check: GradientCheck, seed: UInt64 = 1, sequences: Int = 2
  ) {
    let parameters = GradientCheck.randomParameters(configuration, seed: seed)
    let before = parameters.elements.elements
    let results = check.run(parameters, sequences: sequences, context: configuration.context)
    #expect(results.count == parameters.entries.count + configuration.layers)
    for result in results {
      #expect(result.relativeError <= 1e-6, "\(result.name): \(result.relativeError)")
      #expect(result.checked == min(result.shape.reduce(1, *), check.elementsPerTensor))
    }
    #expect(parameters.elements.elements == before, "the weights were not restored")
  }

  @Test(arguments: cases)
  func everyTensorMatchesFiniteDifferences(_ test: Case) throws {
    let configuration = try ConfigurationTests.small(isTied: test.isTied)
    expectAgreement(
      configuration, GradientCheck(objective: test.objective, dropout: test.dropout))
  }

  struct Shape: Sendable, CustomTestStringConvertible {
    var vocabularySize = 11
    var layers = 2
    var width = 12
    var headWidth = 8
    var feedForward = 20
    var context = 7
    var sequences = 2
    var testDescription: String {
      "V \(vocabularySize), \(layers) layers, width \(width), head \(headWidth), "
        + "feed-forward \(feedForward), \(sequences) x \(context)"
    }
  }

  /// The head wider and narrower than the stream, one layer and four, contexts across attention's
  /// blocks, and the smallest there is.
  static let shapes = [
    Shape(width: 8, headWidth: 24), Shape(width: 24, headWidth: 2), Shape(layers: 1),
    Shape(layers: 4), Shape(context: 70, sequences: 1), Shape(context: 130, sequences: 1),
    Shape(vocabularySize: 2, layers: 1, width: 2, headWidth: 2, feedForward: 1, context: 2),
    Shape(context: 1), Shape(vocabularySize: 100, width: 33, headWidth: 18, feedForward: 17),
  ]

  @Test(arguments: shapes, [false, true])
  func shapesMatchFiniteDifferences(_ shape: Shape, isTied: Bool) throws {
    let configuration = try ConfigurationTests.small(
      vocabularySize: shape.vocabularySize, layers: shape.layers, width: shape.width,
      headWidth: shape.headWidth, feedForward: shape.feedForward, context: shape.context,
      isTied: isTied)
    // Normalizing two coordinates bends so much that the differences need a smaller step.
    let check = GradientCheck(
      dropout: 0.1, elementsPerTensor: 8, step: shape.headWidth == 2 ? 1e-4 : 1e-3)
    expectAgreement(configuration, check, sequences: shape.sequences)
  }

  @Test(arguments: 2...5 as ClosedRange<UInt64>)
  func otherSeedsMatchFiniteDifferences(seed: UInt64) throws {
    let check = GradientCheck(dropout: 0.2, elementsPerTensor: 16, seed: seed)
    expectAgreement(try ConfigurationTests.small(), check, seed: seed)
  }

  /// With one character the loss is always zero, and so is every gradient.
  @Test func oneCharacterHasNoGradient() throws {
    expectAgreement(try ConfigurationTests.small(vocabularySize: 1), GradientCheck())
  }

  // MARK: - Wrong gradients

  enum Mistake: CaseIterable, Sendable {
    case slightlyTooLarge, oneSignWrong, oneElementMissing, shifted

    func apply(to gradient: Row<Double>) {
      let values = gradient.elements
      let largest = values.indices.max { abs(values[$0]) < abs(values[$1]) } ?? 0
      switch self {
      case .slightlyTooLarge: gradient.multiply(by: 1.001)
      case .oneSignWrong: gradient[largest] *= -1
      case .oneElementMissing: gradient[largest] = 0
      case .shifted:
        for i in values.indices { gradient[i] = values[(i + 1) % values.count] }
      }
    }
  }

  /// Every tensor in turn gets a wrong gradient, and exactly that tensor is reported.
  @Test(arguments: Mistake.allCases, [false, true])
  func wrongGradientsAreCaught(_ mistake: Mistake, isTied: Bool) throws {
    let configuration = try ConfigurationTests.small(
      vocabularySize: 5, width: 4, headWidth: 4, feedForward: 3, context: 4, isTied: isTied)
    let parameters = GradientCheck.randomParameters(configuration)
    // Every element is compared, so that not even a single wrong one escapes.
    let check = GradientCheck(elementsPerTensor: .max)
    for entry in parameters.entries {
      let results = check.run(parameters, context: 4) { gradient in
        mistake.apply(to: gradient.row(entry))
      }
      let reported = results.filter { !($0.relativeError <= 1e-6) }.map(\.name)
      #expect(reported == [entry.name])
    }
  }

  @Test(arguments: [Double.nan, .infinity])
  func gradientsThatAreNoNumbersAreCaught(_ value: Double) throws {
    let parameters = GradientCheck.randomParameters(try ConfigurationTests.small(layers: 1))
    let check = GradientCheck(elementsPerTensor: .max)
    let results = check.run(parameters, context: 3) { $0.elements[77] = value }
    #expect(results.map(\.relativeError).filter { !($0 <= 1e-6) } == [.infinity])
  }
}
