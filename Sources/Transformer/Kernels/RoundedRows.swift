import CKernels

// Rows rounded to bfloat16, as a `KeyValueCache` keeps them: words of two halves, each in the place of a float, which it is not.

extension Float {
  public static func round(_ x: Row<Float>, into words: Row<Float>) {
    precondition(words.count == wordsOfRow(x.count), "room for another row")
    temper_round_row(x.count, x.base, words.base)
  }

  public static func round(_ x: Row<Float>, intoUpperHalves isUpper: Bool, of words: Row<Float>) {
    precondition(words.count == wordsOfTwoRows(x.count), "room for other rows")
    temper_round_half_row(x.count, x.base, isUpper ? 1 : 0, words.base)
  }

  public static func multiply(
    _ x: Row<Float>, rounded w: Matrix<Float>, rows: Range<Int>, scale: Float, into y: Row<Float>
  ) {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= w.rows && rows.count == y.count
        && x.count == w.columns, "shapes do not agree in a product of rounded rows")
    temper_dots_of_rounded(
      rows.count, x.count, scale, x.base, w[rows.lowerBound].base, w.stride, y.base)
  }

  public static func multiply(
    _ x: Row<Float>, roundedByTwo w: Matrix<Float>, from first: Int, into y: Row<Float>
  ) {
    precondition(
      first >= 0 && x.count > 0 && first + (x.count + 1) / 2 <= w.rows
        && w.columns == wordsOfTwoRows(y.count), "shapes do not agree in a sum of rounded rows")
    temper_sum_of_rounded_rows(y.count, x.count, x.base, w[first].base, w.stride, y.base)
  }
}

extension Double {
  public static func round(_ x: Row<Double>, into words: Row<Float>) {
    words.fill(0)
    for i in 0..<x.count { set(half: x[i], isUpper: i % 2 == 1, of: words, at: i / 2) }
  }

  public static func round(_ x: Row<Double>, intoUpperHalves isUpper: Bool, of words: Row<Float>) {
    if !isUpper { words.fill(0) }
    for i in 0..<x.count { set(half: x[i], isUpper: isUpper, of: words, at: i) }
  }

  public static func multiply(
    _ x: Row<Float>, rounded w: Matrix<Float>, rows: Range<Int>, scale: Double, into y: Row<Double>
  ) {
    for (i, row) in rows.enumerated() {
      var sum = 0.0
      for c in 0..<2 * x.count {
        func half(_ words: Row<Float>) -> Double {
          Self.half(of: words, at: c / 2, isUpper: c % 2 == 1)
        }
        sum += half(x) * half(w[row])
      }
      y[i] = scale * sum
    }
  }

  public static func multiply(
    _ x: Row<Double>, roundedByTwo w: Matrix<Float>, from first: Int, into y: Row<Double>
  ) {
    y.fill(0)
    for i in 0..<x.count {
      let share = Double(bfloat16: bfloat16(x[i]))
      for c in 0..<y.count {
        y[c] += share * half(of: w[first + i / 2], at: c, isUpper: i % 2 == 1)
      }
    }
  }

  private static func set(half value: Double, isUpper: Bool, of words: Row<Float>, at i: Int) {
    let (word, half) = (words[i].bitPattern, UInt32(bfloat16(value)))
    words[i] = Float(
      bitPattern: isUpper ? word & 0xFFFF | half << 16 : word & 0xFFFF_0000 | half)
  }

  private static func half(of words: Row<Float>, at i: Int, isUpper: Bool) -> Double {
    let word = words[i].bitPattern
    return Double(bfloat16: UInt16(truncatingIfNeeded: isUpper ? word >> 16 : word))
  }
}

/// Words that a rounded row of so many elements takes, filling included: whole vectors.
func wordsOfRow(_ columns: Int) -> Int { (columns + 31) / 32 * 16 }

/// Words that two rounded rows take, an element of the one below that of the other.
func wordsOfTwoRows(_ columns: Int) -> Int { (columns + 15) / 16 * 16 }
