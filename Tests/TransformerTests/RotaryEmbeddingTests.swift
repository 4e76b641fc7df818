import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct RotaryEmbeddingTests {
  static let columns = [2, 4, 8, 34, 64]

  @Test func byHand() {
    // Two coordinates turn by one radian a position.
    let rotary = RotaryEmbedding<Double>(positions: 4, columns: 2, theta: 10_000)
    let x = Matrix<Double>([[1, 0], [1, 0], [0, 2], [1, 0]])
    rotary.forward(x, period: 4)
    let expected = [
      [1, 0], [cos(1.0), sin(1.0)], [-2 * sin(2.0), 2 * cos(2.0)], [cos(3.0), sin(3.0)],
    ]
    #expect(largestDifference(x.doubles, expected) <= 1e-15)
  }

  /// Coordinates i and i + n/2 as one complex number times exp(i t θ^(-2i/n)).
  @Test(arguments: columns, [100, 10_000, 1e6] as [Double])
  func matchesComplexMultiplication(columns: Int, theta: Double) {
    var random = SeededValues(seed: UInt64(columns))
    let rotary = RotaryEmbedding<Double>(positions: 80, columns: columns, theta: theta)
    let floats = RotaryEmbedding<Float>(positions: 80, columns: columns, theta: theta)
    let x: Matrix<Double> = random.matrix(70, columns)
    let half = columns / 2
    let expected = (0..<70).map { r in
      let t = Double(10 + r)
      let pairs = (0..<half).map { i in
        let angle = t * pow(theta, -2 * Double(i) / Double(columns))
        let (a, b) = (x[r][i], x[r][i + half])
        return (a * cos(angle) - b * sin(angle), a * sin(angle) + b * cos(angle))
      }
      return pairs.map(\.0) + pairs.map(\.1)
    }
    let turned = x.copied()
    rotary.forward(turned, first: 10, period: 80)
    #expect(largestDifference(turned.doubles, expected) <= 1e-13)
    let single = x.converted(to: Float.self)
    floats.forward(single, first: 10, period: 80)
    #expect(largestDifference(single.doubles, expected) <= 2e-6)
  }

  @Test(arguments: columns)
  func lengthsStayAndBackwardTurnsBack(columns: Int) {
    var random = SeededValues(seed: 2)
    let rotary = RotaryEmbedding<Double>(positions: 50, columns: columns, theta: 10_000)
    let x: Matrix<Double> = random.matrix(50, columns)
    let y = x.copied()
    rotary.forward(y, period: 50)
    for row in 0..<50 { #expect(abs(y[row].sumOfSquares - x[row].sumOfSquares) <= 1e-12) }
    #expect(y[0].elements == x[0].elements)

    // The gradient of Σ w y by x is w turned back: ⟨w, R x⟩ = ⟨Rᵀ w, x⟩.
    let weights: Matrix<Double> = random.matrix(50, columns)
    let before = dotProduct(weights.elements, y.elements)
    rotary.backward(weights, period: 50)
    #expect(abs(dotProduct(weights.elements, x.elements) - before) <= 1e-11)

    rotary.backward(y, period: 50)
    #expect(largestDifference(y.elements, x.elements) <= 1e-14)
  }

  /// q_t · k_s is the same for every pair at the same distance.
  @Test(arguments: columns)
  func productsDependOnDistanceAlone(columns: Int) {
    var random = SeededValues(seed: 3)
    let rotary = RotaryEmbedding<Double>(positions: 200, columns: columns, theta: 10_000)
    let q: Matrix<Double> = random.matrix(1, columns)
    let k: Matrix<Double> = random.matrix(1, columns)
    func product(_ t: Int, _ s: Int) -> Double {
      let (turnedQ, turnedK) = (q.copied(), k.copied())
      rotary.forward(turnedQ, first: t, period: 200)
      rotary.forward(turnedK, first: s, period: 200)
      return turnedQ[0].dot(turnedK[0])
    }
    for distance in [0, 1, 2, 13, 90] {
      let reference = product(distance, 0)
      for s in [1, 7, 50, 109] {
        #expect(abs(product(s + distance, s) - reference) <= 1e-12)
      }
    }
    #expect(abs(product(3, 0) - product(0, 0)) > 1e-6)
  }

  @Test func positionsStartAnewWithEachSequence() {
    var random = SeededValues(seed: 4)
    let rotary = RotaryEmbedding<Float>(positions: 10, columns: 6, theta: 10_000)
    let sequence: Matrix<Float> = random.matrix(5, 6)
    let batch = Matrix<Float>(rows: 15, columns: 6)
    for s in 0..<3 { batch[rows: 5 * s..<5 * s + 5].copy(sequence) }
    rotary.forward(batch, period: 5)
    rotary.forward(sequence, period: 10)
    for s in 0..<3 {
      #expect(batch[rows: 5 * s..<5 * s + 5].elements == sequence.elements)
    }
  }
}
