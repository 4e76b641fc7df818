import ArgumentParser
import Safetensors
import Text
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// `temper repl`, and `temper` alone: a conversation.
struct Repl: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Talk to the model: it goes on with what you type.",
    discussion: """
      /help inside lists the commands. Lines that do not come from a terminal are done one after the other, up to the \
      first that fails.
      """)

  @OptionGroup var model: ModelOption
  @OptionGroup var options: SamplingOptions

  @Flag(help: "Go on after a line that fails, if lines do not come from a terminal.")
  var keepGoing = false

  func run() throws {
    let origin = Origin(folder: try ModelChoice.path(model.model))
    let model = try ModelFolder.load(origin.folder)
    let output = Console.output()
    let settings = options.settings(of: model)
    var session = Session(
      model: model, settings: settings, environment: Self.environment(output, origin))
    let isConversation = isatty(STDIN_FILENO) == 1 && output.isTerminal
    if isConversation,
      let editor = LineEditor(prompt: "> ", console: output, historyFile: HistoryFile())
    {
      try converse(&session, editor, output)
    } else {
      try obey(&session, output)
    }
  }

  /// The folder of the model that was loaded last.
  private final class Origin {
    var folder: String

    init(folder: String) { self.folder = folder }
  }

  private static func environment(_ output: Console, _ origin: Origin) -> SessionEnvironment {
    SessionEnvironment(
      threads: ThreadsOption.processors, width: { output.width },
      models: {
        ModelChoice.available().map { SessionEnvironment.ListedModel(name: $0.name, path: $0.path) }
      },
      load: {
        let folder = try ModelChoice.path($0)
        let model = try ModelFolder.load(folder)
        origin.folder = folder
        return model
      },
      corpus: Self.corpus(origin),
      train: { request, model, shouldStop, _ in
        try Self.train(request, model, shouldStop, TextReport(output))
      })
  }

  /// Finds the corpus that came with the model that was loaded last, while it is the one that answers, and keeps it.
  private static func corpus(_ origin: Origin) -> (LanguageModel) throws -> CorpusIndex? {
    var last: (path: String, characters: [String], index: CorpusIndex)?
    return { model in
      guard FileSystem.split(origin.folder).name == model.name,
        let path = ModelFolder.corpus(ofModelAt: origin.folder)
      else { return nil }
      let characters = model.vocabulary.characters
      if let last, last.path == path, last.characters == characters { return last.index }
      let index = try CorpusIndex([path], vocabulary: model.vocabulary)
      last = (path, characters, index)
      return index
    }
  }

  /// `/train`: goes on training the model in memory, for a minute unless told otherwise.
  private static func train(
    _ request: SessionEnvironment.TrainingRequest, _ model: LanguageModel,
    _ shouldStop: () -> Bool, _ report: TextReport
  ) throws -> LanguageModel {
    var options = TrainingOptions()
    options.steps = request.steps
    options.minutes = request.minutes ?? (request.steps == nil ? 1 : nil)
    let trainer = try Trainer(
      files: request.paths, options: options, threads: ThreadsOption.processors, folder: nil,
      command: "", base: model)
    try trainer.run(shouldStop: shouldStop, onEvent: { try report.show($0) })
    return trainer.languageModel
  }

  // MARK: A person

  private func converse(_ session: inout Session, _ editor: LineEditor, _ output: Console) throws {
    greet(session, output)
    if let remark = options.remark(about: session.model) { output.line(remark, .remark) }
    try output.flush()
    let errors = Console.error()
    while true {
      let current = session
      editor.complete = { line, cursor in
        let completion = current.completions(for: line, cursor: cursor)
        return (completion.replaced, completion.candidates)
      }
      switch editor.readLine() {
      case .line(let line):
        editor.remember(line)
        if reply(&session, line, output, errors) == .quit {
          try keep(session, output)
          return
        }
      case .interrupted(wasEmpty: true):
        output.line("Ctrl-D or /quit leaves.", .remark)
      case .interrupted(wasEmpty: false):
        break
      case .end:
        output.line()
        try output.flush()
        try keep(session, output)
        return
      case .terminated(let number):
        try? keep(session, output)
        Interrupts.release(number)
        raise(number)
        // Whoever ignores the signal has no terminal to go on with, either.
        return
      }
      try output.flush()
    }
  }

  private func greet(_ session: Session, _ output: Console) {
    output.line(Session.describe(session.model), .heading)
    let beginnings = ["Once upon a time", "从前", "The ", "A", "a"]
    let known = beginnings.first { (try? session.model.vocabulary.encode($0)) != nil }
    let example = known.map { ", for example: \($0)" } ?? ""
    output.line("Type the beginning of a text\(example)")
    output.line("/help lists what else there is, Ctrl-D leaves.")
  }

  /// A model that was trained here is too good to lose.
  private func keep(_ session: Session, _ output: Console) throws {
    guard session.hasUnsavedTraining, let folder = StateFolder.path else { return }
    let path = FileSystem.join(folder, "unsaved")
    try SessionEnvironment.save(session.model, to: path, replacing: true)
    output.line("The model that you trained is kept in \(path) until the next one is.", .remark)
    try output.flush()
  }

  // MARK: A pipe

  private func obey(_ session: inout Session, _ output: Console) throws {
    let succeeded = Result { try obeyLines(&session, output) }
    try keep(session, output)
    guard try succeeded.get() else { throw ExitCode(1) }
  }

  /// - Returns: whether no line failed.
  private func obeyLines(_ session: inout Session, _ output: Console) throws -> Bool {
    let errors = Console.error()
    var lines = LineReader()
    var succeeds = true
    while let line = try lines.next() {
      let next = reply(
        &session, line, output, errors, place: "line \(lines.count): ")
      try output.flush()
      if Interrupts.isRequested { throw ExitCode(130) }
      if next == .quit { break }
      if next == .failed {
        succeeds = false
        if !keepGoing { break }
      }
    }
    return succeeds
  }

  // MARK: Both

  private func reply(
    _ session: inout Session, _ line: String, _ output: Console, _ errors: Console,
    place: String = ""
  ) -> Session.Next {
    Interrupts.set(.record)
    func emit(_ piece: SessionOutput) {
      if case .failure(let message, let suggestion) = piece {
        try? output.flush()
        let question = suggestion.map { "; did you mean \($0)?" } ?? ""
        let prefix = place.isEmpty ? "" : "temper: \(place)"
        errors.line("\(prefix)\(Display.inline(message))\(question)", .failure)
        try? errors.flush()
      } else {
        output.show(piece)
        // Every character shows as it arises. Nobody to show it to is a reason to stop.
        try? output.flush()
        if output.hasFailed { Interrupts.request() }
      }
    }
    return session.handle(line, shouldStop: { Interrupts.isRequested }, emit: emit)
  }
}

/// Reads lines of strict UTF-8 from standard input, as they come.
private struct LineReader {
  private var pending: [UInt8] = []
  private var searched = 0
  private var isAtEnd = false
  /// How many lines there were so far.
  private(set) var count = 0
  private static let longest = 1 << 26

  /// The next line without its end; nil after the last.
  mutating func next() throws -> String? {
    while true {
      if let end = pending[searched...].firstIndex(of: 0x0A) {
        defer {
          pending.removeFirst(end + 1)
          searched = 0
        }
        return try line(pending[..<end])
      }
      searched = pending.count
      if isAtEnd {
        guard !pending.isEmpty else { return nil }
        defer {
          pending.removeAll()
          searched = 0
        }
        return try line(pending[...])
      }
      guard pending.count <= Self.longest else {
        throw LineError.tooLong(line: count + 1, limit: Self.longest)
      }
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      let got = read(STDIN_FILENO, &buffer, buffer.count)
      if got > 0 {
        pending += buffer[..<got]
      } else if got == 0 {
        isAtEnd = true
      } else if errno != EINTR {
        throw LineError.unreadable(code: errno)
      }
    }
  }

  private mutating func line(_ bytes: ArraySlice<UInt8>) throws -> String {
    count += 1
    guard let line = String(validating: bytes, as: UTF8.self) else {
      throw LineError.invalidUTF8(line: count)
    }
    return line
  }
}

private enum LineError: Error, CustomStringConvertible {
  case invalidUTF8(line: Int)
  case tooLong(line: Int, limit: Int)
  case unreadable(code: Int32)

  var description: String {
    switch self {
    case .invalidUTF8(let line): "standard input, line \(line): not valid UTF-8"
    case .tooLong(let line, let limit):
      "standard input, line \(line): longer than \(limit) bytes"
    case .unreadable(let code):
      "standard input: cannot be read: \(String(cString: strerror(code)))"
    }
  }
}
