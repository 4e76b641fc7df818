import ArgumentParser
import Safetensors
import Transformer
import Workbench

/// `temper compare`: the same prompt and noise at several temperatures.
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue a text at several temperatures, side by side.",
    discussion: """
      Every temperature draws with the same random numbers, so what differs is due to the temperature alone.
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

  @OptionGroup var filters: FilterOptions
  @OptionGroup var threads: ThreadsOption

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    _ = try temperatureList()
    try Options.check("samples", samples, 1...10_000)
    try Options.check("length", length, SessionSettings.lengths)
  }

  private func temperatureList() throws -> [Double] {
    try Options.numbers("temperatures", temperatures, in: SessionSettings.temperatures)
  }

  func run() throws {
    let settings = filters.settings(length: length)
    let model = try model.load()
    let text = try prompt.text()
    Interrupts.set(.record)
    let report = try TemperatureComparison.run(
      model, prompt: text, temperatures: temperatureList(), samples: samples, length: length,
      sampling: settings.sampling, seed: filters.chosenSeed, stop: settings.stop,
      threads: threads.count, shouldStop: { Interrupts.isRequested })
    if Interrupts.isRequested { throw ExitCode(130) }
    let output = Console.output()
    if json {
      try output.write(bytes: JSON.serialize(report.json))
      output.line()
    } else {
      for piece in ComparisonLayout.output(report, width: output.width) { output.show(piece) }
    }
    try output.flush()
  }
}
