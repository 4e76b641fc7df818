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
      gain and lose most as the temperature rises.
      """)

  @Argument(help: "The text before it; none is the beginning of a text. \\n is a line break.")
  var text: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("A file that holds the text.", valueName: "file"))
  var file: String?

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
    guard text == nil || file == nil else {
      throw ValidationError("Give a text, or --file with a file that holds it, but not both.")
    }
    _ = try values()
  }

  func run() throws {
    let model = try model.load()
    let text = try file.map { try TextFile.text(at: $0) } ?? unescaped(text ?? "")
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
