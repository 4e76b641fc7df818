import Testing
import Transformer

@testable import Workbench

@Suite struct TextsInStepTests {
  /// However often texts change hands, each is what it is alone.
  @Test(arguments: ProductPrecision.allCases, [0.3, 1])
  func textsThatAreHandedOverAreThoseOfTheirSeeds(
    products: ProductPrecision, temperature: Double
  ) throws {
    var model = try randomModel(characters: twelveCharacters, context: 7, seed: 5)
    model.products = products
    let sampling = Sampling(temperature: temperature)
    let (texts, length, stop) = (9, 40, ["ab"])
    let alone = try (0..<texts).map {
      try Generator(
        model, prompt: "dog", sampling: sampling, seed: UInt64($0), length: length, stop: stop)
    }
    let expected = alone.map(Array.init)

    for every in [1, 2, 5, 11] {
      let start = try GrowingText.Start(model, prompt: "dog", length: length, stop: stop)
      let packed = model.packedWeights(threads: 1)
      let reader = Decoder(model.model, packed: packed, texts: 1)
      reader.append(start.context, to: 0)
      var sampler = Sampler(vocabularySize: model.vocabulary.count)
      var (idle, busy) = ([TextsInStep](), [TextsInStep]())
      for _ in 0..<4 {
        idle.append(TextsInStep(model.model, packed: packed, most: texts, after: reader))
      }
      var first = idle.removeLast()
      first.begin(
        try (0..<texts).map {
          var text = try GrowingText(start, sampling: sampling, seed: UInt64($0))
          text.draw(reader.logits[0], by: &sampler)
          return TextsInStep.Numbered(number: $0, text: text)
        })
      busy.append(first)

      var (done, steps, handedOver) = ([TextsInStep.Numbered](), 0, 0)
      while !busy.isEmpty {
        for i in busy.indices {
          if steps % every == 0, !idle.isEmpty, busy[i].areWorthHalving {
            var other = idle.removeFirst()
            busy[i].giveHalf(to: &other)
            #expect(other.areGrowing)
            busy.append(other)
            handedOver += 1
          }
          busy[i].step()
        }
        for i in busy.indices.reversed() where !busy[i].areGrowing {
          done += busy[i].takeAll()
          idle.append(busy.remove(at: i))
        }
        steps += 1
      }
      #expect(handedOver > 1)
      #expect(done.map(\.number).sorted() == Array(0..<texts))
      for var numbered in done {
        #expect(numbered.text.takeAll() == expected[numbered.number])
        #expect(numbered.text.ending == alone[numbered.number].ending)
      }
    }
  }
}
