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

  static func configuration(isTied: Bool) throws -> Configuration {
    try Configuration(
      vocabularySize: 11, layers: 2, width: 12, headWidth: 8, feedForward: 20, context: 7,
      isTied: isTied)
  }

  @Test(arguments: cases)
  func everyTensorMatchesFiniteDifferences(_ test: Case) throws {
    let configuration = try Self.configuration(isTied: test.isTied)
    let check = GradientCheck(objective: test.objective, dropout: test.dropout)
    let results = check.run(GradientCheck.randomParameters(configuration), context: 7)
    #expect(results.count == Parameters<Double>(configuration).entries.count + 2)
    for result in results {
      #expect(result.relativeError <= 1e-6, "\(result.name): \(result.relativeError)")
    }
  }
}
