import Testing
import Text
import Transformer
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

@Suite struct ScoringTests {
  /// ln softmax(logits / T) in double precision, of the character after the last of `tokens`.
  func logProbabilities(
    _ model: LanguageModel, after tokens: some Collection<Int32>, temperature: Double
  ) -> [Double] {
    let activations = Activations<Float>(
      model.configuration, sequences: 1, context: tokens.count, forBackward: false)
    activations.tokens = Array(tokens)
    model.model.forward(activations)
    let z = activations.logits[tokens.count - 1].elements.map { Double($0) / temperature }
    let maximum = z.reduce(-.infinity) { max($0, $1) }
    let logSum = maximum + log(z.reduce(0) { $0 + exp($1 - maximum) })
    return z.map { $0 - logSum }
  }

  /// Where the window that scores a character starts, by the rule that `Scoring.score` states.
  func windowStart(of position: Int, count: Int, context: Int) -> Int {
    let inputs = count - 1
    var end = min(context, inputs)
    while end < position { end = min(end + max(context / 2, 1), inputs) }
    return max(end - context, 0)
  }

  @Test(arguments: [1, 2, 5, 8, 64], [0.7, 1, 1.6])
  func scoresAreLogSoftmax(context: Int, temperature: Double) throws {
    let model = try randomModel(characters: twelveCharacters, context: context, seed: 6)
    let text = "abad cafe\nhide a big chief dog\nface"
    let tokens = try model.vocabulary.encode(text)
    for count in [2, 3, context, context + 1, context + 2, 3 * context, tokens.count]
    where count >= 2 && count <= tokens.count {
      let part = model.vocabulary.decode(tokens.prefix(count))
      let score = try Scoring.score(part, model: model, temperature: temperature)
      #expect(score.characters.count == count)
      #expect(score.characters.map(\.token) == Array(tokens.prefix(count)))
      let first = score.characters[0]
      #expect(first.logProbability == nil && first.entropy == nil && first.rank == nil)
      var sum = 0.0
      for position in 1..<count {
        let start = windowStart(of: position, count: count, context: context)
        #expect(position - start <= context)
        #expect(start == 0 || position - start >= context / 2)
        let expected = logProbabilities(
          model, after: tokens[start..<position], temperature: temperature)
        let character = score.characters[position]
        let own = expected[Int(tokens[position])]
        sum += own
        #expect(abs((character.logProbability ?? .nan) - own) < 1e-5)
        let entropy = -expected.reduce(0) { $0 + exp($1) * $1 }
        #expect(abs((character.entropy ?? .nan) - entropy) < 1e-5)
        #expect(character.rank == 1 + expected.count { $0 > own })
      }
      #expect(abs(score.loss + sum / Double(count - 1)) < 1e-5)
    }
  }

  @Test func theNumberOfThreadsChangesNothing() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let text = String(repeating: "a big cafe ", count: 30)
    let one = try Scoring.score(text, model: model)
    for threads in [2, 3, 100] {
      #expect(try Scoring.score(text, model: model, threads: threads) == one)
    }
  }

  @Test func anImprobableCharacterStillHasAFiniteScore() throws {
    let model = try recitingModel(characters: ["a", "b", "c"])
    let score = try Scoring.score("abca", model: model, temperature: 1e-3)
    #expect(score.characters.dropFirst().allSatisfy { $0.rank == 1 && $0.logProbability == 0 })
    // ln p = -10 √3 / 0.001: e to it is far below the smallest double.
    let wrong = try Scoring.score("ac", model: model, temperature: 1e-3)
    #expect(abs(wrong.loss - 17_320.5) < 1)
    // Two characters share the last place.
    #expect(wrong.characters[1].rank == 2)
  }

  @Test func whatCannotBeScoredIsRefused() throws {
    let model = try recitingModel(characters: ["a", "b", "c"], damaged: 2)
    #expect(throws: TextError.tooFewCharacters(count: 0, source: "text")) {
      try Scoring.score("", model: model)
    }
    #expect(throws: TextError.tooFewCharacters(count: 1, source: "text")) {
      try Scoring.score("a", model: model)
    }
    #expect(throws: TextError.self) { try Scoring.score("abx", model: model) }
    for temperature in [0, -1, .nan, .infinity] {
      #expect(throws: SamplingError.self) {
        try Scoring.score("ab", model: model, temperature: temperature)
      }
    }
    #expect(throws: SamplingError.self) { try Scoring.score("ab", model: model, threads: 0) }
    #expect(throws: SamplingError.noDistribution(index: 1)) {
      try Scoring.score("ca", model: model)
    }
  }

  @Test func jsonOfAScore() throws {
    let model = try recitingModel(characters: ["a", "b", "c"])
    let json = try Scoring.score("abc", model: model, temperature: 2).json
    #expect(json.objectValue?.keys == ["loss", "temperature", "characters"])
    let characters = json["characters"]
    #expect(characters?.arrayValue?.count == 3)
    #expect(
      characters?[0]?.objectValue?.keys == ["text", "token", "logprob", "entropy", "rank"])
    #expect(characters?[0]?["logprob"]?.isNull == true)
    #expect(characters?[0]?["rank"]?.isNull == true)
    #expect(characters?[1]?["text"]?.stringValue == "b")
    #expect(characters?[1]?["rank"]?.intValue == 1)
    #expect((characters?[1]?["logprob"]?.doubleValue ?? 1) < 0)
  }
}
