/// The characters that one generated text has behind it.
///
/// **Past the window.** A model sees at most `context` characters. When they are all taken, the older half is forgotten and the rest is
/// read anew from position 0; then the window fills up again. So the text before the next character is always the last
/// `window(after: n, context:)` characters, where n counts all characters so far, and every probability is exactly what the model assigns after
/// these. Reading half a window anew every half window costs a constant share of the time.
public struct DecodingState: Sendable {
  /// The characters in the window.
  public private(set) var window: [Int32] = []
  /// All characters so far, forgotten ones included.
  public private(set) var count = 0
  /// How many characters of the window have been read: their keys and values are valid.
  fileprivate(set) var read = 0
  private let context: Int

  /// Nothing read yet.
  public init(_ configuration: Configuration) {
    context = configuration.context
    window.reserveCapacity(context)
  }

  /// How many characters the model sees after `count` of them.
  public static func window(after count: Int, context: Int) -> Int {
    guard count > context else { return count }
    let half = context / 2
    return half + 1 + (count - context - 1) % (context - half)
  }

  /// Whether more than the last character of the window is yet to be read.
  fileprivate var isBehind: Bool { window.count - 1 > read }

  /// Adds a character, forgetting old ones when the window is full.
  mutating func append(_ token: Int32) {
    guard window.count < context else { return append(CollectionOfOne(token)) }
    window.append(token)
    count += 1
  }

  /// Adds characters, forgetting old ones when the window is full.
  mutating func append(_ tokens: some Collection<Int32>) {
    let total = count + tokens.count
    let visible = Self.window(after: total, context: context)
    if visible == window.count + tokens.count {
      window.append(contentsOf: tokens)
    } else {
      let kept = max(visible - tokens.count, 0)
      window.removeFirst(window.count - kept)
      window.append(contentsOf: tokens.suffix(visible - kept))
      read = 0
    }
    count = total
  }

  /// Becomes what `other`, of the same model, is.
  mutating func copy(_ other: DecodingState) {
    window.removeAll(keepingCapacity: true)
    window.append(contentsOf: other.window)
    count = other.count
    read = other.read
  }

  /// Forgets everything.
  mutating func reset() {
    window.removeAll(keepingCapacity: true)
    count = 0
    read = 0
  }
}

/// Runs a model on growing texts: one pass for each new character, with the keys and values of earlier ones kept.
public final class Decoder<Scalar: Real> {
  /// The model.
  public let model: Model<Scalar>
  /// The texts, which grow independently of one another.
  public private(set) var states: [DecodingState]
  /// (texts, vocabulary size): the logits after the last character of each.
  public let logits: Matrix<Scalar>

  private let packed: PackedWeights<Scalar>
  private let cache: KeyValueCache<Scalar>
  private let firstProjections: FirstProjections<Scalar>?
  private let ahead: ReadAhead

  /// Of one pass: the new characters, and what each of them sees, itself last.
  private var new: (characters: [Int], seen: [Range<Int>]) = ([], [])
  private var room: Room
  private let found: Matrix<Scalar>

  /// Room for the rows of one pass.
  private final class Room {
    let x, queryKeyValue, probabilities, gateUp, inverse: Matrix<Scalar>
    let normalized, attended, hidden: FactorRows<Scalar>

    init(_ c: Configuration, rows: Int, for products: ProductPrecision) {
      func factor(columns: Int) -> FactorRows<Scalar> {
        FactorRows(rows: rows, columns: columns, for: products)
      }
      x = Matrix(rows: rows, columns: c.width)
      normalized = factor(columns: c.width)
      queryKeyValue = Matrix(rows: rows, columns: 3 * c.headWidth)
      probabilities = Matrix(rows: rows, columns: c.context)
      attended = factor(columns: c.headWidth)
      gateUp = Matrix(rows: rows, columns: 2 * c.feedForward)
      hidden = factor(columns: c.feedForward)
      inverse = Matrix(rows: 1, columns: rows)
    }
  }

  /// New characters of a text that go through the layers at once: enough for fast products, and no more memory than that.
  private static var rowsPerPass: Int { 32 }

  /// - Parameters:
  ///   - products: how exactly products are computed.
  ///   - texts: how many texts grow at once.
  public convenience init(
    _ model: Model<Scalar>, products: ProductPrecision = .float32, texts: Int = 1
  ) {
    self.init(
      model, packed: PackedWeights(model.parameters, products: products), texts: texts)
  }

  /// - Parameters:
  ///   - packed: the model's weights once more, which several decoders may share.
  ///   - texts: how many texts grow at once.
  package init(_ model: Model<Scalar>, packed: PackedWeights<Scalar>, texts: Int) {
    precondition(texts > 0, "at least one text")
    self.model = model
    self.packed = packed
    let c = model.configuration
    states = (0..<texts).map { _ in DecodingState(c) }
    cache = KeyValueCache(
      c, texts: texts, characters: max(texts, Self.rowsPerPass), products: packed.products)
    firstProjections = FirstProjections(c)
    // Keys and values of each.
    ahead = ReadAhead(stretches: 2 * texts)
    room = Room(c, rows: texts, for: packed.products)
    found = Matrix(rows: texts, columns: c.vocabularySize)
    logits = Matrix(rows: texts, columns: c.vocabularySize)
  }

  /// Adds characters to one text. Its row of `logits` then tells what follows them.
  /// - Parameter tokens: at least one, each in 0..<vocabulary size.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func append(_ tokens: [Int32], to text: Int) {
    precondition(!tokens.isEmpty, "nothing to append")
    states[text].append(tokens)
    readAllButLast(of: text)
    pass(CollectionOfOne(text))
  }

  /// Adds one character to one text. Its row of `logits` then tells what follows it.
  /// - Parameter token: in 0..<vocabulary size.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func append(_ token: Int32, to text: Int) {
    states[text].append(token)
    readAllButLast(of: text)
    pass(CollectionOfOne(text))
  }

  /// Adds one character to each of some texts, in one pass for all of them.
  ///
  /// What `logits` then tells of a text is, to the last bit, what it would be if the text grew alone.
  ///
  /// - Parameters:
  ///   - tokens: one for each of `texts`, in 0..<vocabulary size.
  ///   - texts: which texts, each at most once.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func append(eachOf tokens: [Int32], to texts: [Int]) {
    precondition(tokens.count == texts.count, "one character for each text")
    if add(tokens, to: texts, &states) {
      for text in texts { readAllButLast(of: text) }
    }
    if !texts.isEmpty { pass(texts) }
  }

  /// Adds one character to each of some texts. States are handed over, because each access to a property of a class is checked.
  /// - Returns: whether any of them has more to read than that.
  private func add(_ tokens: [Int32], to texts: [Int], _ states: inout [DecodingState]) -> Bool {
    var anyIsBehind = false
    for i in texts.indices {
      states[texts[i]].append(tokens[i])
      anyIsBehind = anyIsBehind || states[texts[i]].isBehind
    }
    return anyIsBehind
  }

  /// Forgets a text.
  public func reset(_ text: Int) { states[text].reset() }

  /// Makes a text what another one is, its row of `logits` included.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func copy(_ text: Int, to other: Int) { copy(text, of: self, to: other) }

  /// Makes a text what one of another decoder is, its row of `logits` included.
  /// - Parameter decoder: of the same model and kind of products.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func copy(_ text: Int, of decoder: Decoder, to other: Int) {
    let state = decoder.states[text]
    states[other].copy(state)
    cache.copy(text, of: decoder.cache, to: other, count: state.read)
    logits[other].copy(decoder.logits[text])
  }

  /// Reads what is new in the window of one text, but for its last character.
  private func readAllButLast(of text: Int) {
    while states[text].isBehind {
      let unread = states[text].window.count - 1 - states[text].read
      let passes = (unread + Self.rowsPerPass - 1) / Self.rowsPerPass
      pass(CollectionOfOne(text), rowsEach: (unread + passes - 1) / passes, wantsLogits: false)
    }
  }

  /// Takes the next unread character of each window through all layers, up to the logits. Without these it can be several characters: their
  /// keys and values are all that later ones need of them, so that the last layer comes to nothing else.
  private func pass(
    _ texts: some RandomAccessCollection<Int>, rowsEach: Int = 1, wantsLogits: Bool = true
  ) {
    let c = model.configuration
    let head = c.headWidth
    let rows = 0..<texts.count * rowsEach
    // For one row of each text there is room; only a longer piece of a text needs more.
    if room.x.rows < rows.count {
      room = Room(c, rows: Self.rowsPerPass, for: packed.products)
    }
    let room = room
    let (x, normalized) = (room.x[rows: rows], room.normalized[rows: rows])
    let qkv = room.queryKeyValue[rows: rows]
    let (attended, hidden) = (room.attended[rows: rows], room.hidden[rows: rows])
    let gateUp = room.gateUp[rows: rows]
    let epsilon = Scalar(c.normEpsilon)

    func normalize(_ x: Matrix<Scalar>, _ gain: Row<Scalar>, into y: FactorRows<Scalar>) {
      RMSNorm.forward(x, gain: gain, epsilon: epsilon, inverse: room.inverse[0], into: y)
    }

    // With one text products wait for memory themselves.
    let ahead = texts.count > 1 ? self.ahead : nil

    take(rowsEach, from: texts, &states, into: &new)
    let (characters, seen) = new
    for (row, character) in characters.enumerated() {
      x[row].copy(model.parameters.embedding[character])
    }
    // A layer's rows and views are taken where it is: to copy it would count references to each of its matrices, which the threads that
    // generate have in common.
    let (weights, matrices) = (model.parameters.layers, packed.layers)

    /// Queries, keys and values of what is normalized, before they are turned to their places.
    func project(_ n: Int, _ normalized: FactorRows<Scalar>, into qkv: Matrix<Scalar>) {
      multiplyEachRow(
        normalized, byTransposed: matrices[n].queryKeyValue.view, into: qkv, asking: ahead)
      let (query, key) = (qkv[columns: 0..<head], qkv[columns: head..<2 * head])
      normalize(query, weights[n].queryNorm[0], into: .whole(query))
      normalize(key, weights[n].keyNorm[0], into: .whole(key))
    }

    for n in 0..<c.layers {
      let known = n == 0 ? firstProjections : nil
      if let known {
        let missing = known.missing(characters)
        if !missing.isEmpty {
          let found = 0..<missing.count
          for (row, new) in missing.enumerated() {
            normalize(
              x[rows: new..<new + 1], weights[n].attentionNorm[0],
              into: normalized[rows: row..<row + 1])
          }
          project(n, normalized[rows: found], into: qkv[rows: found])
          known.keep(missing, of: characters, qkv[rows: found])
        }
      } else {
        normalize(x, weights[n].attentionNorm[0], into: normalized)
        project(n, normalized, into: qkv)
      }
      cache.keep(
        layer: n, seen: seen, each: rowsEach, qkv, known: known, characters,
        turnedBy: model.rotary)
      if n == c.layers - 1, !wantsLogits { return }
      cache.attend(
        layer: n, seen: seen, each: rowsEach, qkv, p: room.probabilities, into: attended)
      // The last layer's products ask for what the first layer of the next pass reads.
      if let ahead { cache.ask(layer: (n + 1) % c.layers, seen: seen, through: ahead) }
      multiplyEachRow(
        attended, byTransposed: matrices[n].output.view, into: x, adding: true, asking: ahead)
      normalize(x, weights[n].feedForwardNorm[0], into: normalized)
      multiplyEachRow(
        normalized, byTransposed: matrices[n].gateUp.view, into: gateUp, asking: ahead)
      FeedForward.forward(gateUp: gateUp, into: hidden)
      multiplyEachRow(
        hidden, byTransposed: matrices[n].down.view, into: x, adding: true, asking: ahead)
    }

    normalize(x, model.parameters.finalNorm[0], into: normalized)
    // Mostly every text from the first on has one row, so that their logits lie one below the other.
    guard let first = texts.first else { return }
    let neighbours = first..<first + texts.count
    if texts.elementsEqual(neighbours) {
      multiplyEachRow(normalized, byTransposed: packed.head.view, into: logits[rows: neighbours])
    } else {
      let found = found[rows: 0..<texts.count]
      multiplyEachRow(normalized, byTransposed: packed.head.view, into: found)
      for (i, text) in texts.enumerated() { logits[text].copy(found[i]) }
    }
  }

  /// The next unread characters of each of some texts, which count as read from now on. States and what is new are handed over, as to `add`.
  private func take(
    _ count: Int, from texts: some Collection<Int>, _ states: inout [DecodingState],
    into new: inout (characters: [Int], seen: [Range<Int>])
  ) {
    new.characters.removeAll(keepingCapacity: true)
    new.seen.removeAll(keepingCapacity: true)
    for text in texts {
      for place in states[text].read..<states[text].read + count {
        new.characters.append(Int(states[text].window[place]))
        new.seen.append(cache.seen(in: text, from: place))
      }
      states[text].read += count
    }
  }
}
