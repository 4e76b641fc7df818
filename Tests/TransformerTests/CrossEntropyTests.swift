import Foundation
import TestSupport
import Testing
import Transformer

/// The loss of logits, with label smoothing and z-loss, and its gradient.
@Suite struct CrossEntropyTests {
  /// The sums and the gradient of some rows.
  static func evaluate<Scalar: Real>(
    _ rows: [[Scalar]], _ targets: [Int32], _ objective: Objective = Objective(), scale: Scalar = 1
  ) -> (sums: LossSums, gradient: [[Double]]) {
    let logits = Matrix(rows)
    let sums = CrossEntropy.forwardBackward(
      replacingByGradient: logits, targets: targets, objective: objective, scale: scale)
    return (sums, logits.doubles)
  }

  static let objectives = [
    Objective(), Objective(labelSmoothing: 0.1), Objective(zLoss: 0.01),
    Objective(labelSmoothing: 0.3, zLoss: 1e-4),
  ]

  // MARK: - Values

  /// z = [1, 2, 3], computed with 40 digits.
  @Test(arguments: [0, 1000, -1000] as [Double])
  func referenceValues(shift: Double) {
    let z = [1 + shift, 2 + shift, 3 + shift]
    #expect(abs(Self.evaluate([z], [0]).sums.loss - 2.40760596444) <= 1e-11)
    #expect(abs(Self.evaluate([z], [1]).sums.loss - 1.40760596444) <= 1e-11)
    #expect(abs(Self.evaluate([z], [2]).sums.loss - 0.40760596444) <= 1e-11)
    let smoothed = Self.evaluate([z], [2], Objective(labelSmoothing: 0.1)).sums
    #expect(abs(smoothed.loss - 0.407605964) <= 1e-9)
    #expect(abs(smoothed.objective - 0.507605964) <= 1e-9)

    let floats = Self.evaluate([z.map { Float($0) }], [0]).sums
    // A loss of single precision is as exact as the log-sum-exp: at 1002, floats are 6e-5 apart.
    #expect(abs(floats.loss - 2.40760596444) <= (shift == 0 ? 5e-7 : 6.2e-5))
    #expect(floats.objective == floats.loss)
  }

  @Test func referenceZLoss() {
    let sums = Self.evaluate([[1, 2, 3] as [Double]], [2], Objective(zLoss: 1e-4)).sums
    #expect(abs(sums.loss - 0.40760596444) <= 1e-11)
    #expect(abs(sums.objective - sums.loss - 0.00116117784) <= 1e-11)
  }

  /// One of K logits ahead of the others by m: the loss is ln(1 + (K - 1) exp(-m)).
  @Test(arguments: [1, 2, 10, 1000], [0, 0.5, 1, 5, 20, 50] as [Double])
  func marginLaw(classes: Int, margin: Double) {
    let z = (0..<classes).map { $0 == classes / 2 ? margin : 0 }
    let expected = log1p(Double(classes - 1) * exp(-margin))
    let target = [Int32(classes / 2)]
    #expect(abs(Self.evaluate([z], target).sums.loss - expected) <= 1e-13)
    #expect(abs(Self.evaluate([z.map { Float($0) }], target).sums.loss - expected) <= 1e-6)
  }

  @Test(arguments: [1, 2, 65, 1000])
  func evenLogitsCostTheLogarithmOfTheirNumber(classes: Int) {
    let z = [Double](repeating: 7, count: classes)
    #expect(abs(Self.evaluate([z], [0]).sums.loss - log(Double(classes))) <= 1e-13)
  }

  @Test(arguments: objectives)
  func rowsAddUp(_ objective: Objective) {
    let rows = [[1, 2, 3], [0.5, -1, 0], [4, 4, 4]] as [[Double]]
    let targets: [Int32] = [2, 0, 1]
    let together = Self.evaluate(rows, targets, objective)
    var (loss, trained) = (0.0, 0.0)
    for (r, row) in rows.enumerated() {
      let alone = Self.evaluate([row], [targets[r]], objective)
      loss += alone.sums.loss
      trained += alone.sums.objective
      #expect(alone.gradient[0] == together.gradient[r])
    }
    #expect(abs(together.sums.loss - loss) <= 1e-14)
    #expect(abs(together.sums.objective - trained) <= 1e-14)
  }

  // MARK: - Gradient

  @Test func gradientIsProbabilitiesMinusTarget() {
    // softmax([ln 1, ln 2, ln 5]) = (1/8, 2/8, 5/8), and the second is right.
    let (_, gradient) = Self.evaluate([[0, log(2.0), log(5)]], [1])
    #expect(largestDifference(gradient[0], [0.125, 0.25 - 1, 0.625]) <= 1e-15)
    let halved = Self.evaluate([[0, log(2.0), log(5)]], [1], scale: 0.5).gradient
    #expect(largestDifference(halved[0], [0.0625, -0.375, 0.3125]) <= 1e-15)
    // With ε = 0.3 over three, 0.1 goes to each and 0.8 to the right one.
    let smoothed = Self.evaluate(
      [[0, log(2.0), log(5)]], [1], Objective(labelSmoothing: 0.3)
    ).gradient
    #expect(largestDifference(smoothed[0], [0.025, 0.25 - 0.8, 0.525]) <= 1e-15)
  }

  @Test(arguments: objectives, [1, 2, 3, 17, 70])
  func gradientMatchesFiniteDifferences(_ objective: Objective, classes: Int) {
    var random = SeededValues(seed: UInt64(classes))
    let z: Matrix<Double> = random.matrix(2, classes)
    let targets = random.tokens(2, vocabularySize: classes)
    let rows = (0..<2).map { z[$0].elements }
    let (sums, gradient) = Self.evaluate(rows, targets, objective)
    let numeric = FiniteDifferences.gradient(by: z) {
      Self.evaluate((0..<2).map { z[$0].elements }, targets, objective).sums.objective
    }
    #expect(largestDifference(gradient.flatMap { $0 }, numeric) <= 1e-10)

    // Probabilities and targets both sum to one; only the z-loss moves all logits together.
    for (row, gradient) in gradient.enumerated() {
      let pull = 2 * objective.zLoss * SoftmaxTests.logSumExp(rows[row])
      #expect(abs(gradient.reduce(0, +) - pull) <= 1e-13)
    }

    let floats = Self.evaluate(rows.map { $0.map { Float($0) } }, targets, objective)
    #expect(abs(floats.sums.objective - sums.objective) <= 1e-5)
    #expect(largestDifference(floats.gradient, gradient) <= 1e-6)
  }

  @Test(arguments: [2, 17, 70], [1, 2, 3] as [UInt64])
  func lossIsNeverNegative(classes: Int, seed: UInt64) {
    var random = SeededValues(seed: seed)
    for deviation in [0.01, 1, 30, 1000] {
      let z: Matrix<Float> = random.matrix(1, classes, deviation: deviation)
      let best = z.elements.firstIndex(of: z.elements.max() ?? 0) ?? 0
      #expect(Self.evaluate([z.elements], [Int32(best)]).sums.loss >= 0)
    }
  }

  // MARK: - Extremes

  @Test(arguments: objectives)
  func hugeLogitsGiveFiniteLosses(_ objective: Objective) {
    let right = Self.evaluate([[1e4, -1e4, 0] as [Float]], [0], objective)
    #expect(right.sums.loss == 0)
    #expect(right.sums.objective.isFinite)
    let wrong = Self.evaluate([[1e4, -1e4, 0] as [Float]], [1], objective)
    #expect(wrong.sums.loss == 2e4)
    #expect(wrong.gradient.joined().allSatisfy { $0.isFinite })
  }

  @Test func enormousLogitsGiveFiniteLosses() {
    for (target, loss) in [(0, 0.0), (1, 2e30), (2, 1e30)] {
      let (sums, gradient) = Self.evaluate([[1e30, -1e30, 0] as [Float]], [Int32(target)])
      #expect(abs(sums.loss - loss) <= 1e23)
      #expect(sums.objective == sums.loss)
      #expect(gradient[0] == [1, 0, 0].enumerated().map { $1 - ($0 == target ? 1 : 0) })
    }
  }

  @Test func impossibleCharactersAreInfinitelyExpensive() {
    let possible = Self.evaluate([[-Float.infinity, 0, 0]], [1])
    #expect(abs(possible.sums.loss - log(2)) <= 1e-7)
    #expect(possible.sums.objective == possible.sums.loss)
    #expect(possible.gradient == [[0, -0.5, 0.5]])
    let impossible = Self.evaluate([[-Float.infinity, 0, 0]], [0])
    #expect(impossible.sums.loss == .infinity)
    #expect(impossible.gradient == [[-1, 0.5, 0.5]])
  }

  @Test(arguments: [1, 16, 17, 40])
  func notANumberShowsInTheLoss(classes: Int) {
    for place in 0..<classes {
      var z = [Float](repeating: 1, count: classes)
      z[place] = .nan
      let (sums, gradient) = Self.evaluate([z], [0])
      #expect(sums.loss.isNaN && sums.objective.isNaN)
      #expect(gradient[0].allSatisfy { $0.isNaN })
    }
  }
}
