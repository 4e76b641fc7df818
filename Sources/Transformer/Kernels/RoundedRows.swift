import CKernels

// Rows rounded to bfloat16, as a `KeyValueCache` keeps them: words of two halves, each in the place of a float, which it is not.

extension Float {
  public static func keep(
    _ keys: Matrix<Float>, _ values: Matrix<Float>, seen: [Range<Int>], inWords k: Matrix<Float>,
    byTwo v: Matrix<Float>
  ) {
    precondition(
      keys.rows == seen.count && values.rows == seen.count && values.columns == keys.columns
        && values.stride == keys.stride && k.columns == wordsOfRow(keys.columns)
        && v.columns == wordsOfTwoRows(keys.columns)
        && seen.allSatisfy { isSome($0, of: min(k.rows, 2 * v.rows)) },
      "shapes do not agree where rounded rows are kept")
    withRanges(seen) {
      temper_keep_rounded(
        keys.rows, keys.columns, keys.base, values.base, keys.stride, $0, k.base, k.stride, v.base,
        v.stride)
    }
  }

  public static func score(
    _ x: Matrix<Float>, byWords k: Matrix<Float>, seen: [Range<Int>], scale: Float,
    rounded: Row<Float>, into y: Matrix<Float>
  ) {
    precondition(
      x.rows == seen.count && y.rows >= seen.count && k.columns == wordsOfRow(x.columns)
        && rounded.count == k.columns
        && seen.allSatisfy { isSome($0, of: k.rows) && $0.count <= y.columns },
      "shapes do not agree in products of rounded rows")
    withRanges(seen) {
      temper_scores_of_rounded(
        x.rows, x.columns, scale, x.base, x.stride, $0, k.base, k.stride, rounded.base, y.base,
        y.stride)
    }
  }

  public static func sum(
    _ x: Matrix<Float>, byTwo v: Matrix<Float>, seen: [Range<Int>], into y: Matrix<Float>
  ) {
    precondition(
      x.rows >= seen.count && y.rows == seen.count && v.columns == wordsOfTwoRows(y.columns)
        && seen.allSatisfy { isSome($0, of: 2 * v.rows) && $0.count <= x.columns },
      "shapes do not agree in sums of rounded rows")
    withRanges(seen) {
      temper_sums_of_rounded(
        y.rows, y.columns, x.base, x.stride, $0, v.base, v.stride, y.base, y.stride)
    }
  }

  public static func softmax(_ rows: Matrix<Float>, seen: [Range<Int>]) {
    precondition(
      rows.rows >= seen.count && seen.allSatisfy { !$0.isEmpty && $0.count <= rows.columns },
      "shapes do not agree in a softmax")
    withRanges(seen) { temper_softmax_rows(seen.count, $0, rows.base, rows.stride) }
  }

  /// A range is its two bounds, as in C.
  private static func withRanges(
    _ ranges: [Range<Int>], _ body: (UnsafePointer<temper_range>) -> Void
  ) {
    ranges.withUnsafeBytes { bytes in
      guard let first = bytes.baseAddress else { return }
      body(first.assumingMemoryBound(to: temper_range.self))
    }
  }

  private static func isSome(_ seen: Range<Int>, of rows: Int) -> Bool {
    !seen.isEmpty && seen.lowerBound >= 0 && seen.upperBound <= rows
  }
}

extension Double {
  public static func keep(
    _ keys: Matrix<Double>, _ values: Matrix<Double>, seen: [Range<Int>], inWords k: Matrix<Float>,
    byTwo v: Matrix<Float>
  ) {
    for (row, seen) in seen.enumerated() {
      let place = seen.upperBound - 1
      k[place].fill(0)
      if place % 2 == 0 { v[place / 2].fill(0) }
      for i in 0..<keys.columns {
        set(half: keys[row][i], isUpper: i % 2 == 1, of: k[place], at: i / 2)
        set(half: values[row][i], isUpper: place % 2 == 1, of: v[place / 2], at: i)
      }
    }
  }

  public static func score(
    _ x: Matrix<Double>, byWords k: Matrix<Float>, seen: [Range<Int>], scale: Double,
    rounded: Row<Float>, into y: Matrix<Double>
  ) {
    for (row, seen) in seen.enumerated() {
      for (j, key) in seen.enumerated() {
        var sum = 0.0
        for i in 0..<x.columns {
          sum +=
            Double(bfloat16: bfloat16(x[row][i])) * half(of: k[key], at: i / 2, isUpper: i % 2 == 1)
        }
        y[row][j] = scale * sum
      }
    }
  }

  public static func sum(
    _ x: Matrix<Double>, byTwo v: Matrix<Float>, seen: [Range<Int>], into y: Matrix<Double>
  ) {
    for (row, seen) in seen.enumerated() {
      y[row].fill(0)
      for (j, place) in seen.enumerated() {
        let share = Double(bfloat16: bfloat16(x[row][j]))
        for i in 0..<y.columns {
          y[row][i] += share * half(of: v[place / 2], at: i, isUpper: place % 2 == 1)
        }
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
