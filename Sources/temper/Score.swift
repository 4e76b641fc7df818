import ArgumentParser
import Safetensors
import Text
import Workbench

/// `temper score`: how well a model predicts a text, character by character.
struct Score: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tell how well the model predicts a text, character by character.")

  @OptionGroup var text: TextArguments
  @OptionGroup var model: ModelOption

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Score at this temperature; above 0.", valueName: "x"))
  var temperature = 1.0

  @Flag(
    help: "Also fit the temperature at which the model finds the text most probable.")
  var fitTemperature = false

  @OptionGroup var threads: ThreadsOption

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard text.count == 1 else {
      throw ValidationError("Give a text to score, or --file with a file that holds it.")
    }
    guard temperature > 0 else {
      throw ValidationError("--temperature is \(temperature); it has to be above 0 to score.")
    }
    try Options.check("temperature", temperature, SessionSettings.temperatures)
  }

  func run() throws {
    let model = try model.load()
    let source = text.source
    let text = try text.read()
    let score = try Scoring.score(
      text, model: model, temperature: temperature, threads: threads.count, source: source)
    let fit =
      fitTemperature
      ? try Scoring.fitTemperature(
        text, model: model, threads: threads.count, source: source) : nil
    let output = Console.output()
    if json {
      var object = score.json.objectValue ?? [:]
      if let fit { object["fitted_temperature"] = fit.json }
      try output.write(bytes: JSON.serialize(.object(object)))
      output.line()
    } else {
      for piece in ScoreLayout.output(score) { output.show(piece) }
      if let fit { output.line(CalibrationLayout.line(fit)) }
    }
    try output.flush()
  }
}
