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
  /// Texts grow in step: each pass through the model adds a character to every text of a group, so that the weights are read from memory
  /// once for all of them. Groups are shared out among the threads, each of which has memory for one of them. The prompt is read once for all
  /// texts, and so is what any of a group have in common after it; see `Branches`.
  static func samples(
    _ model: LanguageModel, prompt: String, _ draws: [(sampling: Sampling, seed: UInt64)],
    length: Int, stop: [String], threads: Int, shouldStop: @Sendable () -> Bool
  ) throws -> [Sample] {
    try check(threads: threads)
    let start = try GrowingText.Start(model, prompt: prompt, length: length, stop: stop)
    let packed = model.packedWeights(threads: threads)
    let reader = Decoder(model.model, packed: packed, texts: 1)
    reader.append(start.context, to: 0)

    let order = try alikeTogether(draws, start, reader.logits[0])
    let groups = groups(of: order, model, threads: threads)
    let most = groups.first?.count ?? 0
    let workers = (0..<Swift.min(threads, groups.count)).map { _ in
      Worker(vocabularySize: model.vocabulary.count) {
        // After the places for texts the one where the prompt stays.
        let decoder = Decoder(model.model, packed: packed, texts: most + 1)
        decoder.copy(0, of: reader, to: most)
        return decoder
      }
    }
    let samples = try mapInParallel(groups.count, threads: threads) { group, worker in
      Result {
        try inStep(
          model, workers[worker], start, groups[group].map { draws[$0] },
          shouldStop: shouldStop)
      }
    }.flatMap { try $0.get() }
    var places = order
    for (place, text) in order.enumerated() { places[text] = place }
    return places.map { samples[$0] }
  }

  /// The numbers of texts, those that begin with the same character one after the other: so they come into one group, mostly. Among these, those of
  /// the same seed, whose characters differ only where a temperature makes them.
  private static func alikeTogether(
    _ draws: [(sampling: Sampling, seed: UInt64)], _ start: GrowingText.Start, _ logits: Row<Float>
  ) throws(SamplingError) -> [Int] {
    var keys: [(first: Int32, seed: UInt64, text: Int)] = []
    var sampler = Sampler(vocabularySize: logits.count)
    for (text, draw) in draws.enumerated() {
      let growing = try GrowingText(start, sampling: draw.sampling, seed: draw.seed)
      keys.append((try growing.following(logits, by: &sampler).token, draw.seed, text))
    }
    return keys.sorted { $0 < $1 }.map(\.text)
  }

  /// What a worker has to itself, made when it first needs it.
  private final class Worker: @unchecked Sendable {
    private let make: () -> Decoder<Float>
    lazy var decoder = make()
    var sampler: Sampler

    init(vocabularySize: Int, _ make: @escaping () -> Decoder<Float>) {
      self.make = make
      sampler = Sampler(vocabularySize: vocabularySize)
    }
  }

  /// Texts that grow in step: as many groups for each thread as for any other, the first of them the largest, and in each not more texts
  /// than whose keys and values stay in the cache; but six, which is faster than less even so. Several threads share up to four groups each of a
  /// dozen or more, so that one that is held up by other programs leaves some of its own to the others.
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
    let rounds = threads == 1 ? needed : Swift.max(needed, Swift.min(4, texts.count / 12 / threads))
    let count = Swift.min(texts.count, threads * rounds)
    var groups: [ArraySlice<Element>] = []
    var rest = texts[...]
    for left in stride(from: count, to: 0, by: -1) {
      groups.append(rest.prefix((rest.count + left - 1) / left))
      rest = rest.dropFirst(groups[groups.count - 1].count)
    }
    return groups
  }

  private static func inStep(
    _ model: LanguageModel, _ worker: Worker, _ start: GrowingText.Start,
    _ draws: [(sampling: Sampling, seed: UInt64)], shouldStop: () -> Bool
  ) throws -> [Sample] {
    let decoder = worker.decoder
    var texts = try draws.map { try GrowingText(start, sampling: $0.sampling, seed: $0.seed) }
    var branches = Branches(texts: texts.count, root: decoder.states.count - 1)
    var growing = Array(texts.indices)
    var isInterrupted = false
    while true {
      growing.removeAll { !texts[$0].wantsLogits() }
      isInterrupted = shouldStop()
      if growing.isEmpty || isInterrupted { break }
      branches.begin()
      for text in growing {
        // Before the first characters there is nothing to read but the prompt.
        guard let token = texts[text].takeUnread() else { continue }
        if let place = branches.read(token, by: text) { decoder.copy(place, to: text) }
      }
      decoder.append(eachOf: branches.tokens, to: branches.places)
      for text in growing {
        texts[text].draw(decoder.logits[branches.place(of: text)], by: &worker.sampler)
      }
    }
    return try texts.indices.map { text in
      if case .failed(let error)? = texts[text].ending { throw error }
      let characters = texts[text].takeAll()
      return Sample(
        prompt: start.prompt, substitutions: start.substitutions, sampling: draws[text].sampling,
        seed: draws[text].seed, products: model.products, text: texts[text].text,
        characters: characters,
        ending: texts[text].ending ?? .interrupted)
    }
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
