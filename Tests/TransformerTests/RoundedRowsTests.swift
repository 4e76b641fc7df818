import TestSupport
import Testing

@testable import Transformer

/// Rows in bfloat16: to the last bit sums of exact products of rounded factors, whether the processor has an instruction for them or not.
@Suite struct RoundedRowsTests {
  static let widths = [2, 6, 16, 18, 30, 32, 34, 64, 128, 200]

  let random: (Int, Int) -> Matrix<Float> = { rows, columns in
    var random = SeededValues(seed: UInt64(1000 * rows + columns))
    let matrix = Matrix<Float>(rows: rows, columns: columns)
    for r in 0..<rows { for c in 0..<columns { matrix[r][c] = Float(random.uniform(-1...1)) } }
    return matrix
  }

  func doubles(_ m: Matrix<Float>) -> Matrix<Double> {
    let copy = Matrix<Double>(rows: m.rows, columns: m.columns)
    for r in 0..<m.rows { for c in 0..<m.columns { copy[r][c] = Double(m[r][c]) } }
    return copy
  }

  /// Queries, keys and values of a text, turned by given cosines and sines or not at all.
  func kept<S: Real>(
    _ qkv: Matrix<S>, which: [Int]? = nil, seen: [Range<Int>]? = nil,
    by tables: (cosines: Matrix<S>, sines: Matrix<S>)? = nil
  ) -> (queries: Matrix<Float>, keys: Matrix<Float>, values: Matrix<Float>) {
    let (rows, head) = (which?.count ?? qkv.rows, qkv.columns / 3)
    func words(_ rows: Int, _ columns: Int) -> Matrix<Float> {
      let words = Matrix<Float>(rows: rows, columns: columns)
      // What was there before must not matter.
      words.fill(.nan)
      return words
    }
    let (one, zero) = (
      Matrix<S>(rows: rows, columns: head / 2), Matrix<S>(rows: rows, columns: head / 2)
    )
    one.fill(1)
    let (q, k) = (words(rows, wordsOfRow(head)), words(rows, wordsOfRow(head)))
    let v = words((rows + 1) / 2, wordsOfTwoRows(head))
    let turned = Matrix<Float>(rows: 1, columns: head)
    S.keep(
      qkv, which: which, seen: seen ?? (0..<rows).map { 0..<$0 + 1 },
      cosines: tables?.cosines ?? one, sines: tables?.sines ?? zero,
      turned: turned[0], queries: q, keys: k, values: v)
    return (q, k, v)
  }

  /// The same rows as queries, keys and values.
  func kept<S: Real>(all m: Matrix<S>) -> (
    queries: Matrix<Float>, keys: Matrix<Float>, values: Matrix<Float>
  ) {
    let qkv = Matrix<S>(rows: m.rows, columns: 3 * m.columns)
    for part in 0..<3 { qkv[columns: part * m.columns..<(part + 1) * m.columns].copy(m) }
    return kept(qkv)
  }

  func scores<S: Real>(
    _ x: Matrix<S>, _ keys: Matrix<Float>, _ seen: [Range<Int>], scale: S
  ) -> Matrix<S> {
    let y = Matrix<S>(rows: x.rows, columns: keys.rows)
    S.score(wordsOfBFloat16(x), byWords: keys, seen: seen, scale: scale, into: y)
    return y
  }

  /// The sums, which are rounded.
  func sums<S: Real>(
    _ x: Matrix<S>, _ values: Matrix<Float>, _ seen: [Range<Int>], width: Int
  ) -> Matrix<Float> {
    let y = Matrix<Float>(rows: x.rows, columns: wordsOfRow(width))
    y.fill(.nan)
    S.sum(x, byTwo: values, seen: seen, columns: width, intoWords: y)
    return y
  }

  /// Sixteen sums, of every sixteenth word, then halves of them added until one is left.
  func sumOfProducts(_ x: Row<Float>, _ w: Row<Float>) -> Float {
    var sums = [Float](repeating: 0, count: 16)
    func value(_ row: Row<Float>, _ i: Int) -> Float {
      i < row.count ? roundedToBFloat16(row[i]) : 0
    }
    for word in 0..<(x.count + 1) / 2 {
      for i in [2 * word + 1, 2 * word] { sums[word % 16].addProduct(value(x, i), value(w, i)) }
    }
    for half in [8, 4, 2, 1] { sums = (0..<half).map { sums[$0] + sums[$0 + half] } }
    return sums[0]
  }

  @Test(arguments: widths, [1, 2, 3, 4, 5, 8, 63])
  func productsWithARow(width: Int, count: Int) {
    let (x, w) = (random(1, width), random(count + 2, width))
    let y = scores(x, kept(all: w).keys, [1..<1 + count], scale: 0.3)
    for r in 0..<count { #expect(y[0][r] == 0.3 * sumOfProducts(x[0], w[r + 1]), "\(r)") }

    let exact = scores(doubles(x), kept(all: doubles(w)).keys, [1..<1 + count], scale: 0.3)
    #expect(largestDifference(y.elements, exact.elements) <= 1e-5)
  }

  @Test(arguments: widths, [1, 2, 3, 7, 16, 65, 768, 900])
  func sumsOfRows(width: Int, count: Int) {
    let (x, w) = (random(1, count), random(count + 3, width))
    // From the second two rows on.
    let y = sums(x, kept(all: w).values, [2..<2 + count], width: width)
    let unrounded = Matrix<Float>(rows: 1, columns: width)
    for c in 0..<width {
      var expected: Float = 0
      for i in Swift.stride(from: 0, to: count, by: 2) {
        for i in [i + 1, i] where i < count {
          expected.addProduct(roundedToBFloat16(x[0][i]), roundedToBFloat16(w[i + 2][c]))
        }
      }
      unrounded[0][c] = expected
    }
    #expect(bits(y) == bits(wordsOfBFloat16(unrounded)))

    let exact = sums(doubles(x), kept(all: doubles(w)).values, [2..<2 + count], width: width)
    let largest = unrounded.elements.map(abs).max() ?? 0
    #expect(
      largestDifference(numbers(y), numbers(exact).map { Double($0) })
        <= Double(largest) * 0x1p-7 + 1e-4)
  }

  /// What becomes of a row does not depend on the others, however many see as much as it does.
  @Test(arguments: [2, 6, 34, 128])
  func rowsOfSeveralTexts(width: Int) {
    let places = 70
    let lengths = [5, 64, 64, 64, 64, 64, 1, 33, 33, 33, 33, 70, 17, 17, 17, 2]
    let (x, w) = (random(lengths.count, width), random(lengths.count * places, width))
    let (_, keys, values) = kept(all: w)
    let seen = lengths.enumerated().map { $0 * places..<$0 * places + $1 }

    let probabilities = scores(x, keys, seen, scale: 0.7)
    let alone = Matrix<Float>(rows: lengths.count, columns: probabilities.columns)
    alone.copy(probabilities)
    Float.softmax(probabilities, seen: seen)
    let attended = sums(probabilities, values, seen, width: width)
    for (row, seen) in seen.enumerated() {
      let one = row..<row + 1
      let scored = scores(x[rows: one], keys, [seen], scale: 0.7)
      #expect(scored[0][0..<seen.count].elements == alone[row][0..<seen.count].elements)
      _ = Float.softmax(alone[row][0..<seen.count])
      #expect(probabilities[row].elements == alone[row].elements)
      let sum = sums(alone[rows: one], values, [seen], width: width)
      #expect(bits(attended[rows: one]) == bits(sum))
    }
  }

  /// A value that is kept beside no other yet is multiplied as if zero were beside it, whatever was there before.
  @Test func aRowWithoutItsSecond() {
    let (x, w) = (random(1, 3), random(3, 18))
    let values = kept(w).values
    func sum() -> [UInt32] { bits(sums(x, values, [0..<3], width: 6)) }
    let before = sum()
    let (one, zero) = (Matrix<Float>(rows: 4, columns: 3), Matrix<Float>(rows: 4, columns: 3))
    one.fill(1)
    func keep(_ row: Matrix<Float>, place: Int) {
      let room = Matrix<Float>(rows: 5, columns: wordsOfRow(6))
      let turned = Matrix<Float>(rows: 1, columns: 6)
      Float.keep(
        row, which: nil, seen: [0..<place + 1], cosines: one, sines: zero,
        turned: turned[0], queries: room[rows: 4..<5], keys: room[rows: 0..<4], values: values)
    }
    // Its second comes, and it is written anew.
    let broken = Matrix<Float>(rows: 1, columns: 18)
    broken.fill(.infinity)
    keep(broken, place: 3)
    keep(w[rows: 2..<3], place: 2)
    #expect(sum() == before)
  }

  /// Queries and keys are turned to their places before they are rounded, values are rounded as they are, and rows are taken from where they are said
  /// to be.
  @Test(arguments: widths)
  func turned(width: Int) {
    var random = SeededValues(seed: UInt64(width))
    let (places, which) = (7, [3, 0, 3, 1, 2, 0, 0])
    let qkv: Matrix<Double> = random.matrix(4, 3 * width)
    let angles: Matrix<Double> = random.matrix(places, width / 2)
    let (cosines, sines) = (angles.copied(), angles.copied())
    for place in 0..<places {
      for i in 0..<width / 2 {
        cosines[place][i] = angles[place][i].cosine
        sines[place][i] = angles[place][i].sine
      }
    }
    let floats = kept(
      qkv.converted(to: Float.self), which: which,
      by: (cosines.converted(to: Float.self), sines.converted(to: Float.self)))
    let doubles = kept(qkv, which: which, by: (cosines, sines))
    for (place, row) in which.enumerated() {
      for i in 0..<width {
        let (half, pair) = (width / 2, i % (width / 2))
        let (c, s) = (cosines[place][pair], sines[place][pair])
        for (part, q) in [(0, floats.queries), (1, floats.keys)] {
          let (a, b) = (qkv[row][part * width + pair], qkv[row][part * width + half + pair])
          let turned = i < half ? a * c - b * s : b * c + a * s
          #expect(abs(Double(number(q, place, i)) - turned) <= abs(turned) * 0x1p-8 + 1e-6)
        }
        let value = Float(qkv[row][2 * width + i])
        let word = floats.values[place / 2][i].bitPattern
        let half16 = place % 2 == 0 ? word << 16 : word & 0xFFFF_0000
        #expect(Float(bitPattern: half16) == roundedToBFloat16(value))
      }
    }
    for (floats, doubles) in [
      (floats.queries, doubles.queries), (floats.keys, doubles.keys),
    ] {
      #expect(
        largestDifference(numbers(floats), numbers(doubles).map { Double($0) }) <= 0x1p-6)
    }
    #expect(bits(floats.values) == bits(doubles.values))
  }

  /// What is normalized or gated is what it is as floats, rounded.
  @Test(arguments: [1, 2, 15, 16, 17, 31, 32, 33, 64, 128, 352], [1, 3, 8, 9, 20])
  func normalizedAndGated(width: Int, rows: Int) {
    var random = SeededValues(seed: UInt64(width + rows))
    func check<S: Real>(_: S.Type) {
      let wide: Matrix<S> = random.matrix(rows, 2 * width, deviation: 3)
      let x = wide[columns: width..<2 * width]
      let gain: Matrix<S> = random.matrix(1, width)
      let (y, inverse) = (
        Matrix<S>(rows: rows, columns: width), Matrix<S>(rows: 1, columns: rows)
      )
      let words = Matrix<Float>(rows: rows, columns: wordsOfRow(width))
      words.fill(.nan)
      RMSNorm.forward(x, gain: gain[0], epsilon: 1e-6, inverse: inverse[0], into: y)
      RMSNorm.forward(
        x, gain: gain[0], epsilon: 1e-6, inverse: inverse[0],
        into: .rounded(words, columns: width))
      #expect(bits(words) == bits(wordsOfBFloat16(y)))
      words.fill(.nan)
      FeedForward.forward(gateUp: wide, into: y)
      FeedForward.forward(gateUp: wide, into: .rounded(words, columns: width))
      #expect(bits(words) == bits(wordsOfBFloat16(y)))
    }
    check(Float.self)
    check(Double.self)
  }

  private func bits(_ words: Matrix<Float>) -> [UInt32] { words.elements.map(\.bitPattern) }

  /// An element of a row of words.
  private func number(_ words: Matrix<Float>, _ row: Int, _ i: Int) -> Float {
    let word = words[row][i / 2].bitPattern
    return Float(bitPattern: i % 2 == 0 ? word << 16 : word & 0xFFFF_0000)
  }

  private func numbers(_ words: Matrix<Float>) -> [Float] {
    (0..<words.rows).flatMap { row in (0..<2 * words.columns).map { number(words, row, $0) } }
  }
}

/// To eight significant bits by arithmetic: adding and taking away a number so large that the others have no room.
func roundedToBFloat16(_ value: Float) -> Float {
  let large = value.ulp * 0x1p16 * 1.5 * 0x1p23
  return Float(value + large) - large
}

/// Rows rounded to bfloat16, as products take them.
func wordsOfBFloat16<S: Real>(_ x: Matrix<S>) -> Matrix<Float> {
  let words = Matrix<Float>(rows: x.rows, columns: wordsOfRow(x.columns))
  for r in 0..<x.rows {
    for c in 0..<x.columns {
      let half = roundedToBFloat16(Float(x[r][c])).bitPattern >> 16
      let word = words[r][c / 2].bitPattern
      words[r][c / 2] = Float(bitPattern: word | half << (c % 2 == 0 ? 0 : 16))
    }
  }
  return words
}

extension FactorRows {
  /// A matrix as products of this kind take it.
  init(_ x: Matrix<Scalar>, for products: ProductPrecision) {
    switch products {
    case .float32: self = .whole(x)
    case .bfloat16: self = .rounded(wordsOfBFloat16(x), columns: x.columns)
    }
  }
}
