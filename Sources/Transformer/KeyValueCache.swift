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
    // Only what `keep` or `copy` wrote is ever read.
    switch products {
    case .float32:
      rows = Shelf<Scalar>.fill(zeros: false) { shelf in
        func windows() -> [Matrix<Scalar>] {
          layers.map { _ in shelf.matrix(rows: texts * places, columns: c.headWidth) }
        }
        return .whole(keys: windows(), values: windows())
      }
    case .bfloat16:
      rows = Shelf<Float>.fill(zeros: false) { shelf in
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

  /// Makes what a text has read what one of another cache has, of the same shape and kind: `count` characters.
  func copy(_ text: Int, of cache: KeyValueCache, to other: Int, count: Int) {
    func copy<Element>(
      _ layers: [Matrix<Element>], to others: [Matrix<Element>], stride: Int, count: Int
    ) {
      for (rows, others) in zip(layers, others) {
        others[rows: other * stride..<other * stride + count]
          .copy(rows[rows: text * stride..<text * stride + count])
      }
    }
    switch (cache.rows, rows) {
    case (.whole(let keys, let values), .whole(let otherKeys, let otherValues)):
      copy(keys, to: otherKeys, stride: places, count: count)
      copy(values, to: otherValues, stride: places, count: count)
    case (.rounded(let keys, let values, _), .rounded(let otherKeys, let otherValues, _)):
      copy(keys, to: otherKeys, stride: places, count: count)
      copy(values, to: otherValues, stride: places / 2, count: (count + 1) / 2)
    default:
      preconditionFailure("caches of two kinds")
    }
  }

  /// Where the keys and values of a text are up to a place in its window: rows of all keys, of which one in that place sees these.
  func seen(in text: Int, from place: Int) -> Range<Int> {
    text * places..<text * places + place + 1
  }

  /// Keeps the keys and values of new characters.
  ///
  /// - Parameters:
  ///   - n: the layer.
  ///   - seen: what each of them sees, itself last.
  ///   - qkv: (characters, 3 · head width): their queries, keys and values.
  func keep(layer n: Int, seen: [Range<Int>], _ qkv: Matrix<Scalar>) {
    let head = configuration.headWidth
    let (newKeys, newValues) = (qkv[columns: head..<2 * head], qkv[columns: 2 * head..<3 * head])
    switch rows {
    case .whole(let keys, let values):
      for (row, seen) in seen.enumerated() {
        keys[n][seen.upperBound - 1].copy(newKeys[row])
        values[n][seen.upperBound - 1].copy(newValues[row])
      }
    case .rounded(let keys, let values, _):
      Scalar.keep(newKeys, newValues, seen: seen, inWords: keys[n], byTwo: values[n])
    }
  }

  /// Lets the queries of the characters that were kept last attend to these and to all before.
  ///
  /// - Parameters:
  ///   - n, seen: as for `keep`.
  ///   - each: how many of the characters come from one text, one after the other.
  ///   - q: (characters, head width): the queries.
  ///   - p: (characters, context), receives the probabilities.
  ///   - o: (characters, head width), overwritten.
  func attend(
    layer n: Int, seen: [Range<Int>], each: Int, _ q: Matrix<Scalar>, p: Matrix<Scalar>,
    into o: Matrix<Scalar>
  ) {
    let normalizer = configuration.attention
    switch rows {
    case .whole(let keys, let values) where each == 1:
      // Without views, for each of which a reference would be counted.
      for row in 0..<q.rows {
        Attention.forward(
          by: normalizer, q: q[row], k: keys[n], v: values[n], seen: seen[row],
          p: p[row][0..<seen[row].count], o: o[row])
      }
    case .whole(let keys, let values):
      for first in stride(from: 0, to: q.rows, by: each) {
        let new = first..<first + each
        let seen = seen[new.upperBound - 1]
        Attention.forward(
          by: normalizer, q: q[rows: new], k: keys[n][rows: seen], v: values[n][rows: seen],
          p: p[rows: new][columns: 0..<seen.count], o: o[rows: new])
      }
    case .rounded(let keys, let values, let query):
      Attention.forward(
        by: normalizer, q: q, rounded: query[0], k: keys[n], v: values[n], seen: seen, p: p, o: o)
    }
  }

  /// Has the keys and values that some texts see in a layer asked for, in the order in which `attend` reads them.
  ///
  /// - Parameters:
  ///   - n, seen: as for `keep`.
  ///   - ahead: receives them; what it had is forgotten.
  func ask(layer n: Int, seen: [Range<Int>], through ahead: ReadAhead) {
    ahead.removeAll()
    switch rows {
    case .whole(let keys, let values):
      for seen in seen {
        ahead.add(keys[n], rows: seen)
        ahead.add(values[n], rows: seen)
      }
    case .rounded(let keys, let values, _):
      ahead.add(keys[n], eachOf: seen, inRow: 1)
      ahead.add(values[n], eachOf: seen, inRow: 2)
    }
  }
}
