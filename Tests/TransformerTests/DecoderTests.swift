import TestSupport
import Testing
import Transformer

@Suite struct DecoderTests {
  // MARK: - The window

  /// How much is seen after 1, 2, 3, ... characters, by hand: when the window is full, half of it
  /// stays and the new character comes.
  @Test(arguments: [
    (1, [0, 1, 1, 1, 1, 1, 1]),
    (2, [0, 1, 2, 2, 2, 2, 2]),
    (3, [0, 1, 2, 3, 2, 3, 2, 3]),
    (4, [0, 1, 2, 3, 4, 3, 4, 3, 4]),
    (5, [0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5, 3]),
    (8, [0, 1, 2, 3, 4, 5, 6, 7, 8, 5, 6, 7, 8, 5, 6, 7, 8, 5]),
  ])
  func windowTable(context: Int, windows: [Int]) {
    let computed = windows.indices.map {
      DecodingState.window(after: $0, context: context)
    }
    #expect(computed == windows)
  }

  @Test(arguments: [1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 256])
  func windowGrowsByOneOrStartsAgain(context: Int) {
    var window = 0
    for count in 1...(5 * context + 5) {
      let next = DecodingState.window(after: count, context: context)
      if window < context {
        #expect(next == window + 1)
      } else {
        #expect(next == context / 2 + 1)
      }
      #expect(next <= min(count, context))
      window = next
    }
  }

  // MARK: - Logits

  static let contexts = [1, 2, 3, 4, 5, 8, 13]

  static func configuration(context: Int, isTied: Bool = false) throws -> Configuration {
    try ConfigurationTests.small(headWidth: 6, context: context, isTied: isTied)
  }

  /// The logits after `text`, by a forward pass over what the rule lets the model see.
  static func expectedLogits<Scalar: Real>(
    _ model: Model<Scalar>, after text: [Int32]
  ) -> [Double] {
    let context = model.configuration.context
    let window = DecodingState.window(after: text.count, context: context)
    let a = Activations<Scalar>(
      model.configuration, sequences: 1, context: window, forBackward: false)
    a.tokens = Array(text.suffix(window))
    model.forward(a)
    return a.logits.doubles[window - 1]
  }

  static func check<Scalar: Real>(
    _: Scalar.Type, context: Int, isTied: Bool, tolerance: Double
  ) throws {
    var random = SeededValues(seed: UInt64(context))
    let model: Model<Scalar> = Model(
      random.parameters(try configuration(context: context, isTied: isTied)))
    let text = random.tokens(4 * context + 3, vocabularySize: 11)
    let expected = text.indices.map { expectedLogits(model, after: Array(text[...$0])) }

    // One character after another.
    let single = Decoder(model)
    for (i, token) in text.enumerated() {
      single.append([token], to: 0)
      #expect(largestDifference(single.logits[0].elements, expected[i]) <= tolerance, "\(i)")
      #expect(single.states[0].count == i + 1)
      #expect(single.states[0].window == Array(text[...i].suffix(single.states[0].window.count)))
    }

    // In pieces of any length, one of them longer than the window.
    for _ in 0..<5 {
      let chunked = Decoder(model)
      var end = 0
      while end < text.count {
        let start = end
        end = min(text.count, start + random.whole(1..<2 * context + 2))
        chunked.append(Array(text[start..<end]), to: 0)
        let difference = largestDifference(chunked.logits[0].elements, expected[end - 1])
        #expect(difference <= tolerance, "\(start)..<\(end)")
      }
      // After forgetting everything, it starts again.
      chunked.reset(0)
      #expect(chunked.states[0].window.isEmpty && chunked.states[0].count == 0)
      chunked.append([text[0]], to: 0)
      #expect(largestDifference(chunked.logits[0].elements, expected[0]) <= tolerance)
    }
  }

  @Test(arguments: contexts, [false, true])
  func logitsAreThoseOfTheModelOnItsWindow(context: Int, isTied: Bool) throws {
    try Self.check(Double.self, context: context, isTied: isTied, tolerance: 1e-10)
    try Self.check(Float.self, context: context, isTied: isTied, tolerance: 1e-4)
  }

  /// Across the edge of attention's blocks of 64 queries.
  @Test(arguments: [70, 130])
  func logitsAcrossBlocks(context: Int) throws {
    var random = SeededValues(seed: UInt64(context))
    let model: Model<Double> = Model(random.parameters(try Self.configuration(context: context)))
    let text = random.tokens(2 * context + 5, vocabularySize: 11)
    for first in [1, 63, 64, 65, context - 1, context] {
      let decoder = Decoder(model)
      decoder.append(Array(text[..<first]), to: 0)
      for end in first + 1...first + 3 {
        decoder.append([text[end - 1]], to: 0)
        let expected = Self.expectedLogits(model, after: Array(text[..<end]))
        #expect(largestDifference(decoder.logits[0].elements, expected) <= 1e-10)
      }
    }
  }

  /// Several texts of different lengths grow together as each would alone, also while some of their
  /// windows start again.
  @Test(arguments: contexts, [1, 2, 3, 17])
  func textsGrowIndependently(context: Int, texts: Int) throws {
    var random = SeededValues(seed: UInt64(100 * context + texts))
    let model: Model<Double> = Model(random.parameters(try Self.configuration(context: context)))
    let together = Decoder(model, texts: texts)
    var written = (0..<texts).map { text in
      random.tokens(text % (context + 2), vocabularySize: 11)
    }
    for (text, tokens) in written.enumerated() where !tokens.isEmpty {
      together.append(tokens, to: text)
    }
    for _ in 0..<2 * context + 3 {
      let next = random.tokens(texts, vocabularySize: 11)
      together.append(eachOf: next, to: Array(0..<texts))
      for text in 0..<texts {
        written[text].append(next[text])
        let expected = Self.expectedLogits(model, after: written[text])
        #expect(largestDifference(together.logits[text].elements, expected) <= 1e-10)
      }
    }
  }

  /// To the last bit: a text's logits do not depend on which others grow beside it, nor on how many.
  @Test(arguments: [2, 3, 4, 7, 50], ProductPrecision.allCases)
  func othersLeaveNoTrace(texts: Int, products: ProductPrecision) throws {
    var random = SeededValues(seed: UInt64(texts))
    let model: Model<Float> = Model(random.parameters(try Self.configuration(context: 9)))
    let prompt = random.tokens(5, vocabularySize: 11)
    let together = Decoder(model, products: products, texts: texts)
    together.append(prompt, to: 0)
    for text in 1..<texts { together.copy(0, to: text) }
    let alone = (0..<texts).map { _ in
      let decoder = Decoder(model, products: products)
      decoder.append(prompt, to: 0)
      return decoder
    }
    for round in 0..<25 {
      // Some texts have ended, others not.
      let growing = (0..<texts).filter { round < 12 || $0 % 3 != 1 }
      let next = random.tokens(growing.count, vocabularySize: 11)
      together.append(eachOf: next, to: growing)
      for (text, token) in zip(growing, next) { alone[text].append(token, to: 0) }
      for text in 0..<texts {
        #expect(together.logits[text].elements == alone[text].logits[0].elements)
      }
    }
  }

  /// Products in bfloat16 round, and not much: 8 significant bits are left of each factor.
  @Test(arguments: contexts)
  func roundedLogitsAreNear(context: Int) throws {
    var random = SeededValues(seed: 9)
    let parameters: Parameters<Double> = random.parameters(
      try Self.configuration(context: context))
    let model = Model(parameters)
    let text = random.tokens(20, vocabularySize: 11)
    let (exact, rounded) = (Decoder(model), Decoder(model, products: .bfloat16))
    for token in text {
      exact.append(token, to: 0)
      rounded.append(token, to: 0)
      let logits = exact.logits[0].elements
      let size = (logits.map { $0 * $0 }.reduce(0, +) / Double(logits.count)).squareRoot()
      let difference = largestDifference(rounded.logits[0].elements, logits)
      #expect(difference > 0 && difference < 0.1 * size)
    }
  }

  /// With products in bfloat16, a text read in pieces is, to the last bit, one read character by character: also where its window starts again
  /// and a value of an even place is kept where one of an odd place was.
  @Test(arguments: contexts)
  func roundedPiecesAreTheWhole(context: Int) throws {
    var random = SeededValues(seed: UInt64(context))
    let model: Model<Float> = Model(random.parameters(try Self.configuration(context: context)))
    let text = random.tokens(4 * context + 3, vocabularySize: 11)
    let (single, pieces) = (
      Decoder(model, products: .bfloat16), Decoder(model, products: .bfloat16, texts: 3)
    )
    var end = 0
    for (i, token) in text.enumerated() {
      single.append(token, to: 0)
      guard i == text.count - 1 || i >= end + random.whole(1..<context + 2) else { continue }
      pieces.append(Array(text[end...i]), to: 1)
      end = i + 1
      #expect(pieces.logits[1].elements == single.logits[0].elements, "\(i)")
    }
  }

  /// To the last bit: what the first layer made of a character before is what it makes of it now, also where a vocabulary is so large that it is
  /// not kept.
  @Test(arguments: ProductPrecision.allCases, [11, 4096, 4097])
  func charactersReadBeforeLeaveNoTrace(products: ProductPrecision, vocabularySize: Int) throws {
    var random = SeededValues(seed: 5)
    let model: Model<Float> = Model(
      random.parameters(
        try ConfigurationTests.small(vocabularySize: vocabularySize, context: 9)))
    let last = Int32(vocabularySize - 1)
    let used = Decoder(model, products: products)
    for text: [Int32] in [[3], [0, 3, last], [last, last, 7, 3, 0], [7, 0, 8, 3, last, 3]] {
      used.reset(0)
      used.append(text, to: 0)
      let fresh = Decoder(model, products: products)
      fresh.append(text, to: 0)
      #expect(used.logits[0].elements == fresh.logits[0].elements)
      // And one at a time, of which the first may be known and the second not.
      for token: Int32 in [3, 5, last] {
        used.append(token, to: 0)
        fresh.append(token, to: 0)
        #expect(used.logits[0].elements == fresh.logits[0].elements)
      }
    }
  }

  /// Appending to one text leaves what is known of the others alone.
  @Test func logitsOfOtherTextsStay() throws {
    var random = SeededValues(seed: 4)
    let model: Model<Float> = Model(random.parameters(try Self.configuration(context: 8)))
    let decoder = Decoder(model, texts: 3)
    for text in 0..<3 { decoder.append(random.tokens(4, vocabularySize: 11), to: text) }
    let before = decoder.logits.doubles
    decoder.append([1, 2], to: 1)
    let after = decoder.logits.doubles
    #expect(after[0] == before[0] && after[2] == before[2] && after[1] != before[1])
  }

  // MARK: - Work

  /// Rows read over a thousand characters: one each, and half a window again whenever it is full.
  @Test(arguments: [1, 2, 3, 4, 5, 8, 64, 256])
  func workPerCharacterIsBounded(context: Int) throws {
    var random = SeededValues(seed: 1)
    let model: Model<Float> = Model(random.parameters(try Self.configuration(context: context)))
    let decoder = Decoder(model)
    var rows = 0
    for token in random.tokens(1000, vocabularySize: 11) {
      let before = decoder.states[0].window.count
      decoder.append([token], to: 0)
      let after = decoder.states[0].window.count
      rows += after == before + 1 ? 1 : after
    }
    #expect(decoder.states[0].count == 1000)
    #expect(rows < 3 * 1000)
  }
}
