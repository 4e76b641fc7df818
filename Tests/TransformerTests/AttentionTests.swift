import Foundation
import TestSupport
import Testing
import Transformer

@Suite struct AttentionTests {
  init() { Blas.useOneThread() }

  /// Around the edges of blocks of 64 queries.
  static let lengths = [1, 2, 3, 5, 31, 63, 64, 65, 127, 128, 129, 150]

  struct Inputs<Scalar: Real> {
    let q, k, v: Matrix<Scalar>

    init(seed: UInt64, queries: Int, positions: Int, headWidth: Int) {
      var random = SeededValues(seed: seed)
      q = random.matrix(queries, headWidth)
      k = random.matrix(positions, headWidth)
      v = random.matrix(positions, headWidth)
    }

    func forward() -> (p: Matrix<Scalar>, o: Matrix<Scalar>) {
      let p = Matrix<Scalar>(rows: q.rows, columns: k.rows)
      let o = Matrix<Scalar>(rows: q.rows, columns: q.columns)
      o.fill(.nan)
      Attention.forward(q: q, k: k, v: v, p: p, o: o)
      return (p, o)
    }
  }

  /// The definition, one number at a time.
  static func naive(
    q: [[Double]], k: [[Double]], v: [[Double]]
  ) -> (p: [[Double]], o: [[Double]]) {
    let before = k.count - q.count
    var (p, o) = ([[Double]](), [[Double]]())
    for (row, query) in q.enumerated() {
      let visible = 0...before + row
      let scores = visible.map { dotProduct(query, k[$0]) / Double(query.count).squareRoot() }
      let weights = scores.map { exp($0) }
      let total = weights.reduce(0, +)
      p.append(weights.map { $0 / total } + [Double](repeating: 0, count: k.count - visible.count))
      o.append(
        query.indices.map { c in visible.reduce(0) { $0 + weights[$1] / total * v[$1][c] } })
    }
    return (p, o)
  }

  /// Whether all probabilities are kept or only those of a block at a time changes no result.
  @Test(arguments: lengths) func roomForABlockIsEnough(length: Int) {
    let inputs = Inputs<Float>(seed: 3, queries: length, positions: length, headWidth: 6)
    let block = Matrix<Float>(rows: min(length, Attention.block), columns: length)
    let o = Matrix<Float>(rows: length, columns: 6)
    Attention.forward(q: inputs.q, k: inputs.k, v: inputs.v, p: block, o: o)
    #expect(o.elements == inputs.forward().o.elements)
  }

  @Test func byHand() {
    // Scores of the second query are q k / √1 = 0 and ln 3: it takes 1/4 of the first value and 3/4
    // of the second.
    let q = Matrix<Double>([[5], [1]])
    let k = Matrix<Double>([[0], [log(3.0)]])
    let v = Matrix<Double>([[8], [16]])
    let (p, o) = (Matrix<Double>(rows: 2, columns: 2), Matrix<Double>(rows: 2, columns: 1))
    Attention.forward(q: q, k: k, v: v, p: p, o: o)
    #expect(largestDifference(p.doubles, [[1, 0], [0.25, 0.75]]) <= 1e-15)
    #expect(largestDifference(o.doubles, [[8], [14]]) <= 1e-14)
  }

  @Test(arguments: lengths, [2, 8])
  func matchesTheDefinition(length: Int, headWidth: Int) {
    // All queries, or those of the last positions only, as generation has them.
    for queries in Set([1, 2, length / 2, length - 1, length, 63, 64, 65])
    where queries > 0 && queries <= length {
      let seed = UInt64(length * 1000 + queries)
      let exact = Inputs<Double>(
        seed: seed, queries: queries, positions: length, headWidth: headWidth)
      let expected = Self.naive(q: exact.q.doubles, k: exact.k.doubles, v: exact.v.doubles)
      let doubles = exact.forward()
      #expect(largestDifference(doubles.p.doubles, expected.p) <= 1e-14)
      #expect(largestDifference(doubles.o.doubles, expected.o) <= 1e-13)
      let floats = Inputs<Float>(
        seed: seed, queries: queries, positions: length, headWidth: headWidth
      ).forward()
      #expect(largestDifference(floats.p.doubles, expected.p) <= 2e-6)
      #expect(largestDifference(floats.o.doubles, expected.o) <= 1e-5)
    }
  }

  @Test(arguments: [5, 65, 130])
  func laterKeysAndValuesChangeNothingEarlier(length: Int) {
    for position in Set([0, 1, 4, 62, 63, 64, 65, 127, 128, length - 1]) where position < length {
      let inputs = Inputs<Float>(seed: 1, queries: length, positions: length, headWidth: 6)
      let before = inputs.forward().o.doubles
      inputs.k[position].fill(3)
      inputs.v[position].fill(-50)
      let after = inputs.forward().o.doubles
      for t in 0..<length {
        #expect((after[t] == before[t]) == (t < position), "position \(position), query \(t)")
      }
    }
  }

  @Test func worksOnViews() {
    let plain = Inputs<Float>(seed: 3, queries: 70, positions: 70, headWidth: 4)
    let expected = plain.forward()
    let (p, aroundP) = Matrix<Float>(rows: 70, columns: 70).embedded(in: 9)
    let (o, aroundO) = Matrix<Float>(rows: 70, columns: 4).embedded(in: 9)
    Attention.forward(
      q: plain.q.embedded(in: .nan).view, k: plain.k.embedded(in: .nan).view,
      v: plain.v.embedded(in: .nan).view, p: p, o: o)
    #expect(o.elements == expected.o.elements)
    #expect(p.elements == expected.p.elements)
    p.fill(9)
    o.fill(9)
    #expect(aroundP.elements.allSatisfy { $0 == 9 })
    #expect(aroundO.elements.allSatisfy { $0 == 9 })
  }

  // MARK: - Gradients

  struct Gradients<Scalar: Real> {
    let q, k, v: Matrix<Scalar>

    /// The gradient of Σ weights · o.
    init(_ inputs: Inputs<Scalar>, weights: Matrix<Scalar>) {
      func matrix() -> Matrix<Scalar> {
        let matrix = Matrix<Scalar>(rows: inputs.q.rows, columns: inputs.q.columns)
        matrix.fill(.nan)
        return matrix
      }
      (q, k, v) = (matrix(), matrix(), matrix())
      let scratch = Matrix<Scalar>(
        rows: min(Attention.block, inputs.q.rows), columns: inputs.q.rows)
      scratch.fill(.nan)
      Attention.backward(
        gradient: weights, q: inputs.q, k: inputs.k, v: inputs.v, p: inputs.forward().p,
        scratch: scratch, dq: q, dk: k, dv: v)
    }
  }

  @Test(arguments: [1, 2, 5, 9], [2, 5])
  func everyGradientMatchesFiniteDifferences(length: Int, headWidth: Int) {
    let inputs = Inputs<Double>(
      seed: 7, queries: length, positions: length, headWidth: headWidth)
    var random = SeededValues(seed: 8)
    let weights: Matrix<Double> = random.matrix(length, headWidth)
    let gradients = Gradients(inputs, weights: weights)
    func loss() -> Double { dotProduct(inputs.forward().o.elements, weights.elements) }
    for (x, dx) in [
      (inputs.q, gradients.q), (inputs.k, gradients.k), (inputs.v, gradients.v),
    ] {
      let numeric = FiniteDifferences.gradient(by: x, of: loss)
      #expect(largestDifference(dx.elements, numeric) <= 1e-10)
    }
  }

  /// Lengths that need several blocks: along random directions of all coordinates, and of single
  /// positions around the edges.
  @Test(arguments: [64, 65, 130])
  func gradientsAcrossBlocksMatchFiniteDifferences(length: Int) {
    let inputs = Inputs<Double>(seed: 9, queries: length, positions: length, headWidth: 4)
    var random = SeededValues(seed: 10)
    let weights: Matrix<Double> = random.matrix(length, 4)
    let gradients = Gradients(inputs, weights: weights)
    func loss() -> Double { dotProduct(inputs.forward().o.elements, weights.elements) }
    let edges = [0, 1, 62, 63, 64, 65, 127, 128, 129].filter { $0 < length }
    for (x, dx) in [
      (inputs.q, gradients.q), (inputs.k, gradients.k), (inputs.v, gradients.v),
    ] {
      var directions: [Matrix<Double>] = [random.matrix(length, 4), random.matrix(length, 4)]
      for edge in edges {
        let direction = Matrix<Double>(rows: length, columns: 4)
        direction[rows: edge..<edge + 1].copy(random.matrix(1, 4))
        directions.append(direction)
      }
      for direction in directions {
        let numeric = FiniteDifferences.derivative(by: x, along: direction, of: loss)
        let analytic = dotProduct(dx.elements, direction.elements)
        #expect(abs(analytic - numeric) <= 1e-9 * max(1, abs(numeric)))
      }
    }
  }

  @Test(arguments: [5, 65, 130])
  func gradientsInFloatAreThoseInDouble(length: Int) {
    var random = SeededValues(seed: 12)
    let weights: Matrix<Double> = random.matrix(length, 8)
    let exact = Gradients(
      Inputs<Double>(seed: 11, queries: length, positions: length, headWidth: 8), weights: weights)
    let floats = Gradients(
      Inputs<Float>(seed: 11, queries: length, positions: length, headWidth: 8),
      weights: weights.converted(to: Float.self))
    #expect(relativeDifference(floats.q.elements, exact.q.elements) <= 1e-5)
    #expect(relativeDifference(floats.k.elements, exact.k.elements) <= 1e-5)
    #expect(relativeDifference(floats.v.elements, exact.v.elements) <= 1e-5)
  }
}
