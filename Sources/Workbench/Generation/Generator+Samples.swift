import Text
import Transformer

extension Generator {
  /// Several texts from one prompt. The i-th has the seed `seed + i` (beyond the largest, from 0
  /// on) and is, character for character, what a `Generator` with that seed gives; the number of
  /// threads changes nothing.
  ///
  /// - Parameters:
  ///   - count: how many texts.
  ///   - shouldStop: asked before each character, on every thread.
  /// - Throws: as `Generator.init` does; `SamplingError` if `count` is not in 1...`mostSamples`,
  ///   `threads` is below 1, or logits are not finite.
  public static func samples(
    _ model: LanguageModel, prompt: String, sampling: Sampling = Sampling(), seed: UInt64,
    count: Int, length: Int, stop: [String] = [], threads: Int = 1,
    shouldStop: @Sendable () -> Bool = { false }
  ) throws -> [Sample] {
    try check(samples: count)
    let draws = (0..<count).map { (sampling: sampling, seed: seed &+ UInt64($0)) }
    return try samples(
      model, prompt: prompt, draws, length: length, stop: stop, threads: threads,
      shouldStop: shouldStop)
  }

  /// One text for each sampling and seed, all from one prompt. Each is, character for character, what a `Generator` gives.
  ///
  /// Texts grow in step, in groups; see `TextsInStep` and `SharedTexts`. The prompt is read once for all of them.
  static func samples(
    _ model: LanguageModel, prompt: String, _ draws: [(sampling: Sampling, seed: UInt64)],
    length: Int, stop: [String], threads: Int, shouldStop: @Sendable () -> Bool
  ) throws -> [Sample] {
    try check(threads: threads)
    let start = try GrowingText.Start(model, prompt: prompt, length: length, stop: stop)
    let packed = model.packedWeights(threads: threads)
    let reader = Decoder(model.model, packed: packed, texts: 1)
    reader.append(start.context, to: 0)

    var sampler = Sampler(vocabularySize: model.vocabulary.count)
    let texts = try draws.map { draw in
      try GrowingText(start, sampling: draw.sampling, seed: draw.seed)
    }
    let first = try texts.map { try $0.following(reader.logits[0], by: &sampler) }
    let groups = groups(of: alikeTogether(first, draws.map(\.seed)), model, threads: threads)
    let most = groups.first?.count ?? 0
    let shared = SharedTexts(groups, workers: Swift.min(threads, groups.count)) {
      TextsInStep(model.model, packed: packed, most: most, after: reader)
    }
    return try [Sample](unsafeUninitializedCapacity: texts.count) { samples, count in
      nonisolated(unsafe) let samples = samples
      shared.grow(shouldStop: shouldStop) { number in
        var text = texts[number]
        if text.wantsLogits(), !shouldStop() { text.add(first[number]) }
        return text
      } finish: { number, text in
        let characters = text.takeAll()
        samples.initializeElement(
          at: number,
          to: Sample(
            prompt: start.prompt, substitutions: start.substitutions,
            sampling: draws[number].sampling, seed: draws[number].seed, products: model.products,
            text: text.text, characters: characters, ending: text.ending ?? .interrupted))
      }
      count = texts.count
      for i in samples.indices {
        if case .failed(let error) = samples[i].ending { throw error }
      }
    }
  }

  /// The numbers of texts, those that begin with the same character one after the other: so they come into one group, mostly. Among these, those of
  /// the same seed, whose characters differ only where a temperature makes them.
  private static func alikeTogether(_ first: [Draw], _ seeds: [UInt64]) -> [Int] {
    first.indices.sorted {
      (first[$0].token, seeds[$0], $0) < (first[$1].token, seeds[$1], $1)
    }
  }

  /// Texts that grow in step: as many groups for each thread as for any other, the first of them the largest, and in each not more texts
  /// than whose keys and values stay in the cache; but six, which is faster than less even so. Of many texts there are groups of a dozen, or of two with keys
  /// and values of half the size: larger ones wait for these longer than they gain in products.
  private static func groups<Element>(
    of texts: [Element], _ model: LanguageModel, threads: Int
  ) -> [ArraySlice<Element>] {
    let c = model.configuration
    let threads = Swift.min(threads, texts.count)
    let size = model.products == .bfloat16 ? 2 : 4
    let bytes = Swift.max(1, 2 * size * c.layers * c.context * c.headWidth)
    let cached = Swift.max(6, Swift.min(48, (7 << 20) / bytes))
    let most = Swift.max(1, Swift.min(cached, (128 << 20) / bytes))
    let needed = (texts.count + threads * most - 1) / (threads * most)
    let rounds = Swift.max(needed, texts.count / threads / (size == 2 ? 24 : 12))
    let count = Swift.min(texts.count, threads * rounds)
    var groups: [ArraySlice<Element>] = []
    var rest = texts[...]
    for left in stride(from: count, to: 0, by: -1) {
      groups.append(rest.prefix((rest.count + left - 1) / left))
      rest = rest.dropFirst(groups[groups.count - 1].count)
    }
    return groups
  }

  /// More texts than this at once are refused, before memory is taken for them.
  public static let mostSamples = 100_000

  static func check(samples: Int) throws(SamplingError) {
    guard (1...mostSamples).contains(samples) else {
      throw .outOfRange(
        option: "samples", value: "\(samples)", allowed: "a whole number from 1 to \(mostSamples)")
    }
  }

  static func check(threads: Int) throws(SamplingError) {
    guard threads >= 1 else {
      throw .outOfRange(
        option: "threads", value: "\(threads)", allowed: "a whole number of at least 1")
    }
  }
}
