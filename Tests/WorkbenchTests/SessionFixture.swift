import Synchronization
import Text
import Transformer
import Workbench

/// Small models and sessions with them.
enum SessionFixture {
  static let characters = ["\n", " ", "'", "a", "b", "c", "d", "e", "中", "文"]

  /// A model with random weights: its texts are nonsense, but different at every seed and temperature.
  static func model(
    _ characters: [String] = characters, context: Int = 16, name: String = "tiny", seed: UInt64 = 3
  ) throws -> LanguageModel {
    let configuration = try Configuration(
      vocabularySize: characters.count, layers: 1, width: 12, headWidth: 8, feedForward: 16,
      context: context)
    let parameters = Parameters<Float>(configuration)
    parameters.initialize(seed: seed)
    // The output projection starts at zero; a model that is undecided about everything would show nothing.
    let random = GradientCheck.randomParameters(configuration, seed: seed)
    let (source, target) = (random.head.elements, parameters.head)
    for row in 0..<target.rows {
      for column in 0..<target.columns {
        target[row][column] = Float(source[row * target.columns + column])
      }
    }
    return LanguageModel(
      model: Model(parameters), vocabulary: try Vocabulary(characters: characters), name: name)
  }

  /// A session whose seeds are 101, 102 and so on.
  static func session(
    _ model: LanguageModel, settings: SessionSettings = SessionSettings(length: 30),
    configure: (inout SessionEnvironment) -> Void = { _ in }
  ) -> Session {
    var environment = SessionEnvironment()
    var seed: UInt64 = 100
    environment.randomSeed = {
      seed += 1
      return seed
    }
    configure(&environment)
    return Session(model: model, settings: settings, environment: environment)
  }
}

/// What a session says to one line.
struct Reply {
  var next: Session.Next = .continue
  var output: [SessionOutput] = []

  /// Generated text.
  var generated: String {
    output.reduce("") { text, piece in
      if case .text(let piece, .generated) = piece { text + piece } else { text }
    }
  }

  /// Everything that is shown, failures included.
  var shown: String {
    output.reduce("") { text, piece in
      switch piece {
      case .text(let piece, _): text + piece
      case .progress(let line): text + line
      case .failure(let message, let suggestion):
        text + message + (suggestion.map { " [\($0)]" } ?? "")
      }
    }
  }

  var suggestion: String? {
    if case .failure(_, let suggestion)? = output.last { suggestion } else { nil }
  }
}

extension Session {
  mutating func say(_ line: String, shouldStop: @Sendable () -> Bool = { false }) -> Reply {
    var reply = Reply()
    reply.next = handle(line, shouldStop: shouldStop) { reply.output.append($0) }
    return reply
  }
}

/// Says to stop after so many questions.
final class Patience: Sendable {
  private let left: Mutex<Int>

  init(_ questions: Int) { left = Mutex(questions) }

  var isOver: Bool {
    left.withLock {
      $0 -= 1
      return $0 < 0
    }
  }
}
