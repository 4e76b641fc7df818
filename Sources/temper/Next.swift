import ArgumentParser
import Safetensors
import Text
import Workbench

/// `temper next`: what the model expects after a text.
struct Next: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what the model expects as the next character, at several temperatures.",
    discussion: """
      With the entropy H of each distribution, the effective number of choices exp(H), dH/dT, and the characters that \
      gain and lose most as the temperature rises. Without a text it is the beginning of one.
      """)

  @OptionGroup var text: TextArguments
  @OptionGroup var model: ModelOption

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Temperatures, between commas.", valueName: "x,...")
  )
  var temperatures = "0.5,1,1.5"

  @Flag(help: "Print one JSON object, with every character.")
  var json = false

  private func values() throws -> [Double] {
    try Options.numbers("temperatures", temperatures, in: SessionSettings.temperatures)
  }

  func validate() throws {
    guard text.count <= 1 else {
      throw ValidationError("Give a text, or --file with a file that holds it, but not both.")
    }
    _ = try values()
  }

  func run() throws {
    let model = try model.load()
    let text = try text.read()
    let temperatures = try values()
    let next = try NextCharacter(after: text, model: model, temperatures: temperatures)
    let output = Console.output()
    if json {
      try output.write(bytes: JSON.serialize(next.json))
      output.line()
    } else {
      let at = temperatures.contains(1) ? 1 : temperatures.first { $0 > 0 }
      for piece in next.output(width: output.width, at: at) { output.show(piece) }
    }
    try output.flush()
  }
}
