import Text

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A conversation with a model: a line goes in, a reply comes out.
///
/// A session neither prints nor reads: what it says goes to `emit`, piece by piece as it arises. A line without a leading slash is
/// a prompt that the model continues; one with is a command (`SessionCommand`); one with two is a prompt that begins with a slash. An
/// empty line does nothing.
public struct Session {
  /// What to do after a line.
  public enum Next: Sendable, Equatable {
    /// Give it the next line.
    case `continue`
    /// The line could not be done; the last output says why. The session is as it was before, or has as much of a text as there is.
    case failed
    /// The person leaves.
    case quit
  }

  /// The model that answers.
  public internal(set) var model: LanguageModel
  /// How it answers.
  public internal(set) var settings: SessionSettings
  /// Whether the model came out of `/train` and has not been saved since.
  public internal(set) var hasUnsavedTraining = false
  let environment: SessionEnvironment
  var passage: Passage?

  /// The last text, and what it takes to repeat it or go on with it.
  struct Passage {
    let prompt: String
    let seed: UInt64
    /// The prompt and what has been said so far.
    var text: String
    /// What goes on with the text; nil once the model has changed.
    var generator: Generator?
    /// The stop strings that the generator looks for.
    var stop: [String]
    /// Characters that the generator was granted and has handed out.
    var granted: Int
    var handed = 0
    /// The characters that the generator has handed out.
    var drawn: [Int32] = []
  }

  public init(
    model: LanguageModel, settings: SessionSettings = SessionSettings(),
    environment: SessionEnvironment = SessionEnvironment()
  ) {
    self.model = model
    self.settings = settings
    self.environment = environment
  }

  /// Does what a line says.
  /// - Parameters:
  ///   - shouldStop: asked before each generated character and after each training step; what there is by then is kept.
  ///   - emit: receives the reply.
  public mutating func handle(
    _ line: String, shouldStop: @Sendable () -> Bool = { false },
    emit: (SessionOutput) -> Void
  ) -> Next {
    do {
      return try reply(to: Self.withoutLineEnd(line), shouldStop, emit)
    } catch let failure as SessionFailure {
      emit(.failure(failure.description, suggestion: failure.suggestion))
    } catch {
      emit(.failure("\(error)", suggestion: nil))
    }
    return .failed
  }

  private static func withoutLineEnd(_ line: String) -> Substring {
    var line = Substring(line)
    while let last = line.last, last == "\n" || last == "\r" || last == "\r\n" {
      line.removeLast()
    }
    return line
  }

  private mutating func reply(
    to line: Substring, _ shouldStop: @Sendable () -> Bool, _ emit: (SessionOutput) -> Void
  ) throws -> Next {
    // By bytes: a slash with a combining mark is still a slash to whoever typed it.
    let slash = UInt8(ascii: "/")
    guard line.utf8.first == slash, line.utf8.dropFirst().first != slash else {
      if line.allSatisfy({ $0 == " " || $0 == "\t" }) { return .continue }
      let text = line.utf8.first == slash ? Substring(line.utf8.dropFirst()) : line
      try begin(SessionWords.unescaped(text), shouldStop, emit)
      if ["exit", "quit", "help"].contains(line) {
        emit(.remark("(That was a prompt. Commands begin with a slash: /\(line).)"))
      }
      return .continue
    }
    let rest = Substring(line.utf8.dropFirst())
    let name = rest.prefix { $0 != " " && $0 != "\t" }
    let arguments = rest[name.endIndex...].drop { $0 == " " || $0 == "\t" }
    if name.isEmpty {
      throw SessionFailure("a command's name follows the slash; /help lists them")
    }
    return try run(SessionCommand(named: String(name)), arguments, shouldStop, emit)
  }

  // MARK: Generating

  /// Starts a text.
  mutating func begin(
    _ prompt: String, seed: UInt64? = nil, _ shouldStop: () -> Bool,
    _ emit: (SessionOutput) -> Void
  ) throws {
    let seed = settings.seed ?? seed ?? environment.randomSeed()
    let generator = try Generator(
      model, prompt: prompt, sampling: settings.sampling, seed: seed, length: settings.length,
      stop: settings.stop)
    if let remark = Self.remark(about: generator.substitutions) { emit(.remark(remark)) }
    if !generator.prompt.isEmpty { emit(.text(generator.prompt, .prompt)) }
    passage = Passage(
      prompt: generator.prompt, seed: seed, text: generator.prompt, generator: generator,
      stop: settings.stop, granted: settings.length)
    try stream(generator, shouldStop, emit)
  }

  /// Goes on with the last text.
  mutating func goOn(
    by length: Int, _ shouldStop: () -> Bool, _ emit: (SessionOutput) -> Void
  ) throws {
    guard let passage else {
      throw SessionFailure("there is no text to go on with yet; type the beginning of one")
    }
    emit(.text("…", .remark))
    if let generator = passage.generator, generator.sampling == settings.sampling,
      passage.stop == settings.stop, settings.seed ?? generator.seed == generator.seed,
      Self.isOpen(generator)
    {
      // Some of what was granted is left if the text was interrupted.
      let granted = passage.handed + length
      generator.extend(by: granted - passage.granted)
      self.passage?.granted = max(granted, passage.granted)
      try stream(generator, limit: length, shouldStop, emit)
      return
    }
    var text = passage.text
    if case .stop(let stop)? = passage.generator?.ending {
      emit(.text(stop, .generated(probability: nil)))
      text += stop
    }
    let generator = try Generator(
      model, prompt: text, sampling: settings.sampling,
      seed: settings.seed ?? environment.randomSeed(), length: length, stop: settings.stop)
    self.passage?.text = generator.prompt
    self.passage?.generator = generator
    self.passage?.stop = settings.stop
    self.passage?.granted = length
    self.passage?.handed = 0
    self.passage?.drawn = []
    try stream(generator, limit: length, shouldStop, emit)
  }

  private static func isOpen(_ generator: Generator) -> Bool {
    switch generator.ending {
    case nil, .length, .interrupted: true
    case .stop, .failed: false
    }
  }

  private mutating func stream(
    _ generator: Generator, limit: Int? = nil, _ shouldStop: () -> Bool,
    _ emit: (SessionOutput) -> Void
  ) throws {
    var count = 0
    var last = passage?.text.last
    var isInterrupted = false
    while limit.map({ count < $0 }) ?? true {
      isInterrupted = shouldStop()
      guard !isInterrupted, let character = generator.next() else { break }
      count += 1
      last = character.text.last
      passage?.text += character.text
      passage?.handed += 1
      passage?.drawn.append(character.token)
      let probability = settings.color ? exp(character.logProbability) : nil
      emit(.text(character.text, .generated(probability: probability)))
    }
    if last != "\n" { emit(.text("\n", .plain)) }
    if case .failed(let error)? = generator.ending { throw error }
    var remark = "seed \(generator.seed) · "
    if isInterrupted {
      remark += "stopped after \(Self.count(count, "character")); /more goes on"
    } else {
      remark += Self.count(count, "character")
      if case .stop? = generator.ending { remark += ", then the stop text" }
    }
    emit(.remark(remark))
  }

  /// Which characters of a prompt were replaced; nil if none were.
  package static func remark(about substitutions: [Prompt.Substitution]) -> String? {
    guard !substitutions.isEmpty else { return nil }
    return substitutions.map {
      $0.replacement.isEmpty
        ? "\($0.character) is left out" : "\($0.character) is read as \($0.replacement)"
    }.joined(separator: ", ")
  }

  static func count(_ count: Int, _ noun: String) -> String {
    "\(count.grouped) \(noun)\(count == 1 ? "" : "s")"
  }
}

extension Int {
  /// The number with its digits in groups of three.
  package var grouped: String {
    var digits = "\(magnitude)"
    var end = digits.count - 3
    while end > 0 {
      digits.insert(",", at: digits.index(digits.startIndex, offsetBy: end))
      end -= 3
    }
    return (self < 0 ? "-" : "") + digits
  }
}
