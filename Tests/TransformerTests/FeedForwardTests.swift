import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct FeedForwardTests {
  static func forward<Scalar: Real>(_ gateUp: Matrix<Scalar>) -> Matrix<Scalar> {
    let h = Matrix<Scalar>(rows: gateUp.rows, columns: gateUp.columns / 2)
    FeedForward.forward(gateUp: gateUp, into: h)
    return h
  }

  @Test func byHand() {
    // σ(0) = 1/2, σ(ln 3) = 3/4, σ(-ln 3) = 1/4.
    let ln3 = log(3.0)
    let h = Self.forward(Matrix<Double>([[0, ln3, -ln3, 7, 4, 4]]))
    #expect(largestDifference(h.elements, [0, 3 * ln3, -ln3]) <= 1e-15)
  }

  @Test func farGates() {
    let gateUp = Matrix<Float>([[100, 1e4, -100, -1e4, 2, 3, 2, 3]])
    let h = Self.forward(gateUp).elements
    #expect(Array(h[0..<2]) == [200, 3e4])
    #expect(h[2...].allSatisfy { abs($0) < 1e-30 })
  }

  @Test(arguments: [1, 2, 15, 16, 17, 70], [1, 2] as [UInt64])
  func matchesTheDefinitionAndFiniteDifferences(columns: Int, seed: UInt64) {
    var random = SeededValues(seed: seed)
    let gateUp: Matrix<Double> = random.matrix(3, 2 * columns, deviation: 2)
    let weights: Matrix<Double> = random.matrix(3, columns)
    let expected = gateUp.doubles.map { row in
      (0..<columns).map { row[$0] / (1 + exp(-row[$0])) * row[$0 + columns] }
    }
    #expect(largestDifference(Self.forward(gateUp).doubles, expected) <= 1e-14)
    let floats = gateUp.converted(to: Float.self)
    #expect(largestDifference(Self.forward(floats).doubles, expected) <= 1e-5)

    let numeric = FiniteDifferences.gradient(by: gateUp) {
      dotProduct(Self.forward(gateUp).elements, weights.elements)
    }
    let gradient = gateUp.copied()
    let scratch = Matrix<Double>(rows: 1, columns: columns)
    FeedForward.backward(
      gradient: weights.copied(), replacingByGradient: gradient, scratch: scratch[0])
    #expect(largestDifference(gradient.elements, numeric) <= 1e-9)

    let floatScratch = Matrix<Float>(rows: 1, columns: columns)
    FeedForward.backward(
      gradient: weights.converted(to: Float.self), replacingByGradient: floats,
      scratch: floatScratch[0])
    #expect(largestDifference(floats.elements, gradient.elements) <= 1e-5)
  }
}
