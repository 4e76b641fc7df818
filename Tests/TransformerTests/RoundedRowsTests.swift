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

  func rows<S: Real>(of m: Matrix<S>) -> Matrix<Float> {
    let words = Matrix<Float>(rows: m.rows, columns: wordsOfRow(m.columns))
    for r in 0..<m.rows {
      // What was there before must not matter.
      words[r].fill(.nan)
      S.round(m[r], into: words[r])
    }
    return words
  }

  func rowsByTwo<S: Real>(of m: Matrix<S>) -> Matrix<Float> {
    let words = Matrix<Float>(rows: (m.rows + 1) / 2, columns: wordsOfTwoRows(m.columns))
    words.fill(.nan)
    for r in 0..<m.rows {
      S.round(m[r], intoUpperHalves: r % 2 == 1, of: words[r / 2])
    }
    return words
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
    let y = Matrix<Float>(rows: 1, columns: count)
    let query = rows(of: x)
    Float.multiply(query[0], rounded: rows(of: w), rows: 1..<1 + count, scale: 0.3, into: y[0])
    for r in 0..<count { #expect(y[0][r] == 0.3 * sumOfProducts(x[0], w[r + 1]), "\(r)") }

    let exact = Matrix<Double>(rows: 1, columns: count)
    let sameQuery = rows(of: doubles(x))
    Double.multiply(
      sameQuery[0], rounded: rows(of: doubles(w)), rows: 1..<1 + count, scale: 0.3, into: exact[0])
    #expect(largestDifference(y.elements, exact.elements) <= 1e-5)
  }

  @Test(arguments: widths, [1, 2, 3, 7, 16, 65, 768, 900])
  func sumsOfRows(width: Int, count: Int) {
    let (x, w) = (random(1, count), random(count + 3, width))
    let y = Matrix<Float>(rows: 1, columns: width)
    // From the second two rows on.
    Float.multiply(x[0], roundedByTwo: rowsByTwo(of: w), from: 1, into: y[0])
    for c in 0..<width {
      var expected: Float = 0
      for i in Swift.stride(from: 0, to: count, by: 2) {
        for i in [i + 1, i] where i < count {
          expected.addProduct(rounded(x[0][i]), rounded(w[i + 2][c]))
        }
      }
      #expect(y[0][c] == expected, "\(c)")
    }

    let exact = Matrix<Double>(rows: 1, columns: width)
    let shares = doubles(x)
    Double.multiply(shares[0], roundedByTwo: rowsByTwo(of: doubles(w)), from: 1, into: exact[0])
    #expect(largestDifference(y.elements, exact.elements) <= 1e-4)
  }

  /// A value that is kept beside no other yet is multiplied as if zero were beside it, whatever was there before.
  @Test func aRowWithoutItsSecond() {
    let (x, w) = (random(1, 3), random(3, 5))
    let words = rowsByTwo(of: w)
    let y = Matrix<Float>(rows: 1, columns: 5)
    Float.multiply(x[0], roundedByTwo: words, from: 0, into: y[0])
    let before = y.elements
    // Its second comes, and it is written anew.
    let broken = Matrix<Float>(rows: 1, columns: 5)
    broken.fill(.infinity)
    Float.round(broken[0], intoUpperHalves: true, of: words[1])
    Float.round(w[2], intoUpperHalves: false, of: words[1])
    Float.multiply(x[0], roundedByTwo: words, from: 0, into: y[0])
    #expect(y.elements == before)
  }
}
