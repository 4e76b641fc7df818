import Text
import Transformer

/// A text that is being generated: what has been drawn, what of it may be handed out, and why it ended. Whoever has it runs the model.
///
///     while text.wantsLogits() {
///       if let token = text.takeUnread() { ...the model reads it... }
///       text.draw(logits, by: &sampler)
///       while let character = text.take() { ... }
///     }
///
/// Or all characters are taken at the end.
struct GrowingText {
  /// What `take` has handed out so far, joined.
  private(set) var text = ""
  /// Why the text ended; nil while it goes on.
  private(set) var ending: Generator.Ending?

  private let characters: [String]
  private let stops: [String]
  private let sampling: Sampling
  private let noise: GumbelNoise
  private var matcher: StopMatcher
  private var length: Int
  /// Prompt and drawn characters, held back ones and stop strings included.
  private var tokens: [Int32]
  private var drawn = 0
  /// Drawn, but not yet read by the model: there may be no need.
  private var unread: Int32?
  /// Drawn characters not yet handed out, from `firstWaiting` on; the last `heldBack` of them may
  /// belong to a stop string.
  private var waiting: [GeneratedCharacter] = []
  private var firstWaiting = 0
  private var heldBack = 0

  /// What texts from one prompt have in common.
  struct Start {
    /// The prompt in the model's characters, and what stands for characters that it does not have.
    let prompt: String
    let substitutions: [Prompt.Substitution]
    /// What the model reads before the first character.
    let context: [Int32]
    fileprivate let tokens: [Int32]
    fileprivate let characters: [String]
    fileprivate let length: Int
    fileprivate let stops: [String]
    fileprivate let matcher: StopMatcher

    /// - Throws: as `Generator.init` does.
    init(_ model: LanguageModel, prompt: String, length: Int?, stop: [String]) throws {
      if let length, length < 0 {
        throw SamplingError.outOfRange(
          option: "length", value: "\(length)", allowed: "a whole number of at least 0")
      }
      guard stop.allSatisfy({ !$0.isEmpty }) else {
        throw SamplingError.outOfRange(
          option: "stop", value: "", allowed: "a text of at least one character")
      }
      let vocabulary = model.vocabulary
      let encoded = try vocabulary.encodePrompt(prompt)
      matcher = StopMatcher(try stop.map { try vocabulary.encode($0, source: "stop string") })
      self.prompt = vocabulary.decode(encoded.tokens)
      substitutions = encoded.substitutions
      context = Generator.context(of: encoded.tokens, in: vocabulary)
      tokens = encoded.tokens
      characters = vocabulary.characters
      self.length = length ?? .max
      stops = stop
    }
  }

  /// - Throws: `SamplingError` for a setting out of range.
  init(_ start: Start, sampling: Sampling, seed: UInt64) throws(SamplingError) {
    try sampling.validate()
    self.sampling = sampling
    noise = GumbelNoise(seed: seed)
    characters = start.characters
    stops = start.stops
    matcher = start.matcher
    length = start.length
    tokens = start.tokens
  }

  /// What `draw` draws from these logits.
  ///
  /// - Parameter sampler: for the model's vocabulary; becomes that of this text.
  /// - Throws: `SamplingError.noDistribution` for logits that nothing can be drawn from.
  func following(_ logits: Row<Float>, by sampler: inout Sampler) throws(SamplingError) -> Draw {
    sampler.become(sampling, noise)
    return try sampler.choose(logits, index: drawn, history: tokens)
  }

  /// The next character that may be handed out, if there is one.
  mutating func take() -> GeneratedCharacter? {
    guard waiting.count - firstWaiting > heldBack else { return nil }
    let character = waiting[firstWaiting]
    firstWaiting += 1
    if firstWaiting > waiting.count / 2 {
      waiting.removeFirst(firstWaiting)
      firstWaiting = 0
    }
    text += character.text
    return character
  }

  /// All characters that may be handed out and have not been, without copying them.
  mutating func takeAll() -> [GeneratedCharacter] {
    waiting.removeFirst(firstWaiting)
    firstWaiting = 0
    var all = Array(waiting.suffix(heldBack))
    waiting.removeLast(heldBack)
    swap(&all, &waiting)
    for character in all { text += character.text }
    return all
  }

  /// How many characters are yet to be drawn, if no stop string ends the text before.
  var left: Int { length - drawn }

  /// Whether the text goes on.
  mutating func wantsLogits() -> Bool {
    if ending == nil, drawn >= length { end(.length) }
    return ending == nil
  }

  /// The character that the model has to read before it knows what follows; nil if it has read all.
  mutating func takeUnread() -> Int32? {
    defer { unread = nil }
    return unread
  }

  /// Draws the next character.
  /// - Parameter sampler: as for `following`.
  mutating func draw(_ logits: Row<Float>, by sampler: inout Sampler) {
    let draw: Draw
    do {
      draw = try following(logits, by: &sampler)
    } catch {
      return end(.failed(error))
    }
    add(draw)
  }

  /// Adds what `following` told.
  mutating func add(_ draw: Draw) {
    drawn += 1
    unread = draw.token
    tokens.append(draw.token)
    waiting.append(
      GeneratedCharacter(
        text: characters[Int(draw.token)], token: draw.token, logit: draw.logit,
        logProbability: draw.logProbability, modelLogProbability: draw.modelLogProbability,
        entropy: draw.entropy))
    switch matcher.append(draw.token) {
    case .open(let count):
      heldBack = count
    case .complete(let count, let index):
      waiting.removeLast(count)
      end(.stop(stops[index]))
    }
    if drawn == length, ending == nil { end(.length) }
  }

  /// As `Generator.extend(by:)`.
  mutating func extend(by characters: Int) {
    let (sum, overflow) = length.addingReportingOverflow(max(characters, 0))
    length = overflow ? .max : sum
    guard ending == .length, drawn < length else { return }
    ending = nil
    matcher.reset()
  }

  private mutating func end(_ ending: Generator.Ending) {
    self.ending = ending
    heldBack = 0
  }
}
