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
    let h = weights.copied()
    FeedForward.backward(gradientReplacedByResult: h, replacingByGradient: gradient)
    #expect(largestDifference(gradient.elements, numeric) <= 1e-9)
    #expect(h.elements == Self.forward(gateUp).elements)

    let floatH = weights.converted(to: Float.self)
    let expectedFloatH = Self.forward(floats).elements
    FeedForward.backward(gradientReplacedByResult: floatH, replacingByGradient: floats)
    #expect(largestDifference(floats.elements, gradient.elements) <= 1e-5)
    #expect(floatH.elements == expectedFloatH)
  }

  /// In rows of every length up to several vectors. The product with the gate adds one rounding to the 4e-7 of the logistic function.
  @Test(arguments: 1...70)
  func floatsMatchDoubles(columns: Int) {
    var random = SeededValues(seed: UInt64(columns))
    for _ in 0..<5 {
      let floats = Matrix<Float>(rows: 4, columns: 2 * columns)
      for row in 0..<4 {
        for i in 0..<columns {
          floats[row][i] = Float(random.uniform(-87...87))
          floats[row][columns + i] = 1
        }
      }
      let room = Matrix<Float>(rows: 4, columns: columns + 1)
      room.fill(-7)
      FeedForward.forward(gateUp: floats, into: room[columns: 0..<columns])
      #expect(room[columns: columns..<columns + 1].elements.allSatisfy { $0 == -7 })
      let expected = Self.forward(floats.converted(to: Double.self)).elements
      let errors = zip(room[columns: 0..<columns].elements, expected).map {
        abs(Double($0) - $1) / abs($1)
      }
      #expect((errors.max() ?? 0) <= 4.6e-7)
    }
  }

  @Test func gatesAtTheLimits() {
    let h = Self.forward(Matrix<Float>([[0, 20, 1e30, .infinity, -100, -1e4, 1, 1, 1, 1, 1, 1]]))
      .elements
    #expect(Array(h[0..<4]) == [0, 20, 1e30, .infinity])
    #expect(h[4...].allSatisfy { abs($0) < 1e-33 })
  }

  @Test(arguments: 1...40)
  func gatesThatAreNoNumbersStaySo(columns: Int) {
    for place in 0..<columns {
      for nan in VectorMathTests.notNumbers {
        let gateUp = Matrix<Float>(rows: 1, columns: 2 * columns)
        gateUp.fill(0.5)
        gateUp[0][place] = nan
        let places = (0..<columns).map { $0 == place }
        #expect(Self.forward(gateUp).elements.map(\.isNaN) == places)
        let dh = Matrix<Float>(rows: 1, columns: columns)
        dh.fill(1)
        FeedForward.backward(gradientReplacedByResult: dh, replacingByGradient: gateUp)
        #expect(gateUp.elements.map(\.isNaN) == places + places)
      }
    }
  }
}
