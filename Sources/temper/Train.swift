import ArgumentParser
import Safetensors
import Text
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// `temper train`: makes a model from text files.
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model on a text.",
    discussion: """
      The last tenth of each file is kept for validation, and the folder gets the weights that predict it best. Ctrl-C \
      finishes the step and saves; --resume goes on as if nothing had happened.
      """)

  @Argument(
    help: ArgumentHelp(
      "Text files in UTF-8, or folders of them: what ends in .txt, .text or .md.", valueName: "file"
    ),
    completion: .file())
  var files: [String]

  @Option(
    help: ArgumentHelp(
      "The model folder to write; weights/ and the first file's name if not given.",
      valueName: "dir"))
  var out: String?

  @Option(
    help: ArgumentHelp(
      "Start from the weights of this model: a folder, or a name.", valueName: "dir"))
  var from: String?

  @OptionGroup var options: TrainingArguments
  @OptionGroup var threads: ThreadsOption

  @Option(help: ArgumentHelp("The licence that the model card states.", valueName: "name"))
  var license: String?

  @Flag(help: "Go on where a training into the same folder stopped.")
  var resume = false

  @Flag(help: "Replace a model that the folder holds.")
  var force = false

  @Flag(help: "Print what happens as JSON, an object a line.")
  var json = false

  func validate() throws {
    do {
      try options.check()
    } catch let error as TrainingError {
      throw ValidationError("\(error).")
    }
    if resume, force { throw ValidationError("--resume and --force exclude one another") }
    if resume, from != nil { throw ValidationError("--resume and --from exclude one another") }
    if resume, let name = options.givenButFixed ?? (license == nil ? nil : "license") {
      throw ValidationError(
        "--\(name) cannot be changed by --resume, only how long to train, how often to report and save, --average and --precision"
      )
    }
    if from != nil, let name = options.step.givenShape {
      throw ValidationError("--\(name) cannot be changed for a model that exists; leave it out")
    }
  }

  func run() throws {
    // To be told to end is to be interrupted: the step is finished and saved. So it is when the terminal is closed.
    Interrupts.install(SIGTERM)
    Interrupts.install(SIGHUP)
    // While texts are read there is nothing to save yet.
    Interrupts.set(.leave)
    let trainer = try trainer()
    Interrupts.set(.record)
    let report: TrainingReport = json ? JSONReport() : TextReport()
    // Nobody to report to is no reason to lose what was trained.
    var unheard: ConsoleError?
    let end = try trainer.run(
      shouldStop: { Interrupts.isRequested || unheard != nil },
      onEvent: { event in
        guard unheard == nil else { return }
        do { try report.show(event) } catch let error as ConsoleError { unheard = error }
      })
    if end.reason == .interrupted, Interrupts.isRequested {
      try? report.note("to go on: temper train \(resumeArguments) --resume")
      throw ExitCode(130)
    }
    if let unheard { throw unheard }
  }

  private var folder: String { out ?? Self.defaultFolder(files[0]) }

  private var resumeArguments: String {
    (files + ["--out", folder]).map(TypedCommand.shellQuoted).joined(separator: " ")
  }

  private func trainer() throws -> Trainer {
    if resume {
      return try Trainer(
        resuming: folder, paths: files, threads: threads.count, command: command,
        change: { try $0.change(options.chosen) })
    }
    guard force || !ModelFolder.holdsModel(folder) else {
      throw TrainingError.holdsModel(path: folder)
    }
    let foreign = ModelFolder.foreignFiles(folder)
    guard force || foreign.isEmpty else {
      throw TrainingError.holdsFiles(path: folder, files: foreign)
    }
    var chosen = options.chosen
    chosen.distill = try chosen.distill.map { try ModelChoice.path($0) }
    return try Trainer(
      files: files, options: chosen, threads: threads.count, folder: folder,
      command: command, license: license,
      base: try from.map { try ModelFolder.load(try ModelChoice.path($0)) })
  }

  /// The command as it was typed, as the model card records it.
  private var command: String {
    TypedCommand.text(without: ["--force", "--json"])
  }

  /// weights/ and a file's name without its ending.
  private static func defaultFolder(_ path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? "model"
    let stem = name.split(separator: ".").first.map(String.init) ?? "model"
    return "weights/\(stem == ".." ? "model" : stem)"
  }
}
