import TestSupport
import Testing
import Transformer

@Suite struct RMSNormTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let rows, columns: Int
    var testDescription: String { "(\(rows), \(columns))" }
  }

  static let shapes = [(1, 2), (1, 16), (3, 5), (4, 17), (2, 64), (5, 70)]
    .map { Shape(rows: $0.0, columns: $0.1) }

  static func normalized<Scalar: Real>(
    _ x: Matrix<Scalar>, _ gain: Matrix<Scalar>, epsilon: Scalar = 1e-6
  ) -> (y: Matrix<Scalar>, inverse: Matrix<Scalar>) {
    let y = Matrix<Scalar>(rows: x.rows, columns: x.columns)
    let inverse = Matrix<Scalar>(rows: 1, columns: x.rows)
    RMSNorm.forward(x, gain: gain[0], epsilon: epsilon, inverse: inverse[0], into: y)
    return (y, inverse)
  }

  @Test func byHand() {
    // The mean square of 3 and 4 is 12.5, whose root's inverse is √2/5.
    let r = 2.0.squareRoot() / 5
    let x = Matrix<Double>([[3, 4], [0, 0]])
    let gain = Matrix<Double>(row: [1, 2])
    let (y, inverse) = Self.normalized(x, gain, epsilon: 1e-300)
    #expect(largestDifference(y[0].elements, [3 * r, 8 * r]) <= 1e-15)
    #expect(abs(inverse[0][0] - r) <= 1e-16)
    #expect(y[1].elements == [0, 0])
    // ε = 12.5 doubles what is under the root.
    let damped = Self.normalized(x, gain, epsilon: 12.5).y
    #expect(largestDifference(damped[0].elements, [0.6, 1.6]) <= 1e-15)
  }

  @Test(arguments: shapes)
  func rowsHaveUnitMeanSquare(_ shape: Shape) {
    var random = SeededValues(seed: 1)
    let ones = Matrix<Float>(rows: 1, columns: shape.columns)
    ones.fill(1)
    for deviation in [0.1, 1, 1000] {
      let x: Matrix<Float> = random.matrix(shape.rows, shape.columns, deviation: deviation)
      let y = Self.normalized(x, ones, epsilon: 1e-12).y
      for row in 0..<shape.rows {
        #expect(abs(y[row].sumOfSquares / Float(shape.columns) - 1) <= 1e-5)
        // The direction stays.
        let cosine = y[row].dot(x[row]) / (y[row].sumOfSquares * x[row].sumOfSquares).squareRoot()
        #expect(abs(cosine - 1) <= 1e-5)
      }
    }
  }

  @Test(arguments: shapes, [1, 2] as [UInt64])
  func gradientsMatchFiniteDifferences(_ shape: Shape, seed: UInt64) {
    var random = SeededValues(seed: seed)
    let x: Matrix<Double> = random.matrix(shape.rows, shape.columns)
    let gain: Matrix<Double> = random.matrix(1, shape.columns)
    let weights: Matrix<Double> = random.matrix(shape.rows, shape.columns)
    func loss() -> Double { dotProduct(Self.normalized(x, gain).y.elements, weights.elements) }
    let inverse = Self.normalized(x, gain).inverse

    let dx = Matrix<Double>(rows: shape.rows, columns: shape.columns)
    let dGain = Matrix<Double>(rows: 1, columns: shape.columns)
    dx.fill(.nan)
    RMSNorm.backward(
      gradient: weights, x: x, gain: gain[0], inverse: inverse[0], into: dx, adding: false,
      addingToGain: dGain[0])
    // A step for rows of two, which bend most.
    let numeric = FiniteDifferences.gradient(by: x, step: 1e-4, of: loss)
    #expect(relativeDifference(dx.elements, numeric) <= 1e-7)
    let numericGain = FiniteDifferences.gradient(by: gain, of: loss)
    #expect(relativeDifference(dGain.elements, numericGain) <= 1e-9)

    // Added to what is there.
    let start: Matrix<Double> = random.matrix(shape.rows, shape.columns)
    let sum = start.copied()
    let gainStart: Matrix<Double> = random.matrix(1, shape.columns)
    let gainSum = gainStart.copied()
    RMSNorm.backward(
      gradient: weights, x: x, gain: gain[0], inverse: inverse[0], into: sum, adding: true,
      addingToGain: gainSum[0])
    start.add(dx)
    gainStart.add(dGain)
    #expect(largestDifference(sum.elements, start.elements) <= 1e-14)
    #expect(largestDifference(gainSum.elements, gainStart.elements) <= 1e-14)

    // In place of the gradient it comes from.
    let inPlace = weights.copied()
    let gainAgain = Matrix<Double>(rows: 1, columns: shape.columns)
    RMSNorm.backward(
      gradient: inPlace, x: x, gain: gain[0], inverse: inverse[0], into: inPlace, adding: false,
      addingToGain: gainAgain[0])
    #expect(inPlace.elements == dx.elements)
    #expect(gainAgain.elements == dGain.elements)

    let floats = Matrix<Float>(rows: shape.rows, columns: shape.columns)
    let floatGain = Matrix<Float>(rows: 1, columns: shape.columns)
    let (floatX, g) = (x.converted(to: Float.self), gain.converted(to: Float.self))
    let floatInverse = Self.normalized(floatX, g).inverse
    RMSNorm.backward(
      gradient: weights.converted(to: Float.self), x: floatX, gain: g[0],
      inverse: floatInverse[0], into: floats, adding: false, addingToGain: floatGain[0])
    #expect(relativeDifference(floats.elements, dx.elements) <= 1e-4)
    #expect(relativeDifference(floatGain.elements, dGain.elements) <= 1e-5)
  }

  @Test func worksOnViews() {
    var random = SeededValues(seed: 9)
    let x: Matrix<Float> = random.matrix(4, 6)
    let gain: Matrix<Float> = random.matrix(1, 6)
    let expected = Self.normalized(x, gain).y
    let (view, whole) = Matrix<Float>(rows: 4, columns: 6).embedded(in: 5)
    let inverse = Matrix<Float>(rows: 1, columns: 4)
    RMSNorm.forward(
      x.embedded(in: .nan).view, gain: gain[0], epsilon: 1e-6, inverse: inverse[0], into: view)
    #expect(view.elements == expected.elements)
    view.fill(5)
    #expect(whole.elements.allSatisfy { $0 == 5 })
  }
}
