import TestSupport
import Testing
import Transformer

@Suite struct DropoutTests {
  /// The mask itself: dropout of ones.
  static func mask(
    _ dropout: Dropout, rows: Int = 64, columns: Int = 100, site: Int = 1, firstRow: Int = 0
  ) -> Matrix<Float> {
    let ones = Matrix<Float>(rows: rows, columns: columns)
    ones.fill(1)
    dropout.apply(to: ones, site: site, firstRow: firstRow)
    return ones
  }

  @Test(arguments: [0.05, 0.1, 0.25, 0.5, 0.9, 0.99], [1, 2, 3] as [UInt64])
  func dropsItsShareAndScalesTheRest(rate: Double, seed: UInt64) {
    let mask = Self.mask(Dropout(rate: rate, seed: seed, step: 3), rows: 200).elements
    // Rates are multiples of 1/65536.
    let exact = (rate * 65536).rounded() / 65536
    let kept = mask.filter { $0 != 0 }
    #expect(kept.allSatisfy { $0 == Float(1 / (1 - exact)) })
    let n = Double(mask.count)
    let deviation = (n * exact * (1 - exact)).squareRoot()
    #expect(abs(Double(kept.count) - n * (1 - exact)) <= 5 * deviation)
  }

  /// Vectors and the plain loop draw the same masks, whatever the width, and write nowhere else.
  @Test(arguments: 1...140)
  func floatsHaveTheMaskOfDoubles(columns: Int) {
    let dropout = Dropout(rate: 0.3, seed: 0x1234_5678_9ABC_DEF0, step: 7)
    let doubles = Matrix<Double>(rows: 5, columns: columns)
    doubles.fill(1)
    dropout.apply(to: doubles, site: 3, firstRow: 1_000)
    let room = Matrix<Float>(rows: 5, columns: columns + 1)
    room.fill(1)
    dropout.apply(to: room[columns: 0..<columns], site: 3, firstRow: 1_000)
    #expect(room[columns: 0..<columns].elements.map { $0 == 0 } == doubles.elements.map { $0 == 0 })
    #expect(room[columns: columns..<columns + 1].elements.allSatisfy { $0 == 1 })
  }

  @Test func rateZeroChangesNothing() {
    #expect(Self.mask(Dropout(rate: 0, seed: 1, step: 1)).elements.allSatisfy { $0 == 1 })
  }

  /// Every column and every row drops about its share: no place is favoured.
  @Test func placesAreDroppedAlike() {
    let mask = Self.mask(Dropout(rate: 0.5, seed: 4, step: 1), rows: 400, columns: 40)
    let rows = mask.doubles.map { row in row.count { $0 == 0 } }
    let columns = (0..<40).map { column in mask.doubles.count { $0[column] == 0 } }
    // Both count events of probability 1/2: variance n/4, half of the expected number.
    let byRow = 2 * chiSquared(observed: rows, expected: rows.map { _ in 20 })
    let byColumn = 2 * chiSquared(observed: columns, expected: columns.map { _ in 200 })
    #expect(byRow <= chiSquaredBound(degreesOfFreedom: 400))
    #expect(byColumn <= chiSquaredBound(degreesOfFreedom: 40))
  }

  /// Applied to a gradient, it is the same mask again: y = m x and dx = m dy.
  @Test(arguments: [0.1, 0.5])
  func backwardUsesTheMaskOfForward(rate: Double) {
    let dropout = Dropout(rate: rate, seed: 5, step: 9)
    var random = SeededValues(seed: 6)
    let gradient: Matrix<Float> = random.matrix(64, 100)
    let expected = zip(gradient.elements, Self.mask(dropout).elements).map { $0 * $1 }
    dropout.apply(to: gradient, site: 1, firstRow: 0)
    #expect(gradient.elements == expected)
    let doubles = Matrix<Double>(rows: 64, columns: 100)
    doubles.fill(1)
    dropout.apply(to: doubles, site: 1, firstRow: 0)
    #expect(doubles.elements.map { $0 == 0 } == Self.mask(dropout).elements.map { $0 == 0 })
  }

  /// Two unrelated masks at rate 1/2 agree in half of 6400 places, give or take 40.
  @Test func stepsSitesSeedsAndRowsHaveMasksOfTheirOwn() {
    let first = Self.mask(Dropout(rate: 0.5, seed: 1, step: 1)).elements
    let others = [
      Self.mask(Dropout(rate: 0.5, seed: 2, step: 1)),
      Self.mask(Dropout(rate: 0.5, seed: 1, step: 2)),
      Self.mask(Dropout(rate: 0.5, seed: 1, step: 1), site: 2),
      Self.mask(Dropout(rate: 0.5, seed: 1, step: 1), firstRow: 64),
      Self.mask(Dropout(rate: 0.5, seed: 1, step: 1), firstRow: 1),
    ]
    for other in others {
      let agreeing = zip(first, other.elements).count { $0 == $1 }
      #expect(abs(agreeing - 3200) <= 200)
    }
  }

  /// A batch in one piece and the same batch in shards have the same mask.
  @Test(arguments: [1, 3, 16])
  func shardsHaveTheirPartOfTheMask(rows: Int) {
    let dropout = Dropout(rate: 0.3, seed: 8, step: 2)
    let whole = Self.mask(dropout, rows: 48)
    for first in stride(from: 0, to: 48, by: rows) {
      let shard = Self.mask(dropout, rows: rows, firstRow: first)
      #expect(shard.elements == whole[rows: first..<first + rows].elements)
    }
  }

  @Test func narrowRowsAreTheStartOfWideOnes() {
    let dropout = Dropout(rate: 0.3, seed: 8, step: 2)
    let wide = Self.mask(dropout)
    for columns in [1, 7, 8, 9, 63] {
      let narrow = Self.mask(dropout, columns: columns)
      #expect(narrow.elements == wide[columns: 0..<columns].elements)
    }
  }
}
