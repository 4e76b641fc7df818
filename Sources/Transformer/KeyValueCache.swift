/// The keys and values of what texts have read, in every layer: for each text a window of places, one after the other's.
struct KeyValueCache<Scalar: Real> {
  private let configuration: Configuration
  /// From the first place of a text to that of the next: an even number.
  private let places: Int
  private let rows: Rows
  /// One layer after the other.
  private enum Rows {
    /// (texts · places, head width) each.
    case whole(keys: [Matrix<Scalar>], values: [Matrix<Scalar>])
    /// Rounded to bfloat16, in words of two. Keys (texts · places, words): an element below the next one, to be multiplied by a query. Values
    /// (texts · places / 2, words): an element of an even place below that of the next place, to be summed up. And room for a query.
    case rounded(keys: [Matrix<Float>], values: [Matrix<Float>], query: Matrix<Float>)
  }

  /// - Parameters:
  ///   - products: whether keys and values, and what is multiplied by them, are rounded.
  init(_ c: Configuration, texts: Int, products: ProductPrecision) {
    configuration = c
    let places = (c.context + 1) / 2 * 2
    self.places = places
    let layers = 0..<c.layers
    switch products {
    case .float32:
      rows = Shelf<Scalar>.fill { shelf in
        func windows() -> [Matrix<Scalar>] {
          layers.map { _ in shelf.matrix(rows: texts * places, columns: c.headWidth) }
        }
        return .whole(keys: windows(), values: windows())
      }
    case .bfloat16:
      rows = Shelf<Float>.fill { shelf in
        .rounded(
          keys: layers.map { _ in
            shelf.matrix(rows: texts * places, columns: wordsOfRow(c.headWidth))
          },
          values: layers.map { _ in
            shelf.matrix(rows: texts * places / 2, columns: wordsOfTwoRows(c.headWidth))
          }, query: shelf.matrix(rows: 1, columns: wordsOfRow(c.headWidth)))
      }
    }
  }

  /// Makes what a text has read what another one has: `count` characters.
  func copy(_ text: Int, to other: Int, count: Int) {
    func copy<Element>(_ layers: [Matrix<Element>], stride: Int, count: Int) {
      for rows in layers {
        rows[rows: other * stride..<other * stride + count]
          .copy(rows[rows: text * stride..<text * stride + count])
      }
    }
    switch rows {
    case .whole(let keys, let values):
      copy(keys, stride: places, count: count)
      copy(values, stride: places, count: count)
    case .rounded(let keys, let values, _):
      copy(keys, stride: places, count: count)
      copy(values, stride: places / 2, count: (count + 1) / 2)
    }
  }

  /// Keeps the keys and values of some texts' next characters.
  ///
  /// - Parameters:
  ///   - n: the layer.
  ///   - positions: where in the window of each text its first new character is.
  ///   - each: how many characters each text has; with those of texts before it, their rows in what follows.
  ///   - qkv: (texts · each, 3 · head width): their queries, keys and values.
  func keep(
    layer n: Int, _ texts: some Collection<Int>, positions: [Int], each: Int, _ qkv: Matrix<Scalar>
  ) {
    let head = configuration.headWidth
    for (i, text) in texts.enumerated() {
      let first = text * places + positions[i]
      for (place, row) in zip(first..., i * each..<(i + 1) * each) {
        let new = qkv[row]
        let (key, value) = (new[head..<2 * head], new[2 * head..<3 * head])
        switch rows {
        case .whole(let keys, let values):
          keys[n][place].copy(key)
          values[n][place].copy(value)
        case .rounded(let keys, let values, _):
          Scalar.round(key, into: keys[n][place])
          Scalar.round(value, intoUpperHalves: place % 2 == 1, of: values[n][place / 2])
        }
      }
    }
  }

  /// Lets the queries of the characters that were kept last attend to these and to all before.
  ///
  /// - Parameters:
  ///   - n, texts, positions, each: as for `keep`.
  ///   - q: (texts · each, head width): the queries.
  ///   - p: (texts · each, context), receives the probabilities.
  ///   - o: (texts · each, head width), overwritten.
  func attend(
    layer n: Int, _ texts: some Collection<Int>, positions: [Int], each: Int,
    _ q: Matrix<Scalar>, p: Matrix<Scalar>, into o: Matrix<Scalar>
  ) {
    let head = configuration.headWidth
    let normalizer = configuration.attention
    switch rows {
    case .whole(let keys, let values):
      let (keys, values) = (keys[n], values[n])
      for (i, text) in texts.enumerated() {
        let new = i * each..<(i + 1) * each
        let seen = text * places..<text * places + positions[i] + each
        if each == 1 {
          // Without views, for each of which a reference would be counted.
          Attention.forward(
            by: normalizer, q: q[i], k: keys, v: values, seen: seen,
            p: p[i][0..<seen.count], o: o[i])
        } else {
          Attention.forward(
            by: normalizer, q: q[rows: new], k: keys[rows: seen], v: values[rows: seen],
            p: p[rows: new][columns: 0..<seen.count], o: o[rows: new])
        }
      }
    case .rounded(let keys, let values, let query):
      let (keys, values, query) = (keys[n], values[n], query[0])
      let scale = 1 / Scalar(head).squareRoot()
      for (i, text) in texts.enumerated() {
        let first = text * places
        for (place, row) in zip((first + positions[i])..., i * each..<(i + 1) * each) {
          Scalar.round(q[row], into: query)
          let seen = first..<place + 1
          Attention.forward(
            by: normalizer, roundedQ: query, k: keys, v: values, seen: seen, scale: scale,
            p: p[row][0..<seen.count], o: o[row])
        }
      }
    }
  }
}
