import Safetensors
import Text
import Transformer

/// What happens during a training run, as it happens.
public enum TrainingEvent: Sendable {
  /// The first event.
  case start(Start)
  /// A step was taken.
  case step(Step)
  /// The whole validation text was predicted: `loss` in nats a character, `accuracy` 0...1, `seconds` since the start, those of earlier runs
  /// included. `isBest` if the loss is the least so far and its weights are what the folder gets.
  case evaluation(step: Int, loss: Double, accuracy: Double, isBest: Bool, seconds: Double)
  /// What the model writes at this step.
  case sample(step: Int, text: String, temperature: Double, seed: UInt64)
  /// The folder at `path` was written.
  case saved(step: Int, path: String)
  /// A save failed; training goes on and tries again at the next one.
  case saveFailed(step: Int, path: String, reason: String)
  /// A step whose loss or gradient was not finite, or far outside its range: the weights stay as they were.
  case skipped(step: Int, loss: Double)
  /// Several steps in a row were skipped: the weights are those of the last good state again, and the learning rate is multiplied by
  /// `rateFactor` from here on.
  case rolledBack(step: Int, rateFactor: Double)
  /// The last event.
  case end(End)

  /// What was read and what will be trained.
  public struct Start: Sendable {
    public let files: [String]
    /// Characters of the whole text, how many different ones, and how many of them train and validate.
    public let characters, distinct, trainingCharacters, validationCharacters: Int
    /// The characters that occur least, the rarest first.
    public let rarest: [(character: String, count: Int)]
    /// Things a person should know before waiting.
    public let warnings: [String]
    public let configuration: Configuration
    public let settings: TrainingSettings
    public let threads: Int
    /// How often the whole training text will be read; nil when the run is limited by time.
    public let epochs: Double?
    /// The step that the run goes on from: 0 for a new one.
    public let firstStep: Int
    /// The model that was fine-tuned, and characters that its vocabulary gained.
    public let base: String?
    public let addedCharacters: [String]
  }

  /// A step that was taken.
  public struct Step: Sendable {
    /// 1 for the first.
    public let step: Int
    /// Mean over the batch, in nats.
    public let loss: Double
    /// What is minimised: (loss + label smoothing + z-loss), with a teacher w times that and (1 - w) times the distillation term.
    public let objective: Double
    /// What label smoothing adds to the loss, the weighted z-loss, and T² KL(teacher || model); 0 where they are off.
    public let smoothing, zLoss, distillation: Double
    /// The rate of the optimizer that was chosen (Muon's, not that of what it leaves to AdamW).
    public let learningRate: Double
    /// The length of the gradient before it is clipped.
    public let gradientNorm: Double
    /// Of this run, evaluations and saves excluded.
    public let charactersPerSecond: Double
    /// Seconds since the start, those of earlier runs included.
    public let seconds: Double
    /// How much of the run is done, 0...1.
    public let progress: Double
  }

  /// What a run came to.
  public struct End: Sendable {
    /// Steps in all.
    public let step: Int
    /// The best validation loss, in nats a character, and its step; nil if there was no evaluation.
    public let validationLoss: Double?
    public let bestStep: Int?
    /// Seconds since the start, those of earlier runs included; and the speed of this run, evaluations and saves excluded.
    public let seconds, charactersPerSecond: Double
    public let reason: Reason
    /// The model folder; nil if there is none.
    public let path: String?
    /// The course of the run: loss over each interval between evaluations, and the validation loss.
    public let history: [HistoryPoint]
  }

  /// Why a run ended.
  public enum Reason: String, Sendable {
    /// All its steps or minutes are over.
    case done
    /// An evaluation found the loss that was wanted.
    case targetReached = "target_reached"
    /// It was asked to stop.
    case interrupted
  }

  /// One point of the loss curve.
  public struct HistoryPoint: Sendable, Equatable {
    public let step: Int
    /// The mean training loss since the last point, in nats, NaN if no step was taken; and the validation loss if there is one.
    public let loss: Double
    public let validationLoss: Double?

    public init(step: Int, loss: Double, validationLoss: Double?) {
      self.step = step
      self.loss = loss
      self.validationLoss = validationLoss
    }
  }
}

extension TrainingEvent {
  /// The event as one JSON object, for tools.
  public var json: JSONValue {
    switch self {
    case .start(let start):
      return [
        "event": "start", "step": JSONValue(start.firstStep),
        "files": .array(start.files.map { JSONValue($0) }),
        "characters": JSONValue(start.characters),
        "distinct_characters": JSONValue(start.distinct),
        "training_characters": JSONValue(start.trainingCharacters),
        "validation_characters": JSONValue(start.validationCharacters),
        "parameters": JSONValue(start.configuration.parameterCount),
        "threads": JSONValue(start.threads),
        "epochs": .numberOrNull(start.epochs),
        "settings": start.settings.json,
        "from": start.base.map { JSONValue($0) } ?? .null,
        "added_characters": .array(start.addedCharacters.map { JSONValue($0) }),
        "warnings": .array(start.warnings.map { JSONValue($0) }),
      ]
    case .step(let step):
      return [
        "event": "step", "step": JSONValue(step.step), "loss": .numberOrNull(step.loss),
        "objective": .numberOrNull(step.objective),
        "label_smoothing": .numberOrNull(step.smoothing), "z_loss": .numberOrNull(step.zLoss),
        "distillation": .numberOrNull(step.distillation),
        "learning_rate": JSONValue(step.learningRate),
        "gradient_norm": .numberOrNull(step.gradientNorm),
        "characters_per_second": JSONValue(step.charactersPerSecond),
        "seconds": JSONValue(step.seconds),
      ]
    case .evaluation(let step, let loss, let accuracy, let isBest, let seconds):
      return [
        "event": "eval", "step": JSONValue(step), "val_loss": .numberOrNull(loss),
        "accuracy": .numberOrNull(accuracy), "best": JSONValue(isBest),
        "seconds": JSONValue(seconds),
      ]
    case .sample(let step, let text, let temperature, let seed):
      return [
        "event": "sample", "step": JSONValue(step), "text": JSONValue(text),
        "temperature": JSONValue(temperature), "seed": JSONValue(seed),
      ]
    case .saved(let step, let path):
      return ["event": "save", "step": JSONValue(step), "path": JSONValue(path)]
    case .saveFailed(let step, let path, let reason):
      return [
        "event": "save_failed", "step": JSONValue(step), "path": JSONValue(path),
        "reason": JSONValue(reason),
      ]
    case .skipped(let step, let loss):
      return ["event": "skipped", "step": JSONValue(step), "loss": .numberOrNull(loss)]
    case .rolledBack(let step, let rateFactor):
      return [
        "event": "rolled_back", "step": JSONValue(step),
        "learning_rate_factor": JSONValue(rateFactor),
      ]
    case .end(let end):
      return [
        "event": "end", "step": JSONValue(end.step),
        "val_loss": .numberOrNull(end.validationLoss),
        "best_step": end.bestStep.map { JSONValue($0) } ?? .null,
        "seconds": JSONValue(end.seconds),
        "characters_per_second": JSONValue(end.charactersPerSecond),
        "reason": JSONValue(end.reason.rawValue),
        "path": end.path.map { JSONValue($0) } ?? .null,
      ]
    }
  }
}
