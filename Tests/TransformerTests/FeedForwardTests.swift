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
    FeedForward.backward(gradient: weights.copied(), replacingByGradient: gradient)
    #expect(largestDifference(gradient.elements, numeric) <= 1e-9)

    FeedForward.backward(
      gradient: weights.converted(to: Float.self), replacingByGradient: floats)
    #expect(largestDifference(floats.elements, gradient.elements) <= 1e-5)
  }

  /// From gates that close as far as floats go to where the logistic function is one, in rows of every length up to several vectors.
  @Test(arguments: 1...70)
  func floatsMatchDoubles(columns: Int) {
    var random = SeededValues(seed: UInt64(columns))
    let gates: Matrix<Double> = random.matrix(4, columns, deviation: 30)
    let gateUp = Matrix<Double>(rows: 4, columns: 2 * columns)
    gateUp[columns: 0..<columns].copy(gates)
    gateUp[columns: columns..<2 * columns].fill(1)
    let floats = gateUp.converted(to: Float.self)
    let room = Matrix<Float>(rows: 4, columns: columns + 1)
    room.fill(-7)
    FeedForward.forward(gateUp: floats, into: room[columns: 0..<columns])
    #expect(room[columns: columns..<columns + 1].elements.allSatisfy { $0 == -7 })
    let expected = Self.forward(floats.converted(to: Double.self)).elements
    let errors = zip(room[columns: 0..<columns].elements, expected).map {
      abs(Double($0) - $1) / max(abs($1), 1e-29)
    }
    #expect((errors.max() ?? 0) <= 6e-7)
  }

  @Test func gatesThatAreNoNumbersStaySo() {
    for columns in 1...40 {
      for place in 0..<columns {
        let gateUp = Matrix<Float>(rows: 1, columns: 2 * columns)
        gateUp.fill(0.5)
        gateUp[0][place] = .nan
        #expect(Self.forward(gateUp).elements.map(\.isNaN) == (0..<columns).map { $0 == place })
      }
    }
  }
}
