import Text
import Transformer

/// One generated character and how probable it was.
public struct GeneratedCharacter: Sendable, Equatable {
  /// The character: one grapheme cluster.
  public let text: String
  public let token: Int32
  /// Its logit after filters and penalty, before the temperature.
  public let logit: Double
  /// Its logarithmic probability, in nats, in the distribution it was drawn from: temperature,
  /// filters and penalty included.
  public let logProbability: Double
  /// Its logarithmic probability, in nats, in the model's own distribution: T = 1, nothing left
  /// out.
  public let modelLogProbability: Double
  /// The entropy, in nats, of the distribution it was drawn from.
  public let entropy: Double
}

/// Continues a prompt character by character.
///
///     for character in try Generator(model, prompt: "Once upon", seed: 1, length: 200) {
///       print(character.text, terminator: "")
///     }
///
/// The same model, prompt, settings and seed give the same text. Memory grows with the text only;
/// the time for a character does not grow (see `DecodingState` on the model's window).
///
/// **Stop strings** are matched as whole characters and against generated text only. The one that
/// ended the text is not part of it; when several end at once, the longest. Characters that may be
/// its start are held back until the next ones decide, so nothing that has been handed out is ever
/// taken back.
///
/// **An empty prompt** is continued as if a line feed stood before it, or the vocabulary's first
/// character if it has no line feed. That character is part of neither `prompt` nor `text`.
public final class Generator: Sequence, IteratorProtocol {
  /// What generates.
  public let model: LanguageModel
  /// The prompt in the model's characters: what was given, normalized and with the substitutions
  /// made.
  public let prompt: String
  /// Characters of the prompt that the vocabulary lacks, and what stands for them.
  public let substitutions: [Prompt.Substitution]
  public let sampling: Sampling
  public let seed: UInt64
  /// What `next` has handed out so far, joined.
  public var text: String { growing.text }
  /// Why the text ended; nil while it goes on.
  public var ending: Ending? { growing.ending }

  /// Why a text ended.
  public enum Ending: Sendable, Equatable {
    /// It has the length asked for.
    case length
    /// A stop string, which is not part of the text.
    case stop(String)
    /// Whoever asked for it changed their mind.
    case interrupted
    /// The model gave no distribution to draw from.
    case failed(SamplingError)
  }

  private let decoder: Decoder<Float>
  private var growing: GrowingText
  private var sampler: Sampler

  /// Reads the prompt.
  ///
  /// - Parameters:
  ///   - prompt: any text; the model sees as much of its end as its context holds.
  ///   - length: how many characters to draw at most; nil goes on for ever, or until a stop string.
  ///   - stop: strings that end the text.
  /// - Throws: `TextError.unknownCharacter` for a prompt character that the vocabulary neither has
  ///   nor has a look-alike of, or a stop string's that it does not have; `SamplingError` for a
  ///   setting out of range, or a model whose logits are not finite.
  public init(
    _ model: LanguageModel, prompt: String, sampling: Sampling = Sampling(), seed: UInt64,
    length: Int? = nil, stop: [String] = []
  ) throws {
    let start = try GrowingText.Start(model, prompt: prompt, length: length, stop: stop)
    self.model = model
    self.prompt = start.prompt
    substitutions = start.substitutions
    self.sampling = sampling
    self.seed = seed
    growing = try GrowingText(start, sampling: sampling, seed: seed)
    sampler = Sampler(vocabularySize: model.vocabulary.count)
    decoder = model.decoder()
    decoder.append(start.context, to: 0)
    // A damaged model is found here rather than in the middle of a loop.
    _ = try growing.following(decoder.logits[0], by: &sampler)
  }

  /// What the model reads before the first character: the prompt, or what stands for an empty one.
  package static func context(of prompt: [Int32], in vocabulary: Vocabulary) -> [Int32] {
    prompt.isEmpty ? [vocabulary.token(of: "\n") ?? 0] : prompt
  }

  /// The next character; nil when the text has ended. `ending` says why.
  public func next() -> GeneratedCharacter? {
    while true {
      if let character = growing.take() { return character }
      guard growing.wantsLogits() else { return growing.take() }
      if let token = growing.takeUnread() { decoder.append(token, to: 0) }
      growing.draw(decoder.logits[0], by: &sampler)
    }
  }

  /// Lets a text that ended because of its length go on.
  ///
  /// The noise goes on too: the text is the one that a larger length would have given. Only a stop
  /// string that lies across the place is not seen, because its first part has been handed out.
  public func extend(by characters: Int) { growing.extend(by: characters) }
}
