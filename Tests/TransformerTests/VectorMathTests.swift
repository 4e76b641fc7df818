import Foundation
import TestSupport
import Testing
import Transformer

/// Exponentials, sums and maxima of rows beside their slow twins in double precision.
///
/// The fast versions take sixteen elements at a time, so lengths around 16, 32, 48 and 64 matter,
/// and so does every place.
@Suite struct VectorMathTests {
  static let lengths = 0...70

  /// A row in the middle of -7s, so that what is written beside it shows.
  private struct Guarded<Scalar: Real> {
    let matrix: Matrix<Scalar>
    let length: Int

    init(_ values: [Scalar]) {
      length = values.count
      matrix = Matrix(row: [-7] + values + [-7])
    }

    var row: Row<Scalar> { matrix[0][1..<1 + length] }
    var isIntact: Bool { matrix[0][0] == -7 && matrix[0][length + 1] == -7 }
  }

  // MARK: - Exponentials

  @Test(arguments: lengths)
  func exponentialsMatchTheirTwin(length: Int) {
    var random = SeededValues(seed: UInt64(length))
    for _ in 0..<20 {
      let shift = Float(random.uniform(-20...20))
      let values = (0..<length).map { _ in shift + Float(random.uniform(-87...80)) }
      let guarded = Guarded(values)
      let sum = guarded.row.exponentiate(minus: shift)
      let expected = values.map { exp(Double($0 - shift)) }
      let errors = zip(guarded.row.elements, expected).map { abs(Double($0) - $1) / $1 }
      #expect((errors.max() ?? 0) <= 3e-7)
      #expect(relativeDifference([sum], [expected.reduce(0, +)]) <= 1e-6)
      #expect(guarded.isIntact)
    }
  }

  /// In double precision, for softmaxes with a temperature: the weights, their sum, and Σ w ln w.
  @Test(arguments: lengths.dropFirst(), [.leastNonzeroMagnitude, 1e-3, 0.8, 1, 30])
  func temperedExponentials(length: Int, temperature: Double) {
    var random = SeededValues(seed: UInt64(length))
    for round in 0..<20 {
      let maximum = random.uniform(-20...20)
      var z = (0..<length).map { _ in maximum - random.uniform(0...1) * Double(1 << round) }
      z[random.whole(0..<length)] = maximum
      if round % 3 == 0 { z[random.whole(0..<length)] = -.infinity }
      var weights = [Double](repeating: -7, count: length)
      let (sum, weighted) = Double.temperedExponentials(
        of: z, maximum: maximum, temperature: temperature, into: &weights)
      let exponents = z.map { ($0 - maximum) / temperature }
      for (weight, x) in zip(weights, exponents) {
        let expected = x < -708 ? 0 : exp(x)
        #expect(abs(weight - expected) <= 4e-16 * expected)
      }
      let entropies = zip(weights, exponents).map { $0 == 0 ? 0 : $0 * $1 }
      #expect(abs(sum - weights.reduce(0, +)) <= 1e-14 * weights.reduce(0, +))
      #expect(abs(weighted - entropies.reduce(0, +)) <= 1e-13 * Double(length))

      var (own, again) = (weights, weights.map { _ in -7.0 })
      let ownSums = Double.temperedExponentials(of: z, maximum: maximum, temperature: 1, into: &own)
      let both = Double.temperedExponentialsTwice(
        of: z, maximum: maximum, temperature: temperature, into: &again)
      #expect(both.own == ownSums && both.tempered == (sum, weighted) && again == weights)
    }
  }

  /// Dense, over every power of two that a result can have.
  @Test func temperedExponentialsAreNearEverywhere() {
    var worst = 0.0
    var weights = [Double](repeating: 0, count: 50)
    for block in 0..<1_416 {
      let z = (0..<50).map { -0.5 * Double(block) - 0.01 * Double($0) }
      _ = Double.temperedExponentials(of: z, maximum: 0, temperature: 1, into: &weights)
      for (x, weight) in zip(z, weights) where x >= -708 {
        worst = max(worst, abs(weight - exp(x)) / exp(x))
      }
    }
    #expect(worst > 0)
    #expect(worst <= 4e-16)
  }

  /// Dense over the whole range: the range reduction changes its integer about 250 times on the
  /// way.
  @Test func exponentialsAreWithinThreeTenMillionthsEverywhere() {
    var worst = 0.0
    for block in 0..<4_400 {
      let values = (0..<40).map { -87.33 + Float(block) * 0.04 - 0.3 + Float($0) * 0.001 }
        .filter { $0 >= -87.33 && $0 <= 88.37 }
      let row = Matrix(row: values)
      _ = row[0].exponentiate(minus: 0)
      for (x, y) in zip(values, row.elements) {
        let expected = exp(Double(x))
        worst = max(worst, abs(Double(y) - expected) / expected)
      }
    }
    #expect(worst > 0)
    #expect(worst <= 3e-7)
  }

  @Test func exponentialsAtTheLimits() {
    let row = Matrix<Float>(row: [
      0, -0.0, -87.33, (-87.33 as Float).nextDown, -88, -103.98, -1e30, -.infinity,
      88.37, 89, 1e30, .infinity,
    ])
    _ = row[0].exponentiate(minus: 0)
    let y = row.elements
    #expect(y[0] == 1 && y[1] == 1)
    #expect(y[2] >= .leastNormalMagnitude)
    #expect(Array(y[3..<8]) == [0, 0, 0, 0, 0])
    #expect(relativeDifference([y[8]], [exp(Double(88.37 as Float))]) <= 3e-7)
    #expect(Array(y[9..<12]) == [y[8], y[8], y[8]])
  }

  /// softmax relies on it: the largest logit's exponential is exactly 1, so no sum is below 1.
  @Test(arguments: [-1e30, -1000, -1, 0, 0.1, 3.7, 1e10] as [Float])
  func exponentialOfTheMaximumIsOne(_ maximum: Float) {
    for length in 1...40 {
      let row = Matrix(row: [Float](repeating: maximum, count: length))
      #expect(row[0].exponentiate(minus: maximum) == Float(length))
      #expect(row.elements.allSatisfy { $0 == 1 })
    }
  }

  @Test(arguments: lengths)
  func exponentialsInDouble(length: Int) {
    var random = SeededValues(seed: UInt64(length))
    let values = (0..<length).map { _ in random.uniform(-700...700) }
    let guarded = Guarded(values)
    let sum = guarded.row.exponentiate(minus: 0.5)
    let expected = values.map { exp($0 - 0.5) }
    #expect(guarded.row.elements == expected)
    #expect(relativeDifference([sum], [expected.reduce(0, +)]) <= 1e-14)
    #expect(guarded.isIntact)
  }

  // MARK: - Sums of products

  /// A sum of n products has an error of at most about n/16 + 16 roundings of Σ |products|.
  @Test(arguments: lengths)
  func sumsOfProductsMatchTheirTwin(length: Int) {
    var random = SeededValues(seed: UInt64(length))
    let bound = 24 * Double(Float.ulpOfOne)
    for _ in 0..<20 {
      let factors: Matrix<Float> = random.matrix(3, length)
      let (x, y, z) = (factors.doubles[0], factors.doubles[1], factors.doubles[2])
      func check(_ sum: Float, _ products: [Double]) {
        let error = abs(Double(sum) - products.reduce(0, +))
        #expect(error <= bound * products.reduce(0) { $0 + abs($1) })
      }
      check(factors[0].dot(factors[1]), zip(x, y).map { $0 * $1 })
      check(factors[0].dot(factors[1], factors[2]), (0..<length).map { x[$0] * y[$0] * z[$0] })
      check(factors[0].sumOfSquares, x.map { $0 * $0 })

      let doubles = factors.converted(to: Double.self)
      let exact = dotProduct(x, y)
      #expect(abs(doubles[0].dot(doubles[1]) - exact) <= 1e-13)
      let triple = doubles[0].dot(doubles[1], doubles[2])
      #expect(abs(triple - dotProduct(zip(x, y).map { $0 * $1 }, z)) <= 1e-13)
    }
  }

  @Test func sumsByHand() {
    let rows = Matrix<Float>([[1, 2, 3], [4, 5, 6], [1, -1, 2]])
    #expect(rows[0].dot(rows[1]) == 32)
    #expect(rows[0].dot(rows[1], rows[2]) == 4 - 10 + 36)
    #expect(rows[0].sumOfSquares == 14)
  }

  // MARK: - Maxima

  @Test(arguments: 1...70)
  func maximumIsFoundAtEveryPlace(length: Int) {
    var random = SeededValues(seed: UInt64(length))
    // All negative, so that a start value of zero would be found out.
    let values = (0..<length).map { _ in Float(random.uniform(-1000 ... -10)) }
    for place in 0..<length {
      for top in [-9, 0, 1e30, .infinity] as [Float] {
        let row = Matrix(row: values)
        row[0][place] = top
        let doubles = row.converted(to: Double.self)
        #expect(row[0].maximum == top)
        #expect(doubles[0].maximum == Double(top))
        var widened = [Double](repeating: .nan, count: length)
        #expect(row[0].widen(into: &widened) == top)
        #expect(widened == doubles[0].elements)
      }
    }
    let row = Matrix(row: values)
    #expect(row[0].maximum == values.max())
  }

  @Test func maximumOfNegativeInfinitiesAlone() {
    for length in 1...40 {
      let row = Matrix(row: [Float](repeating: -.infinity, count: length))
      #expect(row[0].maximum == -.infinity)
      var widened = [Double](repeating: 0, count: length)
      #expect(row[0].widen(into: &widened) == -.infinity)
    }
  }

  // MARK: - NaN

  /// Not only the NaN of arithmetic: one with a payload, as a damaged file may hold, must not turn
  /// into a number either.
  static let notNumbers: [Float] = [
    .nan, -.nan, Float(nan: 1, signaling: false), Float(nan: 0x155, signaling: false),
    -Float(nan: 0x1FF, signaling: false), .signalingNaN,
  ]

  @Test(arguments: 1...70)
  func notANumberPropagatesFromEveryPlace(length: Int) {
    for place in 0..<length {
      for nan in Self.notNumbers {
        let values = Matrix<Float>(rows: 1, columns: length)
        values.fill(0.5)
        values[0][place] = nan
        #expect(values[0].maximum.isNaN)
        var widened = [Double](repeating: 0, count: length)
        #expect(values[0].widen(into: &widened).isNaN)
        #expect(values[0].sumOfSquares.isNaN)
        #expect(values[0].dot(values[0], values[0]).isNaN)

        let exponentials = values.copied()
        #expect(exponentials[0].exponentiate(minus: 0).isNaN)
        let places = (0..<length).map { $0 == place }
        #expect(exponentials.elements.map(\.isNaN) == places)

        let doubles = values.converted(to: Double.self)
        #expect(doubles[0].maximum.isNaN && doubles[0].sumOfSquares.isNaN)
        #expect(doubles[0].exponentiate(minus: 0).isNaN)
      }
    }
  }
}
