import Safetensors
import Text
import Transformer

/// A model on disk: a Hugging Face model folder, of which nothing else is needed to run it.
///
///     config.json             the shape, as `Qwen3Config` of transformers writes it, and where the
///                             model came from
///     model.safetensors       the weights under their Hugging Face names
///     tokenizer.json          the characters, as a tokenizer that cuts text as `Vocabulary` does
///     tokenizer_config.json   which tokenizer class transformers is to use
///     generation_config.json  the sampling that transformers starts from, and Temper's temperature
///     README.md               the model card
///     trainer/                what resuming needs: state.json and state.safetensors; may be absent
///
/// Reading is strict. A key that changes the mathematics must be there, with a value that this
/// program can represent; keys that do not are ignored, whoever wrote them. Folders saved by
/// transformers (one attention head, tied or untied, F32, BF16 or F16) load like our own.
///
/// A folder is only ever replaced as a whole (see `AtomicFolder`): a reader sees the old model or
/// the new one.
public enum ModelFolder {
  /// Files, relative to the folder.
  enum File {
    static let config = "config.json"
    static let weights = "model.safetensors"
    static let tokenizer = "tokenizer.json"
    static let tokenizerConfig = "tokenizer_config.json"
    static let generationConfig = "generation_config.json"
    static let card = "README.md"
    static let trainer = "trainer"
    static let trainerState = "trainer/state.json"
    static let trainerTensors = "trainer/state.safetensors"
  }

  /// How weights are stored. They are computed with as `Float` in any case.
  public enum Precision: String, Sendable, CaseIterable {
    /// Exactly as they are.
    case float32
    /// The upper half of a `Float`, rounded to nearest, ties to even: half the size, 8 significant
    /// bits.
    case bfloat16
  }

  /// Everything that a folder is made of.
  public struct Contents: Sendable {
    public var parameters: Parameters<Float>
    public var vocabulary: Vocabulary
    public var precision: Precision
    /// README.md; see `ModelCard`.
    public var card: String
    public var provenance: Provenance?
    public var generationDefaults: GenerationDefaults
    /// What resuming needs; nil leaves it out, and removes what an older model had in its place.
    public var trainer: TrainerFiles?

    public init(
      parameters: Parameters<Float>, vocabulary: Vocabulary, precision: Precision = .float32,
      card: String = "", provenance: Provenance? = nil,
      generationDefaults: GenerationDefaults = GenerationDefaults(), trainer: TrainerFiles? = nil
    ) {
      self.parameters = parameters
      self.vocabulary = vocabulary
      self.precision = precision
      self.card = card
      self.provenance = provenance
      self.generationDefaults = generationDefaults
      self.trainer = trainer
    }
  }

  /// Where a model came from, kept in config.json under "temper".
  ///
  /// It holds no date; the command is recorded as it was typed. The same command on the same text writes the same bytes.
  public struct Provenance: Sendable, Equatable {
    /// Names of the files it was trained on, without their folders.
    public var corpus: [String]
    /// Characters (grapheme clusters) in them, validation part included.
    public var characters: Int
    /// Training steps taken.
    public var steps: Int
    /// Characters trained on, repetitions counted.
    public var charactersSeen: Int
    /// Nats per character over the whole validation part; nil without one.
    public var validationLoss: Double?
    /// The share of each file that was kept for validation: 0 if nothing was.
    public var validation: Double
    /// The command that made it.
    public var command: String

    public init(
      corpus: [String], characters: Int, steps: Int, charactersSeen: Int, validationLoss: Double?,
      validation: Double = 0.1, command: String
    ) {
      self.corpus = corpus
      self.characters = characters
      self.steps = steps
      self.charactersSeen = charactersSeen
      self.validationLoss = validationLoss
      self.validation = validation
      self.command = command
    }
  }

  /// The sampling that other programs start from when they load the folder: generation_config.json.
  public struct GenerationDefaults: Sendable, Equatable {
    /// 0 takes the most probable character every time.
    public var temperature: Double
    /// 0 is off.
    public var topK: Int
    /// 1 is off.
    public var topP: Double
    /// 0 is off.
    public var minP: Double
    /// 1 is off.
    public var repetitionPenalty: Double
    /// Characters to generate at most.
    public var length: Int

    public init(
      temperature: Double = 0.8, topK: Int = 0, topP: Double = 1, minP: Double = 0,
      repetitionPenalty: Double = 1, length: Int = 400
    ) {
      self.temperature = temperature
      self.topK = topK
      self.topP = topP
      self.minP = minP
      self.repetitionPenalty = repetitionPenalty
      self.length = length
    }
  }

  /// What an interrupted training needs to go on exactly.
  public struct TrainerFiles: Sendable {
    /// Numbers and settings: trainer/state.json.
    public var state: JSONValue
    /// Weights, optimizer moments and the like: trainer/state.safetensors, F32, each tensor under
    /// "NAME.<parameter name>".
    public var tensors: [(name: String, values: Parameters<Float>)]

    public init(state: JSONValue, tensors: [(name: String, values: Parameters<Float>)]) {
      self.state = state
      self.tensors = tensors
    }
  }

  /// Whether a model, or a part of one, is in the folder: what must not be overwritten without
  /// asking.
  public static func holdsModel(_ path: String) -> Bool {
    [File.config, File.weights, File.trainer].contains {
      // What cannot be looked at is treated as if nothing were there; writing will say why.
      (try? FileSystem.kind(of: FileSystem.join(path, $0))) != nil
    }
  }

  /// Files in a folder without a model that a model's would replace: somebody's own, sorted by name.
  public static func foreignFiles(_ path: String) -> [String] {
    guard !holdsModel(path), let names = try? FileSystem.names(in: path) else { return [] }
    let own = stale.union([
      File.config, File.weights, File.tokenizer, File.tokenizerConfig, File.generationConfig,
      File.card,
    ])
    return names.filter(own.contains).sorted()
  }
}
