import TestSupport
import Testing
import Transformer

/// Views and products of matrices.
@Suite struct MatrixTests {
  init() { Blas.useOneThread() }

  // MARK: - Views

  @Test func viewsShareTheirMemory() {
    let whole = Matrix<Float>([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]])
    let middle = whole[rows: 1..<3][columns: 1..<3]
    #expect(middle.doubles == [[6, 7], [10, 11]])
    #expect(middle.stride == 4)
    middle[0][1] = 70
    #expect(whole[1].elements == [5, 6, 70, 8])
    middle.fill(0)
    #expect(whole.doubles == [[1, 2, 3, 4], [5, 0, 0, 8], [9, 0, 0, 12]])
    middle.add(whole[rows: 0..<2][columns: 0..<2])
    #expect(whole.doubles == [[1, 2, 3, 4], [5, 1, 2, 8], [9, 5, 1, 12]])
    #expect(whole[rows: 3..<3].elements.isEmpty)
    #expect(whole[columns: 4..<4].elements.isEmpty)
  }

  @Test func rows() {
    let matrix = Matrix<Double>([[1, 2, 3], [10, 20, 30]])
    matrix[0].add(matrix[1], times: 0.5)
    #expect(matrix[0].elements == [6, 12, 18])
    matrix[1][1..<3].multiply(by: -1)
    #expect(matrix[1].elements == [10, -20, -30])
    matrix[1].copy(matrix[0])
    #expect(matrix.elements == [6, 12, 18, 6, 12, 18])
    #expect(Array(matrix[0].buffer) == [6, 12, 18])
  }

  @Test func newMemoryIsZero() {
    for count in [0, 1, 1000] {
      let storage = Storage<Float>(count: count)
      #expect(Matrix(storage, offset: 0, rows: 1, columns: count).elements.allSatisfy { $0 == 0 })
    }
  }

  // MARK: - Products

  struct Product: Sendable, CustomTestStringConvertible {
    let rows, inner, columns: Int
    var testDescription: String { "(\(rows), \(inner)) · (\(inner), \(columns))" }
  }

  /// Single rows and columns have paths of their own in BLAS, and 64 is a block of it. Our own product takes from eight rows, sixteen columns,
  /// 144 rows, 384 steps and 512 columns at a time.
  static let products = [
    (1, 1, 1), (1, 5, 7), (5, 1, 7), (7, 5, 1), (1, 64, 64), (1, 1, 9), (1, 33, 1), (2, 3, 4),
    (16, 16, 16), (17, 33, 9), (64, 65, 63), (3, 70, 130), (8, 1, 1), (9, 385, 15), (49, 384, 17),
    (53, 3, 530), (8, 770, 33), (150, 20, 40), (290, 390, 70),
  ].map { Product(rows: $0.0, inner: $0.1, columns: $0.2) }

  @Test func productByHand() {
    let a = Matrix<Float>([[1, 2], [3, 4]])
    let b = Matrix<Float>([[5, 6], [7, 8]])
    let c = Matrix<Float>(rows: 2, columns: 2)
    multiply(a, b, into: c)
    #expect(c.doubles == [[19, 22], [43, 50]])
    multiply(a.transposed, b, into: c, scale: 0.5)
    #expect(c.doubles == [[13, 15], [19, 22]])
    multiply(a, b.transposed, into: c, adding: true)
    #expect(c.doubles == [[30, 38], [58, 75]])
  }

  @Test(arguments: products)
  func productsMatchATripleLoop(_ product: Product) {
    let terms = Double(max(product.inner, 100))
    checkAllVariants(product, Float.self, tolerance: 3e-7 * terms)
    checkAllVariants(product, Double.self, tolerance: 1e-15 * terms)
  }

  private func checkAllVariants<Scalar: Real>(
    _ product: Product, _ type: Scalar.Type, tolerance: Double
  ) {
    for (transposeA, transposeB) in [(false, false), (false, true), (true, false), (true, true)] {
      for (scale, adding) in [(1, false), (1, true), (-0.25, false), (0.125, true)] {
        for isView in [false, true] {
          check(
            product, type, transposeA, transposeB, scale: Scalar(scale), adding: adding,
            isView: isView, tolerance: tolerance)
        }
      }
    }
  }

  private func check<Scalar: Real>(
    _ product: Product, _: Scalar.Type, _ transposeA: Bool, _ transposeB: Bool, scale: Scalar,
    adding: Bool, isView: Bool, tolerance: Double
  ) {
    let (rows, inner, columns) = (product.rows, product.inner, product.columns)
    var random = SeededValues(seed: UInt64(rows * 10_000 + inner * 100 + columns))
    func stored(_ rows: Int, _ columns: Int, transposed: Bool) -> Matrix<Scalar> {
      let matrix: Matrix<Scalar> =
        transposed ? random.matrix(columns, rows) : random.matrix(rows, columns)
      // NaN around a view spoils the product if anything but the view is read.
      return isView ? matrix.embedded(in: .nan).view : matrix
    }
    let a = stored(rows, inner, transposed: transposeA)
    let b = stored(inner, columns, transposed: transposeB)
    let start: Matrix<Scalar> = random.matrix(rows, columns)
    // A result that is not added to may hold anything before, even NaN.
    if !adding { start.fill(.nan) }
    let (c, around) = start.embedded(in: 77)

    var expected = adding ? start.doubles : zeros(rows, columns)
    let (x, y) = (a.doubles, b.doubles)
    for i in 0..<rows {
      for j in 0..<columns {
        for k in 0..<inner {
          expected[i][j] +=
            Double(scale) * (transposeA ? x[k][i] : x[i][k]) * (transposeB ? y[j][k] : y[k][j])
        }
      }
    }
    switch (transposeA, transposeB) {
    case (false, false): multiply(a, b, into: c, scale: scale, adding: adding)
    case (false, true): multiply(a, b.transposed, into: c, scale: scale, adding: adding)
    case (true, false): multiply(a.transposed, b, into: c, scale: scale, adding: adding)
    case (true, true): multiply(a.transposed, b.transposed, into: c, scale: scale, adding: adding)
    }
    #expect(
      largestDifference(c.doubles, expected) <= tolerance,
      "transposed: \(transposeA), \(transposeB); scale \(scale); adding \(adding); view \(isView)")
    c.fill(77)
    #expect(around.elements.allSatisfy { $0 == 77 }, "written outside of the result")
  }

  private func zeros(_ rows: Int, _ columns: Int) -> [[Double]] {
    Array(repeating: Array(repeating: 0, count: columns), count: rows)
  }

  /// What a mask leaves is what the whole product has there, in blocks of rows, columns and steps.
  @Test(arguments: [
    (8, 8, 8), (12, 20, 16), (64, 64, 40), (64, 200, 90), (150, 400, 40), (30, 20, 530),
  ])
  func productsUnderAMask(rows: Int, inner: Int, columns: Int) {
    check(Float.self, tolerance: 3e-7 * Double(max(inner, 100)))
    check(Double.self, tolerance: 1e-13)

    func check<Scalar: Real>(_: Scalar.Type, tolerance: Double) {
      var random = SeededValues(seed: UInt64(rows + inner))
      for shift in [-rows, -17, -1, 0, 5, 16, 140, inner, columns] {
        for isTransposed in [false, true] {
          for adding in [false, true] {
            let a: Matrix<Scalar> = random.matrix(rows, inner)
            let b: Matrix<Scalar> = random.matrix(inner, columns)
            let start: Matrix<Scalar> = random.matrix(rows, columns)

            func product(_ a: Matrix<Scalar>, reach: Reach) -> Matrix<Scalar> {
              let result = Matrix<Scalar>(rows: rows, columns: columns)
              result.copy(start)
              if isTransposed {
                multiply(
                  transposed(a).transposed, b, into: result, scale: 0.5, adding: adding,
                  reach: reach)
              } else {
                multiply(
                  a, transposed(b).transposed, into: result, scale: 0.5, adding: adding,
                  reach: reach)
              }
              return result
            }
            let (whole, part) = (
              product(a, reach: .whole), product(a, reach: .columnsUpTo(shift: shift))
            )
            for r in 0..<rows where r + shift >= 0 {
              let seen = 0..<min(columns, r + shift + 1)
              #expect(
                largestDifference(
                  part[r][seen].elements, whole[r][seen].elements.map { Double($0) }) <= tolerance)
            }
            for (reach, isZero) in [
              (Reach.stepsUpTo(shift: shift), { (r: Int, i: Int) in i > r + shift }),
              (Reach.stepsFrom(shift: shift), { (r: Int, i: Int) in i < r + shift }),
            ] {
              let zeroed = Matrix<Scalar>(rows: rows, columns: inner)
              for r in 0..<rows {
                for i in 0..<inner { zeroed[r][i] = isZero(r, i) ? 0 : a[r][i] }
              }
              #expect(
                largestDifference(
                  product(zeroed, reach: reach).doubles, product(zeroed, reach: .whole).doubles)
                  <= tolerance)
            }
          }
        }
      }
    }

    func transposed<Scalar: Real>(_ matrix: Matrix<Scalar>) -> Matrix<Scalar> {
      let result = Matrix<Scalar>(rows: matrix.columns, columns: matrix.rows)
      for r in 0..<matrix.rows { for c in 0..<matrix.columns { result[c][r] = matrix[r][c] } }
      return result
    }
  }

  @Test(arguments: products)
  func notANumberSpoilsItsRowOnly(_ product: Product) {
    var random = SeededValues(seed: 3)
    let a: Matrix<Float> = random.matrix(product.rows, product.inner)
    let b: Matrix<Float> = random.matrix(product.inner, product.columns)
    let spoilt = product.rows / 2
    a[spoilt][product.inner - 1] = .nan
    let c = Matrix<Float>(rows: product.rows, columns: product.columns)
    multiply(a, b, into: c)
    for row in 0..<product.rows {
      #expect(c[row].elements.allSatisfy { $0.isNaN == (row == spoilt) })
    }
  }

  // MARK: - Threads

  @Test(arguments: [0, 1, 2, 3, 7, 100], [1, 2, 3, 16])
  func everyItemRunsOnce(count: Int, threads: Int) {
    let runs = Matrix<Double>(rows: count, columns: 1)
    forEachInParallel(count, threads: threads) { item in runs[item][0] += Double(item + 1) }
    #expect(runs.elements == (0..<count).map { Double($0 + 1) })
  }

  /// Against the plain product, with strides, remainders of every kernel, and with what was there kept or not.
  @Test(arguments: [1, 2, 3, 4, 5, 7], [(1, 1), (3, 7), (4, 8), (6, 9), (9, 31)])
  func eachRow(rows: Int, shape: (columns: Int, inner: Int)) {
    let (columns, inner) = shape
    var random = SeededValues(seed: UInt64(100 * rows + 10 * columns + inner))
    func matrix<S: Real>(_ rows: Int, _ columns: Int) -> Matrix<S> {
      let wide = Matrix<S>(rows: rows, columns: columns + 3)
      for r in 0..<rows { for c in 0..<columns + 3 { wide[r][c] = S(random.uniform(-1...1)) } }
      return wide[columns: 1..<columns + 1]
    }
    func check<S: Real>(_: S.Type, tolerance: Double) {
      let (x, w): (Matrix<S>, Matrix<S>) = (matrix(rows, inner), matrix(columns, inner))
      for adding in [false, true] {
        let y: Matrix<S> = matrix(rows, columns)
        let expected = Matrix<S>(rows: rows, columns: columns)
        expected.copy(y)
        multiply(x, w.transposed, into: expected, adding: adding)
        multiplyEachRow(.whole(x), byTransposed: PackedMatrix(w), into: y, adding: adding)
        #expect(largestDifference(y.elements, expected.elements.map { Double($0) }) <= tolerance)
      }
      // Elements that are bfloat16 are kept in halves, but for one row more of W, which is not: that changes nothing.
      for r in 0..<columns {
        for c in 0..<inner {
          w[r][c] = S(Float(bitPattern: Float(w[r][c]).bitPattern & 0xFFFF_0000))
        }
      }
      let longer = Matrix<S>(rows: columns + 1, columns: inner)
      longer[rows: 0..<columns].copy(w)
      longer[columns].fill(1 / 3)
      let (halves, whole) = (PackedMatrix(w), PackedMatrix(longer))
      let together = Matrix<S>(rows: rows, columns: columns)
      multiplyEachRow(.whole(x), byTransposed: halves, into: together)
      let longerTogether = Matrix<S>(rows: rows, columns: columns + 1)
      multiplyEachRow(.whole(x), byTransposed: whole, into: longerTogether)
      #expect(longerTogether[columns: 0..<columns].elements == together.elements)
      for row in 0..<rows {
        let alone = Matrix<S>(rows: 1, columns: columns)
        multiplyEachRow(.whole(x[rows: row..<row + 1]), byTransposed: halves, into: alone)
        #expect(alone[0].elements == together[row].elements)
      }
    }
    check(Float.self, tolerance: 1e-5)
    check(Double.self, tolerance: 1e-12)
  }

  /// What is asked for meanwhile changes no product, and is asked for once. Too much for a near cache is not taken on.
  @Test(arguments: [ProductPrecision.float32, .bfloat16])
  func askingAhead(products: ProductPrecision) {
    var random = SeededValues(seed: 6)
    let (x, w): (Matrix<Float>, Matrix<Float>) = (random.matrix(13, 128), random.matrix(70, 128))
    let packed = PackedMatrix(w, products: products)
    let factor = FactorRows(x, for: products)
    let (expected, y) = (Matrix<Float>(rows: 13, columns: 70), Matrix<Float>(rows: 13, columns: 70))
    multiplyEachRow(factor, byTransposed: packed, into: expected)

    let ahead = ReadAhead(stretches: 3)
    let soon = Matrix<Float>(rows: 20, columns: 16)
    ahead.add(soon, rows: 0..<5)
    ahead.add(soon, rows: 5..<5)
    ahead.add(Matrix<Float>(rows: 1 << 12, columns: 64), rows: 0..<1 << 12)
    ahead.add(soon, rows: 5..<20)
    #expect(ahead.count == 2)
    multiplyEachRow(factor, byTransposed: packed, into: y, asking: ahead)
    #expect(y.elements == expected.elements)
    #expect(ahead.count == 0)

    ahead.add(soon, rows: 0..<1)
    ahead.removeAll()
    #expect(ahead.count == 0)
    for row in 0..<5 { ahead.add(soon, rows: row..<row + 1) }
    #expect(ahead.count == 3)
  }

  /// Rows, columns and steps in blocks: each row is what it is alone.
  @Test(arguments: [(150, 40, 33), (300, 530, 400), (20, 70, 3_000)])
  func manyRows(rows: Int, columns: Int, inner: Int) {
    var random = SeededValues(seed: 5)
    let x: Matrix<Float> = random.matrix(rows, inner)
    let w: Matrix<Float> = random.matrix(columns, inner)
    let (y, expected, alone) = (
      Matrix<Float>(rows: rows, columns: columns), Matrix<Float>(rows: rows, columns: columns),
      Matrix<Float>(rows: 1, columns: columns)
    )
    let packed = PackedMatrix(w)
    multiplyEachRow(.whole(x), byTransposed: packed, into: y)
    multiply(x, w.transposed, into: expected)
    #expect(largestDifference(y.doubles, expected.doubles) <= 1e-6 * Double(inner))
    for row in 0..<rows {
      multiplyEachRow(.whole(x[rows: row..<row + 1]), byTransposed: packed, into: alone)
      #expect(alone[0].elements == y[row].elements)
    }
  }

  /// Products in bfloat16 are, to the last bit, sums of exact products of rounded factors, the second of each pair first, whatever the
  /// processor: with or without an instruction for it, and however many rows there are.
  @Test(arguments: [1, 2, 3, 5, 8, 12, 25, 60], [(1, 1), (3, 8), (17, 31), (40, 64), (33, 900)])
  func eachRowInBFloat16(rows: Int, shape: (columns: Int, inner: Int)) {
    let (columns, inner) = shape
    var random = SeededValues(seed: UInt64(100 * rows + inner))
    func matrix(_ rows: Int) -> Matrix<Float> {
      let wide = Matrix<Float>(rows: rows, columns: inner + 3)
      for r in 0..<rows {
        for c in 0..<inner + 3 { wide[r][c] = Float(random.uniform(-1...1)) }
      }
      return wide[columns: 1..<inner + 1]
    }
    let (x, w) = (matrix(rows), matrix(columns))
    func rounded(_ row: Row<Float>) -> [Float] { row.elements.map(roundedToBFloat16) }
    func sum(_ x: [Float], _ w: [Float], _ steps: Range<Int>) -> Float {
      var sum: Float = 0
      for i in Swift.stride(from: steps.lowerBound, to: steps.upperBound, by: 2) {
        if i + 1 < inner { sum.addProduct(x[i + 1], w[i + 1]) }
        sum.addProduct(x[i], w[i])
      }
      return sum
    }
    let packed = PackedMatrix(w, products: .bfloat16)
    let y = Matrix<Float>(rows: rows, columns: columns)
    let factor = FactorRows(x, for: .bfloat16)
    multiplyEachRow(factor, byTransposed: packed, into: y)
    let columnsOfW = (0..<columns).map { rounded(w[$0]) }
    for r in 0..<rows {
      let row = rounded(x[r])
      for c in 0..<columns {
        var expected = sum(row, columnsOfW[c], 0..<min(inner, 768))
        if inner > 768 { expected += sum(row, columnsOfW[c], 768..<inner) }
        #expect(y[r][c] == expected)
      }
      let alone = Matrix<Float>(rows: 1, columns: columns)
      multiplyEachRow(factor[rows: r..<r + 1], byTransposed: packed, into: alone)
      #expect(alone[0].elements == y[r].elements)
    }
    let before = y.elements
    multiplyEachRow(factor, byTransposed: packed, into: y, adding: true)
    #expect(largestDifference(y.elements, before.map { 2 * Double($0) }) <= 1e-5)

    // The plain loops of Double.
    func doubles(_ m: Matrix<Float>) -> Matrix<Double> {
      let copy = Matrix<Double>(rows: m.rows, columns: m.columns)
      for r in 0..<m.rows { for c in 0..<m.columns { copy[r][c] = Double(m[r][c]) } }
      return copy
    }
    let exact = Matrix<Double>(rows: rows, columns: columns)
    multiplyEachRow(
      FactorRows(doubles(x), for: .bfloat16),
      byTransposed: PackedMatrix(doubles(w), products: .bfloat16), into: exact)
    #expect(largestDifference(before, exact.elements) <= 1e-4)
  }

  /// Halfway to the even neighbour, up to infinity, and no number at all.
  @Test(arguments: [
    (0x3F80_8000, 0x3F80_0000), (0x3F81_8000, 0x3F82_0000), (0x3F80_8001, 0x3F81_0000),
    (0xBF80_7FFF, 0xBF80_0000), (0x7F7F_8000, 0x7F80_0000), (0x7F80_0000, 0x7F80_0000),
    (0x7F80_0001, 0x7FC0_0000), (0x7FFF_FFFF, 0x7FC0_0000), (0x0000_0001, 0),
    (0x8040_0000, 0x8000_0000), (0x007F_FFFF, 0), (0x0080_0000, 0x0080_0000),
  ])
  func roundingToBFloat16(bits: UInt32, expected: UInt32) {
    let nearest = Float(bitPattern: expected)
    func check<S: Real>(_: S.Type) {
      let (one, zero, value, product) = (
        Matrix<S>(rows: 1, columns: 1), Matrix<S>(rows: 1, columns: 1),
        Matrix<S>(rows: 1, columns: 1), Matrix<S>(rows: 1, columns: 1)
      )
      one[0][0] = 1
      value[0][0] = S(Float(bitPattern: bits))
      // What is laid out is rounded.
      multiplyEachRow(
        FactorRows(one, for: .bfloat16), byTransposed: PackedMatrix(value, products: .bfloat16),
        into: product)
      let result = Float(product[0][0])
      #expect(nearest.isNaN ? result.isNaN : result == nearest)
      // So are a query, a key and a value, at the first place, where nothing is turned.
      let qkv = Matrix<S>(rows: 1, columns: 6)
      for part in 0..<3 { qkv[0][2 * part] = value[0][0] }
      let words = Matrix<Float>(rows: 1, columns: 16)
      let (keys, values) = (words.copied(), words.copied())
      let turned = Matrix<Float>(rows: 1, columns: 2)
      S.keep(
        qkv, which: nil, seen: [0..<1], cosines: one, sines: zero, turned: turned[0],
        queries: words, keys: keys, values: values)
      for kept in [words, keys, values] {
        let kept = Float(bitPattern: kept[0][0].bitPattern << 16)
        #expect(nearest.isNaN ? kept.isNaN : kept == nearest)
      }
      // And so is the sum of the one value that is attended to.
      S.sum(one, byTwo: values, seen: [0..<1], columns: 2, intoWords: words)
      let summed = Float(bitPattern: words[0][0].bitPattern << 16)
      #expect(nearest.isNaN ? summed.isNaN : summed == nearest)
    }
    check(Float.self)
    check(Double.self)
  }

  @Test(arguments: [(1, 1), (3, 8), (31, 5), (33, 40), (70, 64), (64, 128), (200, 30)])
  func symmetricProducts(rows: Int, columns: Int) {
    var random = SeededValues(seed: UInt64(rows))
    func matrix(_ rows: Int, _ columns: Int) -> Matrix<Float> {
      Matrix(rows: rows, columns: columns)
    }
    let (x, y) = (matrix(rows, columns), matrix(columns, rows))
    for r in 0..<rows {
      for c in 0..<columns {
        x[r][c] = Float(random.uniform(-1...1))
        y[c][r] = x[r][c]
      }
    }
    let (s, square, expected) = (matrix(rows, rows), matrix(rows, rows), matrix(rows, rows))
    func compare(_ found: Matrix<Float>) {
      #expect(largestDifference(found.elements, expected.elements.map { Double($0) }) <= 1e-5)
      for r in 0..<rows { for c in 0..<rows { #expect(found[r][c] == found[c][r]) } }
    }
    for adding in [false, true] {
      multiplySymmetric(x, x.transposed, into: s, scale: 0.5, adding: adding)
      multiply(x, x.transposed, into: expected, scale: 0.5, adding: adding)
      compare(s)
    }
    multiplySymmetric(y.transposed, y, into: s, scale: 0.25)
    multiply(x, x.transposed, into: expected, scale: 0.25)
    compare(s)
    multiplySymmetric(s, s, into: square, scale: 0.125)
    multiply(s, s, into: expected, scale: 0.125)
    compare(square)
  }
}
