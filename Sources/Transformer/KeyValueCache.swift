/// The keys and values of what texts have read, in every layer: for each text a window of places, one after the other's.
struct KeyValueCache<Scalar: Real> {
  private let configuration: Configuration
  /// From the first place of a text to that of the next: an even number.
  private let places: Int
  private let rows: Rows

  private enum Rows {
    case whole(Whole)
    case rounded(Rounded)
  }

  // Objects, so that to look at one counts one reference, and not one for each of its matrices.

  /// (texts · places, head width) each, one layer after the other.
  private final class Whole {
    let keys, values: [Matrix<Scalar>]

    init(_ c: Configuration, rows: Int, on shelf: Shelf<Scalar>) {
      func windows() -> [Matrix<Scalar>] {
        (0..<c.layers).map { _ in shelf.matrix(rows: rows, columns: c.headWidth) }
      }
      (keys, values) = (windows(), windows())
    }
  }

  /// Rounded to bfloat16, in words of two.
  private final class Rounded {
    /// (texts · places, words), one layer after the other: an element below the next one, to be multiplied by a query.
    let keys: [Matrix<Float>]
    /// (texts · places / 2, words): an element of an even place below that of the next place, to be summed up.
    let values: [Matrix<Float>]
    /// (characters, words): the queries of new characters.
    let queries: Matrix<Float>
    /// Room for a row to be turned in.
    let turned: Matrix<Float>

    init(_ c: Configuration, rows: Int, characters: Int, on shelf: Shelf<Float>) {
      let (layers, words) = (0..<c.layers, wordsOfRow(c.headWidth))
      keys = layers.map { _ in shelf.matrix(rows: rows, columns: words) }
      values = layers.map { _ in
        shelf.matrix(rows: rows / 2, columns: wordsOfTwoRows(c.headWidth))
      }
      queries = shelf.matrix(rows: characters, columns: words)
      turned = shelf.matrix(rows: 1, columns: c.headWidth)
    }
  }

  /// - Parameters:
  ///   - characters: how many new ones there are at once, at most.
  ///   - products: whether keys and values, and what is multiplied by them, are rounded.
  init(_ c: Configuration, texts: Int, characters: Int, products: ProductPrecision) {
    configuration = c
    let places = (c.context + 1) / 2 * 2
    self.places = places
    // Only what `keep` or `copy` wrote is ever read.
    switch products {
    case .float32:
      rows = Shelf<Scalar>.fill(zeros: false) { .whole(Whole(c, rows: texts * places, on: $0)) }
    case .bfloat16:
      rows = Shelf<Float>.fill(zeros: false) {
        .rounded(Rounded(c, rows: texts * places, characters: characters, on: $0))
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
    case (.whole(let from), .whole(let to)):
      copy(from.keys, to: to.keys, stride: places, count: count)
      copy(from.values, to: to.values, stride: places, count: count)
    case (.rounded(let from), .rounded(let to)):
      copy(from.keys, to: to.keys, stride: places, count: count)
      copy(from.values, to: to.values, stride: places / 2, count: (count + 1) / 2)
    default:
      preconditionFailure("caches of two kinds")
    }
  }

  /// Where the keys and values of a text are up to a place in its window: rows of all keys, of which one in that place sees these.
  func seen(in text: Int, from place: Int) -> Range<Int> {
    text * places..<text * places + place + 1
  }

  /// Turns the queries and keys of new characters to their places, and keeps the keys and values.
  ///
  /// - Parameters:
  ///   - n: the layer.
  ///   - seen: what each of them sees, itself last.
  ///   - each: how many of the characters come from one text, one after the other.
  ///   - qkv: (characters, 3 · head width): their queries, keys and values, to be handed over to `attend`.
  ///   - known: where these are instead, if they are known for each character of the vocabulary.
  ///   - characters: the new ones.
  ///   - rotary: turns them.
  func keep(
    layer n: Int, seen: [Range<Int>], each: Int, _ qkv: Matrix<Scalar>,
    known: FirstProjections<Scalar>?, _ characters: [Int], turnedBy rotary: RotaryEmbedding<Scalar>
  ) {
    let head = configuration.headWidth
    switch rows {
    case .whole(let rows):
      known?.recall(characters, into: qkv)
      let (newKeys, newValues) = (qkv[columns: head..<2 * head], qkv[columns: 2 * head..<3 * head])
      turn(qkv[columns: 0..<head], seen: seen, each: each, by: rotary)
      turn(newKeys, seen: seen, each: each, by: rotary)
      for (row, seen) in seen.enumerated() {
        rows.keys[n][seen.upperBound - 1].copy(newKeys[row])
        rows.values[n][seen.upperBound - 1].copy(newValues[row])
      }
    case .rounded(let rows):
      rotary.keep(
        known?.rows ?? qkv, which: known == nil ? nil : characters, seen: seen,
        turned: rows.turned[0], queries: rows.queries, keys: rows.keys[n], values: rows.values[n])
    }
  }

  /// Turns rows as their places in the windows demand.
  private func turn(
    _ x: Matrix<Scalar>, seen: [Range<Int>], each: Int, by rotary: RotaryEmbedding<Scalar>
  ) {
    if each > 1 {
      rotary.forward(x, first: seen[0].count - 1, period: configuration.context)
      return
    }
    // Texts that began together are in the same place, most of the time.
    var start = 0
    while start < x.rows {
      var end = start + 1
      while end < x.rows, seen[end].count == seen[start].count { end += 1 }
      rotary.forward(x[rows: start..<end], allAt: seen[start].count - 1)
      start = end
    }
  }

  /// Lets the queries of the characters that were kept last attend to these and to all before.
  ///
  /// - Parameters:
  ///   - n, seen, each, qkv: as for `keep`.
  ///   - p: (characters, context), receives the probabilities.
  ///   - o: (characters, head width), overwritten.
  func attend(
    layer n: Int, seen: [Range<Int>], each: Int, _ qkv: Matrix<Scalar>, p: Matrix<Scalar>,
    into o: FactorRows<Scalar>
  ) {
    let (head, normalizer) = (configuration.headWidth, configuration.attention)
    switch (rows, o) {
    case (.whole(let rows), .whole(let o)) where each == 1:
      // Without views, for each of which a reference would be counted.
      for row in 0..<o.rows {
        Attention.forward(
          by: normalizer, q: qkv[row][0..<head], k: rows.keys[n], v: rows.values[n],
          seen: seen[row], p: p[row][0..<seen[row].count], o: o[row])
      }
    case (.whole(let rows), .whole(let o)):
      let q = qkv[columns: 0..<head]
      for first in stride(from: 0, to: q.rows, by: each) {
        let new = first..<first + each
        let seen = seen[new.upperBound - 1]
        Attention.forward(
          by: normalizer, q: q[rows: new], k: rows.keys[n][rows: seen],
          v: rows.values[n][rows: seen], p: p[rows: new][columns: 0..<seen.count], o: o[rows: new])
      }
    case (.rounded(let rows), .rounded(let o, _)):
      Attention.forward(
        by: normalizer, rounded: rows.queries, k: rows.keys[n], v: rows.values[n], seen: seen, p: p,
        head: head, o: o)
    default:
      preconditionFailure("what is attended to and its sums are of two kinds")
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
    case .whole(let rows):
      for seen in seen {
        ahead.add(rows.keys[n], rows: seen)
        ahead.add(rows.values[n], rows: seen)
      }
    case .rounded(let rows):
      ahead.add(rows.keys[n], eachOf: seen, inRow: 1)
      ahead.add(rows.values[n], eachOf: seen, inRow: 2)
    }
  }
}
