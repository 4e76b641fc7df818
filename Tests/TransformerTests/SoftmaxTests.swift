import Foundation
import TestSupport
import Testing
import Transformer

/// Softmax, log-sum-exp and their derivative.
@Suite struct SoftmaxTests {
  /// softmax(z / T), by the code under test.
  static func softmax<Scalar: Real>(_ z: [Scalar], temperature: Scalar = 1) -> [Scalar] {
    let row = Matrix(row: z.map { $0 / temperature })
    Softmax.apply(row[0])
    return row.elements
  }

  static func logSumExp<Scalar: Real>(_ z: [Scalar]) -> Scalar {
    let row = Matrix(row: z)
    let result = Softmax.logSumExp(replacingBySoftmax: row[0])
    #expect(row.elements.map(\.isNaN) == softmax(z).map(\.isNaN))
    #expect(
      largestDifference(row.elements.filter { !$0.isNaN }, softmax(z).filter { !$0.isNaN }) == 0)
    return result
  }

  // MARK: - Values

  /// Softmax of logarithms: the numbers themselves, divided by their sum.
  @Test(arguments: [[3, 1], [1, 2, 3], [1, 1, 1, 1], [5], [1, 7, 2, 90]] as [[Double]])
  func softmaxOfLogarithms(_ numbers: [Double]) {
    let shares = numbers.map { $0 / numbers.reduce(0, +) }
    #expect(largestDifference(Self.softmax(numbers.map { log($0) }), shares) <= 1e-15)
    #expect(largestDifference(Self.softmax(numbers.map { Float(log($0)) }), shares) <= 2e-7)
  }

  struct Reference: Sendable, CustomTestStringConvertible {
    let temperature: Double
    let probabilities: [Double]
    var testDescription: String { "temperature \(temperature)" }
  }

  /// softmax([1, 2, 3] / T), computed with 40 digits.
  static let references = [
    Reference(temperature: 1, probabilities: [0.0900305732, 0.2447284711, 0.6652409558]),
    Reference(temperature: 0.5, probabilities: [0.01587624, 0.11731043, 0.86681333]),
    Reference(temperature: 2, probabilities: [0.18632372, 0.30719589, 0.50648039]),
  ]

  @Test(arguments: references)
  func referenceValues(_ reference: Reference) {
    let temperature = reference.temperature
    #expect(
      largestDifference(Self.softmax([1, 2, 3], temperature: temperature), reference.probabilities)
        <= 1e-8)
    #expect(
      largestDifference(
        Self.softmax([1, 2, 3], temperature: Float(temperature)), reference.probabilities)
        <= 1e-7)
  }

  @Test func referenceLogSumExpAndEntropy() {
    #expect(abs(Self.logSumExp([1, 2, 3] as [Double]) - 3.40760596444) <= 1e-11)
    #expect(abs(Self.logSumExp([1, 2, 3] as [Float]) - 3.4076059) <= 5e-7)
    #expect(abs(Self.logSumExp([log(2.0), log(3), log(5)]) - log(10)) <= 1e-15)
    let entropy = Self.softmax([1, 2, 3] as [Double]).reduce(0) { $0 - $1 * log($1) }
    #expect(abs(entropy - 0.83239558184) <= 1e-11)
  }

  // MARK: - Symmetries

  /// A shift by a whole number is exact in both precisions, so not a bit may change.
  @Test(arguments: [1, 1000, -1000, 1_000_000, -1_000_000] as [Double])
  func shiftsChangeNothing(_ shift: Double) {
    #expect(Self.softmax([1 + shift, 2 + shift, 3 + shift]) == Self.softmax([1, 2, 3]))
    let z = [1, 2, 3, -4, 0] as [Float]
    let shifted = z.map { $0 + Float(shift) }
    #expect(Self.softmax(shifted) == Self.softmax(z))
    let moved = Self.logSumExp(z.map { Double($0) + shift }) - Self.logSumExp(z.map { Double($0) })
    #expect(abs(moved - shift) <= 1e-15 * max(1, abs(shift)) * 2)
  }

  @Test(arguments: [2, 3, 15, 16, 17, 70], [1, 2, 3] as [UInt64])
  func permutationsPermute(length: Int, seed: UInt64) {
    var random = SeededValues(seed: seed)
    let z = (0..<length).map { _ in Float(5 * random.normal()) }
    let order = Array(0..<length).shuffled(using: &random)
    let p = Self.softmax(z)
    let permuted = Self.softmax(order.map { z[$0] })
    #expect(relativeDifference(permuted, order.map { p[$0] }) <= 3e-7)
  }

  @Test(arguments: 1...70)
  func matchesItsTwinAndSumsToOne(length: Int) {
    var random = SeededValues(seed: UInt64(length))
    for deviation in [0.1, 3, 30] {
      let z = (0..<length).map { _ in Float(deviation * random.normal()) }
      let maximum = Double(z.max() ?? 0)
      let weights = z.map { exp(Double($0) - maximum) }
      let expected = weights.map { $0 / weights.reduce(0, +) }
      #expect(largestDifference(Self.softmax(z), expected) <= 1e-6)
      #expect(largestDifference(Self.softmax(z.map(Double.init)), expected) <= 1e-15)
      #expect(abs(Self.softmax(z).reduce(0, +) - 1) <= 1e-6)
      let logZ = maximum + log(weights.reduce(0, +))
      #expect(abs(Double(Self.logSumExp(z)) - logZ) <= 1e-6 * max(1, abs(logZ)))
    }
  }

  // MARK: - Extremes

  @Test func hugeLogitsAreCertainty() {
    #expect(Self.softmax([1e30, 0, -1e30] as [Float]) == [1, 0, 0])
    #expect(Self.softmax([-1e30, -1e30] as [Float]) == [0.5, 0.5])
    #expect(
      Self.softmax([1e30, 1e30, -1e30, 1e30, 1e30] as [Float]) == [0.25, 0.25, 0, 0.25, 0.25])
    #expect(Self.softmax([3.4e38, -3.4e38] as [Float]) == [1, 0])
    #expect(Self.softmax([1e308, -1e308, 0] as [Double]) == [1, 0, 0])
    #expect(Self.logSumExp([1e30, 0, -1e30] as [Float]) == 1e30)
    #expect(Self.logSumExp([-1e30, -2e30] as [Float]) == -1e30)
  }

  @Test(arguments: 1...40)
  func negativeInfinityHasNoProbability(length: Int) {
    var random = SeededValues(seed: UInt64(length))
    let z = (0..<length).map { _ in Float(random.normal()) }
    let p = Self.softmax(z)
    for place in 0...length {
      let q = Self.softmax(Array(z[0..<place]) + [-.infinity] + Array(z[place..<length]))
      #expect(q[place] == 0)
      #expect(largestDifference(Array(q[0..<place] + q[(place + 1)...]), p) <= 2e-7)
    }
  }

  @Test(arguments: 1...40)
  func rowsWithoutAnAnswerAreNotANumber(length: Int) {
    let none = [Float](repeating: -.infinity, count: length)
    #expect(Self.softmax(none).allSatisfy { $0.isNaN })
    #expect(Self.logSumExp(none).isNaN)
    for place in 0..<length {
      for bad in [.infinity, .nan, -.nan, Float(nan: 3, signaling: false)] as [Float] {
        var z = [Float](repeating: 0.5, count: length)
        z[place] = bad
        #expect(Self.softmax(z).allSatisfy { $0.isNaN })
        #expect(Self.softmax(z.map(Double.init)).allSatisfy { $0.isNaN })
        if bad.isNaN { #expect(Self.logSumExp(z).isNaN) }
      }
    }
  }

  @Test func emptyRowStaysEmpty() {
    let row = Matrix<Float>(rows: 1, columns: 0)
    Softmax.apply(row[0])
    #expect(row.elements.isEmpty)
  }

  // MARK: - Derivative

  @Test func derivativeByHand() {
    // p = (3/4, 1/4) and dL/dp = (4, 0): the mean is 3, so dL/dz = (3/4 · 1, 1/4 · -3).
    let p = Matrix<Double>(row: [0.75, 0.25])
    let gradient = Matrix<Double>(row: [4, 0])
    Softmax.backward(probabilities: p[0], gradient: gradient[0])
    #expect(gradient.elements == [0.75, -0.75])
  }

  @Test(arguments: [1, 2, 3, 17, 70], [1, 2, 3] as [UInt64])
  func derivativeMatchesTheJacobianAndFiniteDifferences(length: Int, seed: UInt64) {
    var random = SeededValues(seed: seed)
    let z: Matrix<Double> = random.matrix(1, length)
    let weights: Matrix<Double> = random.matrix(1, length)
    let p = Self.softmax(z.elements)
    let gradient = weights.copied()
    let probabilities = Matrix(row: p)
    Softmax.backward(probabilities: probabilities[0], gradient: gradient[0])

    // J = diag(p) - p pᵀ, written out.
    let byJacobian = (0..<length).map { i in
      let row = (0..<length).map { j in (i == j ? p[i] : 0) - p[i] * p[j] }
      return dotProduct(row, weights.elements)
    }
    #expect(largestDifference(gradient.elements, byJacobian) <= 1e-14)
    let byDifferences = FiniteDifferences.gradient(by: z) {
      dotProduct(Self.softmax(z.elements), weights.elements)
    }
    #expect(largestDifference(gradient.elements, byDifferences) <= 1e-11)
    // Moving all logits together changes nothing.
    #expect(abs(gradient.elements.reduce(0, +)) <= 1e-14)

    let (floatP, floats) = (
      probabilities.converted(to: Float.self), weights.converted(to: Float.self)
    )
    Softmax.backward(probabilities: floatP[0], gradient: floats[0])
    #expect(largestDifference(floats.elements, byJacobian) <= 1e-6)
  }
}
