import Testing
import Text
import Transformer
import Workbench

@Suite struct GeneratorTests {
  /// The generated text by the definition: the whole window is read anew for each character.
  func reference(
    _ model: LanguageModel, prompt: String, sampling: Sampling, seed: UInt64, length: Int
  ) throws -> [Draw] {
    let context = model.configuration.context
    var sampler = try Sampler(sampling, seed: seed, vocabularySize: model.vocabulary.count)
    var tokens = try model.vocabulary.encode(prompt)
    return try (0..<length).map { index in
      let visible = DecodingState.window(after: tokens.count, context: context)
      let activations = Activations<Float>(
        model.configuration, sequences: 1, context: visible, forBackward: false)
      activations.tokens = Array(tokens.suffix(visible))
      model.model.forward(activations)
      let draw = try sampler.choose(
        activations.logits[visible - 1], index: index, history: tokens)
      tokens.append(draw.token)
      return draw
    }
  }

  @Test(arguments: [1, 2, 7, 8, 32]) func textFarBeyondTheWindow(context: Int) throws {
    for (seed, sampling) in [
      (1, Sampling(temperature: 1)), (2, Sampling(temperature: 0)),
      (3, Sampling(temperature: 1.5, topK: 6, topP: 0.9, minP: 0.01, repetitionPenalty: 1.3)),
    ] {
      let model = try randomModel(characters: twelveCharacters, context: context, seed: 3)
      let expected = try reference(
        model, prompt: "bad cafe", sampling: sampling, seed: UInt64(seed), length: 5 * context + 9)
      let actual = Array(
        try Generator(
          model, prompt: "bad cafe", sampling: sampling, seed: UInt64(seed),
          length: 5 * context + 9))
      #expect(actual.map(\.token) == expected.map(\.token))
      for (a, b) in zip(actual, expected) {
        #expect(abs(a.logProbability - b.logProbability) < 1e-3)
        #expect(abs(a.modelLogProbability - b.modelLogProbability) < 1e-3)
        #expect(abs(a.entropy - b.entropy) < 1e-3)
      }
    }
  }

  @Test func theSameSeedGivesTheSameText() throws {
    let model = try randomModel(characters: twelveCharacters, context: 16)
    func text(seed: UInt64) throws -> String {
      Array(try Generator(model, prompt: "a", seed: seed, length: 60)).joined
    }
    #expect(try text(seed: 5) == text(seed: 5))
    #expect(try text(seed: 5) != text(seed: 6))
    #expect(try text(seed: .max).count == 60)
  }

  @Test func lengthIsRespected() throws {
    let model = try recitingModel(characters: ["a", "b", "c"])
    for length in [0, 1, 2, 50] {
      let generator = try Generator(model, prompt: "a", seed: 1, length: length)
      #expect(Array(generator).count == length)
      #expect(generator.ending == .length)
      #expect(generator.next() == nil)
    }
    let endless = try Generator(model, prompt: "a", seed: 1)
    #expect(Array(endless.prefix(1_000)).count == 1_000)
    #expect(endless.ending == nil)
  }

  @Test func aTextGoesOnAsALongerOneWouldHave() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let whole = Array(try Generator(model, prompt: "go", seed: 9, length: 45))
    let generator = try Generator(model, prompt: "go", seed: 9, length: 20)
    var parts = Array(generator)
    generator.extend(by: 0)
    #expect(generator.next() == nil)
    generator.extend(by: 25)
    #expect(generator.ending == nil)
    parts += Array(generator)
    #expect(parts == whole)
    #expect(generator.text == whole.joined)
    generator.extend(by: .max)
    #expect(generator.next() != nil)
  }

  @Test func anEmptyPromptStartsAfterALineFeed() throws {
    let model = try randomModel(characters: twelveCharacters, context: 16)
    let empty = try Generator(model, prompt: "", seed: 4, length: 30)
    let lineFeed = try Generator(model, prompt: "\n", seed: 4, length: 30)
    #expect(Array(empty) == Array(lineFeed))
    #expect(empty.prompt == "")
    #expect(empty.text == lineFeed.text)
    // Without a line feed, the first character of the vocabulary stands in.
    let reciting = try recitingModel(characters: ["x", "y", "z"])
    let greedy = Sampling(temperature: 0)
    #expect(
      Array(try Generator(reciting, prompt: "", sampling: greedy, seed: 0, length: 4)).joined
        == "yzxy")
  }

  @Test func aPromptIsReadInTheModelsCharacters() throws {
    let model = try recitingModel(characters: ["'", "a", "e"])
    let generator = try Generator(
      model, prompt: "\u{2019}A\u{E9}", sampling: Sampling(temperature: 0), seed: 0, length: 2)
    #expect(generator.prompt == "'ae")
    #expect(generator.substitutions.map(\.replacement) == ["'", "a", "e"])
    #expect(Array(generator).joined == "'a")
    #expect(throws: TextError.self) { try Generator(model, prompt: "\u{4E2D}", seed: 0) }
  }

  @Test func senselessSettingsAreRefused() throws {
    let model = try recitingModel(characters: ["a", "b"])
    #expect(throws: SamplingError.self) { try Generator(model, prompt: "a", seed: 0, length: -1) }
    #expect(throws: SamplingError.self) { try Generator(model, prompt: "a", seed: 0, stop: [""]) }
    #expect(throws: SamplingError.self) {
      try Generator(model, prompt: "a", sampling: Sampling(topP: 2), seed: 0)
    }
    #expect(throws: TextError.self) { try Generator(model, prompt: "a", seed: 0, stop: ["c"]) }
  }

  @Test func aDamagedModelIsReported() throws {
    #expect(throws: SamplingError.noDistribution(index: 0)) {
      try Generator(recitingModel(characters: ["a", "b", "c"], damaged: 0), prompt: "a", seed: 0)
    }
    // The damage shows once "c" has been drawn and read.
    let generator = try Generator(
      recitingModel(characters: ["a", "b", "c"], damaged: 2), prompt: "a",
      sampling: Sampling(temperature: 0), seed: 0)
    #expect(Array(generator).joined == "bc")
    #expect(generator.ending == .failed(.noDistribution(index: 2)))
  }

  @Test(arguments: ProductPrecision.allCases)
  func severalTextsAreThoseOfTheirSeeds(products: ProductPrecision) throws {
    var model = try randomModel(characters: twelveCharacters, context: 8)
    model.products = products
    for threads in [1, 2, 5] {
      let samples = try Generator.samples(
        model, prompt: "d", seed: .max - 1, count: 4, length: 40, threads: threads)
      #expect(samples.map(\.seed) == [.max - 1, .max, 0, 1])
      for sample in samples {
        let alone = Array(try Generator(model, prompt: "d", seed: sample.seed, length: 40))
        #expect(sample.characters == alone)
        #expect(sample.text == alone.joined)
        #expect(sample.ending == .length && sample.products == products)
      }
    }
    #expect(throws: SamplingError.self) {
      try Generator.samples(model, prompt: "d", seed: 0, count: 0, length: 1)
    }
    #expect(throws: SamplingError.self) {
      try Generator.samples(model, prompt: "d", seed: 0, count: 1, length: 1, threads: 0)
    }
    let none = try Generator.samples(
      model, prompt: "d", seed: 0, count: 2, length: 10, shouldStop: { true })
    #expect(none.allSatisfy { $0.text.isEmpty && $0.ending == .interrupted })
  }

  /// Texts that are alike at first, some for ever, and end one before the other; windows begin anew meanwhile.
  @Test(arguments: ProductPrecision.allCases, [0, 0.2, 0.6])
  func textsThatBeginAlikeAreThoseOfTheirSeeds(products: ProductPrecision, temperature: Double)
    throws
  {
    var model = try randomModel(characters: twelveCharacters, context: 7, seed: 5)
    model.products = products
    let sampling = Sampling(temperature: temperature)
    for (threads, stop) in [(1, []), (2, ["b"]), (3, ["ab", "fo"]), (.max, [])] {
      let samples = try Generator.samples(
        model, prompt: "dog", sampling: sampling, seed: 7, count: 40, length: 25, stop: stop,
        threads: threads)
      for (i, sample) in samples.enumerated() {
        let alone = try Generator(
          model, prompt: "dog", sampling: sampling, seed: 7 + UInt64(i), length: 25, stop: stop)
        #expect(sample.characters == Array(alone) && sample.seed == alone.seed)
        #expect(sample.ending == alone.ending)
      }
    }
  }

  /// What was laid out for one kind of products is not used for another, nor by another model.
  @Test func keptWeightsAreThoseOfTheModelAndItsProducts() throws {
    func text(_ model: LanguageModel) throws -> [GeneratedCharacter] {
      Array(try Generator(model, prompt: "a", seed: 3, length: 20))
    }
    func fresh(seed: UInt64, _ products: ProductPrecision) throws -> LanguageModel {
      var model = try randomModel(characters: twelveCharacters, context: 8, seed: seed)
      model.products = products
      return model
    }
    var used = try fresh(seed: 1, .float32)
    for products in [.float32, .bfloat16, .bfloat16, .float32] as [ProductPrecision] {
      used.products = products
      let copy = used
      #expect(try text(copy) == text(fresh(seed: 1, products)))
      #expect(try text(used) == text(fresh(seed: 1, products)))
    }
    #expect(try text(fresh(seed: 1, .float32)) != text(fresh(seed: 1, .bfloat16)))
    #expect(try text(fresh(seed: 2, .float32)) != text(used))
  }

  @Test func jsonOfASample() throws {
    let model = try recitingModel(characters: ["a", "b", "c"])
    let sample = Sample(
      try Generator(
        model, prompt: "a", sampling: Sampling(temperature: 0), seed: .max, length: 2))
    let json = sample.json
    #expect(
      json.objectValue?.keys == [
        "prompt", "text", "seed", "temperature", "top_k", "top_p", "min_p", "repetition_penalty",
        "repetition_window", "products", "ending", "characters",
      ])
    #expect(json["products"]?.stringValue == "float32")
    #expect(json["prompt"]?.stringValue == "a")
    #expect(json["text"]?.stringValue == "bc")
    #expect(json["seed"]?.uint64Value == .max)
    #expect(json["ending"]?.stringValue == "length")
    #expect(json["characters"]?.arrayValue?.count == 2)
    let character = json["characters"]?[0]
    #expect(
      character?.objectValue?.keys == ["text", "token", "logprob", "model_logprob", "entropy"])
    #expect(character?["text"]?.stringValue == "b")
    #expect(character?["logprob"]?.doubleValue == 0)
  }
}

@Suite struct GeneratorStopTests {
  /// The text by the definition: what is left once the first stop string to be completed is taken
  /// away.
  func reference(_ characters: [String], stops: [[String]]) -> (text: [String], stop: [String]?) {
    for end in 0...characters.count {
      let text = characters[0..<end]
      let complete = stops.filter { text.count >= $0.count && Array(text.suffix($0.count)) == $0 }
      if let longest = complete.max(by: { $0.count < $1.count }) {
        return (text.dropLast(longest.count), longest)
      }
    }
    return (characters, nil)
  }

  @Test func textsEndAtTheFirstStopString() throws {
    // Three characters, so that stop strings begin, fail and overlap often.
    let model = try randomModel(characters: ["a", "b", "c"], context: 8, seed: 8)
    var numbers = TestNumbers(seed: 21)
    for trial in 0..<400 {
      let stops = (0..<1 + numbers.below(3)).map { _ in
        (0..<1 + numbers.below(6)).map { _ in numbers.element(of: ["a", "b", "c"]) }
      }
      let free = Array(
        try Generator(
          model, prompt: "a", sampling: Sampling(temperature: 2), seed: UInt64(trial), length: 60))
      let expected = reference(free.map(\.text), stops: stops)
      let generator = try Generator(
        model, prompt: "a", sampling: Sampling(temperature: 2), seed: UInt64(trial), length: 60,
        stop: stops.map { $0.joined() })
      var characters: [GeneratedCharacter] = []
      while let character = generator.next() {
        characters.append(character)
        #expect(generator.text == characters.joined)
      }
      #expect(characters.map(\.text) == expected.text, "stops \(stops)")
      #expect(characters == Array(free.prefix(characters.count)))
      #expect(generator.ending == expected.stop.map { .stop($0.joined()) } ?? .length)
    }
  }

  @Test func charactersThatMayStopAreHeldBackAndReleased() throws {
    let model = try recitingModel(characters: ["a", "b", "c", "d"])
    let greedy = Sampling(temperature: 0)
    // "bcdb" never comes: everything is released in the end.
    let released = try Generator(
      model, prompt: "a", sampling: greedy, seed: 0, length: 6, stop: ["bcdb"])
    #expect(Array(released).joined == "bcdabc")
    #expect(released.ending == .length)
    let stopped = try Generator(
      model, prompt: "a", sampling: greedy, seed: 0, length: 50, stop: ["dab", "abcd"])
    #expect(Array(stopped).joined == "bc")
    #expect(stopped.ending == .stop("dab"))
    // The prompt is not searched.
    let prompt = try Generator(
      model, prompt: "abc", sampling: greedy, seed: 0, length: 5, stop: ["cd"])
    #expect(Array(prompt).joined == "dab")
    // At once.
    let nothing = try Generator(model, prompt: "a", sampling: greedy, seed: 0, stop: ["b"])
    #expect(Array(nothing).isEmpty)
    #expect(nothing.text.isEmpty)
  }

  @Test func aLongerTextForgetsWhatWasHeldBack() throws {
    let model = try recitingModel(characters: ["a", "b", "c", "d"])
    let generator = try Generator(
      model, prompt: "a", sampling: Sampling(temperature: 0), seed: 0, length: 2, stop: ["cd"])
    #expect(Array(generator).joined == "bc")
    // The c is out already, so this "cd" does not count; the next does.
    generator.extend(by: 20)
    #expect(Array(generator).joined == "dab")
    #expect(generator.ending == .stop("cd"))
    generator.extend(by: 20)
    #expect(generator.next() == nil)
  }

  @Test func stopStringsAreWholeCharacters() throws {
    let family = "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}"
    let man = "\u{1F468}"
    let model = try recitingModel(characters: ["a", family, "\u{E9}", "b", man, "e"])
    func text(stop: String) throws -> String {
      Array(
        try Generator(
          model, prompt: "a", sampling: Sampling(temperature: 0), seed: 0, length: 6,
          stop: [stop])
      ).joined
    }
    #expect(try text(stop: family) == "")
    // The family begins with the man, but is another character.
    #expect(try text(stop: man) == family + "\u{E9}b")
    // A stop string is normalized as all text is: e and a combining accent are é, which is not e.
    #expect(try text(stop: "e\u{301}b") == family)
    #expect(try text(stop: "e") == family + "\u{E9}b" + man)
  }
}
