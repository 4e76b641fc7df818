import TestSupport
import Testing

@testable import Transformer

/// Rows in bfloat16: to the last bit sums of exact products of rounded factors, whether the processor has an instruction for them or not.
@Suite struct RoundedRowsTests {
  static let widths = [1, 2, 6, 15, 16, 17, 32, 33, 64, 128, 200]

  let random: (Int, Int) -> Matrix<Float> = { rows, columns in
    var random = SeededValues(seed: UInt64(1000 * rows + columns))
    let matrix = Matrix<Float>(rows: rows, columns: columns)
    for r in 0..<rows { for c in 0..<columns { matrix[r][c] = Float(random.uniform(-1...1)) } }
    return matrix
  }

  /// To eight significant bits by arithmetic: adding and taking away a number so large that the others have no room.
  func rounded(_ value: Float) -> Float {
    let large = value.ulp * 0x1p16 * 1.5 * 0x1p23
    return Float(value + large) - large
  }

  func doubles(_ m: Matrix<Float>) -> Matrix<Double> {
    let copy = Matrix<Double>(rows: m.rows, columns: m.columns)
    for r in 0..<m.rows { for c in 0..<m.columns { copy[r][c] = Double(m[r][c]) } }
    return copy
  }

  /// Rows kept as keys and as values, one after the other.
  func kept<S: Real>(_ m: Matrix<S>) -> (keys: Matrix<Float>, values: Matrix<Float>) {
    let keys = Matrix<Float>(rows: m.rows, columns: wordsOfRow(m.columns))
    let values = Matrix<Float>(rows: (m.rows + 1) / 2, columns: wordsOfTwoRows(m.columns))
    // What was there before must not matter.
    keys.fill(.nan)
    values.fill(.nan)
    S.keep(m, m, seen: (0..<m.rows).map { 0..<$0 + 1 }, inWords: keys, byTwo: values)
    return (keys, values)
  }

  func scores<S: Real>(
    _ x: Matrix<S>, _ keys: Matrix<Float>, _ seen: [Range<Int>], scale: S
  ) -> Matrix<S> {
    let y = Matrix<S>(rows: x.rows, columns: keys.rows)
    let room = Matrix<Float>(rows: 1, columns: wordsOfRow(x.columns))
    S.score(x, byWords: keys, seen: seen, scale: scale, rounded: room[0], into: y)
    return y
  }

  func sums<S: Real>(
    _ x: Matrix<S>, _ values: Matrix<Float>, _ seen: [Range<Int>], width: Int
  ) -> Matrix<S> {
    let y = Matrix<S>(rows: x.rows, columns: width)
    S.sum(x, byTwo: values, seen: seen, into: y)
    return y
  }

  /// Sixteen sums, of every sixteenth word, then halves of them added until one is left.
  func sumOfProducts(_ x: Row<Float>, _ w: Row<Float>) -> Float {
    var sums = [Float](repeating: 0, count: 16)
    func value(_ row: Row<Float>, _ i: Int) -> Float { i < row.count ? rounded(row[i]) : 0 }
    for word in 0..<(x.count + 1) / 2 {
      for i in [2 * word + 1, 2 * word] { sums[word % 16].addProduct(value(x, i), value(w, i)) }
    }
    for half in [8, 4, 2, 1] { sums = (0..<half).map { sums[$0] + sums[$0 + half] } }
    return sums[0]
  }

  @Test(arguments: widths, [1, 2, 3, 4, 5, 8, 63])
  func productsWithARow(width: Int, count: Int) {
    let (x, w) = (random(1, width), random(count + 2, width))
    let y = scores(x, kept(w).keys, [1..<1 + count], scale: 0.3)
    for r in 0..<count { #expect(y[0][r] == 0.3 * sumOfProducts(x[0], w[r + 1]), "\(r)") }

    let exact = scores(doubles(x), kept(doubles(w)).keys, [1..<1 + count], scale: 0.3)
    #expect(largestDifference(y.elements, exact.elements) <= 1e-5)
  }

  @Test(arguments: widths, [1, 2, 3, 7, 16, 65, 768, 900])
  func sumsOfRows(width: Int, count: Int) {
    let (x, w) = (random(1, count), random(count + 3, width))
    // From the second two rows on.
    let y = sums(x, kept(w).values, [2..<2 + count], width: width)
    for c in 0..<width {
      var expected: Float = 0
      for i in Swift.stride(from: 0, to: count, by: 2) {
        for i in [i + 1, i] where i < count {
          expected.addProduct(rounded(x[0][i]), rounded(w[i + 2][c]))
        }
      }
      #expect(y[0][c] == expected, "\(c)")
    }

    let exact = sums(doubles(x), kept(doubles(w)).values, [2..<2 + count], width: width)
    #expect(largestDifference(y.elements, exact.elements) <= 1e-4)
  }

  /// What becomes of a row does not depend on the others, however many see as much as it does.
  @Test(arguments: [1, 6, 33, 128])
  func rowsOfSeveralTexts(width: Int) {
    let places = 70
    let lengths = [5, 64, 64, 64, 64, 64, 1, 33, 33, 33, 33, 70, 17, 17, 17, 2]
    let (x, w) = (random(lengths.count, width), random(lengths.count * places, width))
    let (keys, values) = kept(w)
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
      #expect(attended[row].elements == sum[0].elements)
    }
  }

  /// A value that is kept beside no other yet is multiplied as if zero were beside it, whatever was there before.
  @Test func aRowWithoutItsSecond() {
    let (x, w) = (random(1, 3), random(3, 5))
    let (keys, values) = kept(w)
    let before = sums(x, values, [0..<3], width: 5).elements
    // Its second comes, and it is written anew.
    let broken = Matrix<Float>(rows: 1, columns: 5)
    broken.fill(.infinity)
    let room = Matrix<Float>(rows: 4, columns: keys.columns)
    Float.keep(broken, broken, seen: [0..<4], inWords: room, byTwo: values)
    let third = w[rows: 2..<3]
    Float.keep(third, third, seen: [0..<3], inWords: room, byTwo: values)
    #expect(sums(x, values, [0..<3], width: 5).elements == before)
  }
}
