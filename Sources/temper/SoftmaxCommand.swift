import ArgumentParser
import Safetensors
import Text
import Workbench

/// `temper softmax`: the softmax laboratory on numbers that are given.
struct SoftmaxCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "softmax",
    abstract: "Show what softmax makes of some numbers, and everything that follows from it.",
    discussion: """
      Without --topic there is an overview that names the topics. -inf is a masked logit. /softmax in a conversation \
      does the same with the model's own logits.
      """)

  // Negative numbers look like options, so whatever is no option is taken, and checked below.
  @Argument(
    parsing: .allUnrecognized,
    help: ArgumentHelp("The logits, such as 1 2 3 or -2 0 .5", valueName: "z"))
  var numbers: [String]

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Temperatures between commas.", valueName: "x,x,..."))
  var temperatures = "0,0.5,1,2"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The right answer, counted from 0; the first that is not masked if not given.", valueName: "n"
    ))
  var target: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("What to show, or all.", valueName: "name"))
  var topic = LaboratoryTopic.overview.rawValue

  @Flag(help: "Print one JSON object with everything.")
  var json = false

  func validate() throws {
    do {
      _ = try laboratory()
      _ = try LaboratoryTopic.named(topic)
    } catch LaboratoryError.topic(let name) {
      let names = LaboratoryTopic.allCases.map(\.rawValue)
      let meant = Suggestion.nearest(to: name, among: names).map { "; did you mean \($0)?" }
      throw ValidationError("\(LaboratoryError.topic(name))\(meant ?? "")")
    } catch let error as LaboratoryError {
      throw ValidationError("\(error)")
    }
  }

  private func laboratory() throws -> SoftmaxLaboratory {
    let logits = try numbers.map { word in
      guard let number = Double(word) else {
        throw ValidationError("\(Display.inline(word)) is not a number, nor an option of softmax.")
      }
      return number
    }
    return try SoftmaxLaboratory(
      logits,
      temperatures: Options.numbers(
        "temperatures", temperatures, in: SessionSettings.temperatures),
      target: target)
  }

  func run() throws {
    let laboratory = try laboratory()
    let output = Console.output()
    if json {
      try output.write(bytes: JSON.serialize(laboratory.json))
      output.line()
    } else {
      for (index, topic) in try LaboratoryTopic.named(topic).enumerated() {
        if index > 0 { output.line() }
        for piece in laboratory.page(topic) { output.show(piece) }
      }
    }
    try output.flush()
  }
}
