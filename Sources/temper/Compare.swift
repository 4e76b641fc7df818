import ArgumentParser
import Safetensors
import Text
import Transformer
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// `temper compare`: the same prompt and noise at several temperatures.
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue a text at several temperatures, side by side.",
    discussion: """
      Every temperature draws with the same random numbers, so what differs is due to the temperature alone. With --samples, \
      entropy, loss, variety, repetition and copying are measured over that many texts at each temperature.
      """)

  @OptionGroup var model: ModelOption
  @OptionGroup var prompt: PromptOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Temperatures between commas.", valueName: "x,x,..."))
  var temperatures = "0,0.5,0.8,1,1.2"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many characters a text gets at most.", valueName: "n"))
  var length = 200

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many texts at each temperature; each has the next seed.", valueName: "n"))
  var samples = 1

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      """
      Text that a model may have copied from: a file or a folder; may be given several times. For a model of a weights \
      folder, corpus/NAME.txt beside that folder if not given.
      """,
      valueName: "file"))
  var corpus: [String] = []

  @OptionGroup var filters: FilterOptions
  @OptionGroup var products: ProductsOption
  @OptionGroup var threads: ThreadsOption

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Write a page for a browser.", valueName: "file"))
  var html: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Write the measures over the temperature as a figure.", valueName: "file"))
  var svg: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Write the measures as a table, for other programs.", valueName: "file"))
  var csv: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    let temperatures = try temperatureList()
    try Options.check("samples", samples, 1...10_000)
    try Options.check("length", length, SessionSettings.lengths)
    if svg != nil, Set(temperatures).count < 2 {
      throw ValidationError("--svg needs at least two temperatures; --temperatures has one.")
    }
    let files = [html, svg, csv].compactMap { $0 }
    guard Set(files).count == files.count else {
      throw ValidationError("--html, --svg and --csv need a file each; two name the same one.")
    }
    guard !files.contains("") else { throw ValidationError("A file to write has no name.") }
  }

  private func temperatureList() throws -> [Double] {
    try Options.numbers("temperatures", temperatures, in: SessionSettings.temperatures)
  }

  func run() throws {
    for file in [html, svg, csv].compactMap({ $0 }) { try Self.checkPlace(of: file) }
    let settings = filters.settings(length: length)
    let folder = try ModelChoice.path(model.model)
    var model = try ModelFolder.load(folder)
    model.products = products.products
    let text = try prompt.text()
    let corpus = try index(model, folder)
    Interrupts.set(.record)
    let seed = filters.chosenSeed
    let report = try TemperatureComparison.run(
      model, prompt: text, temperatures: temperatureList(), samples: samples, length: length,
      sampling: settings.sampling, seed: seed, stop: settings.stop,
      threads: threads.count, shouldStop: { Interrupts.isRequested })
    if Interrupts.isRequested { throw ExitCode(130) }
    let curves = ResponseCurves(
      report, vocabulary: model.vocabulary, corpus: corpus, threads: threads.count)

    let output = Console.output()
    if json {
      try output.write(bytes: JSON.serialize(report.json(with: curves)))
      output.line()
    } else {
      let hasCurves = samples > 1 || !self.corpus.isEmpty
      let pieces = ComparisonLayout.output(
        report, curves: hasCurves ? curves : nil, width: output.width)
      for piece in pieces { output.show(piece) }
      if hasCurves, let note = note(curves) { output.line(note, .remark) }
    }
    // What was measured is told before anything else can fail.
    try output.flush()
    try writeFiles(report, curves, model)
    if !json {
      for file in [html, svg, csv].compactMap({ $0 }) {
        output.line("written to \(file)", .remark)
      }
      try output.flush()
    }
  }

  /// The corpus that was given, or the one that came with the model, if measures are asked for.
  private func index(_ model: LanguageModel, _ folder: String) throws -> CorpusIndex? {
    if !corpus.isEmpty { return try CorpusIndex(corpus, vocabulary: model.vocabulary) }
    let isAsked = samples > 1 || json || html != nil || svg != nil || csv != nil
    guard isAsked, let path = ModelFolder.corpus(ofModelAt: folder) else { return nil }
    return try CorpusIndex([path], vocabulary: model.vocabulary)
  }

  /// What is missing in the measures, and what would give it.
  private func note(_ curves: ResponseCurves) -> String? {
    curves.corpus.isEmpty
      ? "Known and new words and the longest copy are left out: --corpus FILE tells what the model "
        + "was trained on." : nil
  }

  private func writeFiles(
    _ report: ComparisonReport, _ curves: ResponseCurves, _ model: LanguageModel
  ) throws {
    if let html {
      // With the seed that was drawn, whoever gives the command again gets this page again.
      let command = TypedCommand.text() + (filters.seed == nil ? " --seed \(report.seed)" : "")
      let page = ComparisonPage(
        report, curves: curves, model: Session.describe(model), command: command,
        note: note(curves))
      try FileSystem.replaceFile(html, with: page.page.bytes)
    }
    if let svg {
      let texts = samples == 1 ? "one text" : "\(samples) texts"
      let figure = curves.figure(
        title: "\(model.name): \(texts) of \(length) characters at each temperature")
      try FileSystem.replaceFile(svg, with: Array(figure.markup.utf8))
    }
    if let csv { try FileSystem.replaceFile(csv, with: Array(curves.csv.utf8)) }
  }

  /// A file that cannot be written should not be found out about after minutes of work.
  private static func checkPlace(of file: String) throws {
    let folder = FileSystem.split(file).parent
    guard try FileSystem.kind(of: folder.isEmpty ? "." : folder) == .folder else {
      throw FileError(.write, path: file, code: ENOENT)
    }
    if try FileSystem.kind(of: file) == .folder {
      throw FileError(.write, path: file, code: EISDIR)
    }
  }
}
