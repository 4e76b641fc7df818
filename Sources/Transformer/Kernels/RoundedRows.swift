import CKernels

// Rows rounded to bfloat16, as a `KeyValueCache` keeps them: words of two halves, each in the place of a float, which it is not.

extension Float {
  public static func normalize(
    _ x: Matrix<Float>, gain: Row<Float>, epsilon: Float, intoWords y: Matrix<Float>
  ) {
    precondition(
      y.rows == x.rows && y.columns == wordsOfRow(x.columns) && gain.count >= x.columns,
      "shapes do not agree in a normalization")
    temper_normalize_rounded(
      x.rows, x.columns, epsilon, x.base, x.stride, gain.base, y.base, y.stride)
  }

  public static func gate(_ gateUp: Matrix<Float>, intoWords h: Matrix<Float>) {
    let columns = gateUp.columns / 2
    precondition(
      gateUp.rows == h.rows && h.columns == wordsOfRow(columns), "shapes do not agree in a gate")
    temper_gate_rounded(h.rows, columns, gateUp.base, gateUp.stride, h.base, h.stride)
  }

  public static func keep(
    _ qkv: Matrix<Float>, which: [Int]?, seen: [Range<Int>], cosines: Matrix<Float>,
    sines: Matrix<Float>, turned: Row<Float>, queries q: Matrix<Float>, keys k: Matrix<Float>,
    values v: Matrix<Float>
  ) {
    let head = qkv.columns / 3
    precondition(
      q.rows >= seen.count && q.columns == wordsOfRow(head) && k.columns == wordsOfRow(head)
        && v.columns == wordsOfTwoRows(head) && turned.count == head
        && 2 * cosines.columns == head && sines.columns == cosines.columns
        && sines.stride == cosines.stride
        && seen.allSatisfy {
          isSome($0, of: min(k.rows, 2 * v.rows)) && $0.count <= min(cosines.rows, sines.rows)
        }
        && (which.map { $0.count == seen.count && $0.allSatisfy { $0 >= 0 && $0 < qkv.rows } }
          ?? (qkv.rows == seen.count)),
      "shapes do not agree where rounded rows are kept")
    func keep(_ which: UnsafePointer<Int>?) {
      withRanges(seen) {
        temper_keep_rounded(
          seen.count, head, qkv.base, qkv.stride, which, $0, cosines.base, sines.base,
          cosines.stride, turned.base, q.base, q.stride, k.base, k.stride, v.base, v.stride)
      }
    }
    if let which { keep(which) } else { keep(nil) }
  }

  public static func score(
    _ q: Matrix<Float>, byWords k: Matrix<Float>, seen: [Range<Int>], scale: Float,
    into y: Matrix<Float>
  ) {
    precondition(
      min(q.rows, y.rows) >= seen.count && k.columns == q.columns
        && seen.allSatisfy { isSome($0, of: k.rows) && $0.count <= y.columns },
      "shapes do not agree in products of rounded rows")
    withRanges(seen) {
      temper_scores_of_rounded(
        seen.count, 2 * q.columns, scale, q.base, q.stride, $0, k.base, k.stride, y.base, y.stride)
    }
  }

  public static func sum(
    _ x: Matrix<Float>, byTwo v: Matrix<Float>, seen: [Range<Int>], columns: Int,
    intoWords y: Matrix<Float>
  ) {
    precondition(
      x.rows >= seen.count && y.rows == seen.count && v.columns == wordsOfTwoRows(columns)
        && y.columns == wordsOfRow(columns)
        && seen.allSatisfy { isSome($0, of: 2 * v.rows) && $0.count <= x.columns },
      "shapes do not agree in sums of rounded rows")
    withRanges(seen) {
      temper_sums_of_rounded(
        y.rows, columns, x.base, x.stride, $0, v.base, v.stride, y.base, y.stride)
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
  public static func normalize(
    _ x: Matrix<Double>, gain: Row<Double>, epsilon: Double, intoWords y: Matrix<Float>
  ) {
    let normalized = Matrix<Double>(rows: x.rows, columns: x.columns)
    let inverse = Matrix<Double>(rows: 1, columns: x.rows)
    normalize(x, gain: gain, epsilon: epsilon, inverse: inverse[0], into: normalized)
    round(normalized, into: y)
  }

  public static func gate(_ gateUp: Matrix<Double>, intoWords h: Matrix<Float>) {
    let gated = Matrix<Double>(rows: gateUp.rows, columns: gateUp.columns / 2)
    gate(gateUp, into: gated)
    round(gated, into: h)
  }

  public static func keep(
    _ qkv: Matrix<Double>, which: [Int]?, seen: [Range<Int>], cosines: Matrix<Double>,
    sines: Matrix<Double>, turned: Row<Float>, queries q: Matrix<Float>, keys k: Matrix<Float>,
    values v: Matrix<Float>
  ) {
    let head = qkv.columns / 3
    for (row, seen) in seen.enumerated() {
      let place = seen.upperBound - 1
      let source = which?[row] ?? row
      let new = Matrix<Double>(rows: 1, columns: 3 * head)
      new.copy(qkv[rows: source..<source + 1])
      for turning in [new[columns: 0..<head], new[columns: head..<2 * head]] {
        rotate(
          turning, cosines: cosines, sines: sines, first: seen.count - 1, period: cosines.rows,
          advance: 0, sign: 1)
      }
      round(new[columns: 0..<head], into: q[rows: row..<row + 1])
      round(new[columns: head..<2 * head], into: k[rows: place..<place + 1])
      if place % 2 == 0 { v[place / 2].fill(0) }
      for i in 0..<head {
        set(half: new[0][2 * head + i], isUpper: place % 2 == 1, of: v[place / 2], at: i)
      }
    }
  }

  public static func score(
    _ q: Matrix<Float>, byWords k: Matrix<Float>, seen: [Range<Int>], scale: Double,
    into y: Matrix<Double>
  ) {
    for (row, seen) in seen.enumerated() {
      for (j, key) in seen.enumerated() {
        var sum = 0.0
        for i in 0..<2 * q.columns {
          sum +=
            half(of: q[row], at: i / 2, isUpper: i % 2 == 1)
            * half(of: k[key], at: i / 2, isUpper: i % 2 == 1)
        }
        y[row][j] = scale * sum
      }
    }
  }

  public static func sum(
    _ x: Matrix<Double>, byTwo v: Matrix<Float>, seen: [Range<Int>], columns: Int,
    intoWords y: Matrix<Float>
  ) {
    let sums = Matrix<Double>(rows: seen.count, columns: columns)
    for (row, seen) in seen.enumerated() {
      for (j, place) in seen.enumerated() {
        let share = Double(bfloat16: bfloat16(x[row][j]))
        for i in 0..<columns {
          sums[row][i] += share * half(of: v[place / 2], at: i, isUpper: place % 2 == 1)
        }
      }
    }
    round(sums, into: y)
  }

  private static func round(_ x: Matrix<Double>, into words: Matrix<Float>) {
    words.fill(0)
    for row in 0..<x.rows {
      for i in 0..<x.columns {
        set(half: x[row][i], isUpper: i % 2 == 1, of: words[row], at: i / 2)
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
