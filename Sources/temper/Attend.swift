import ArgumentParser
import Safetensors
import Text
import Workbench

/// `temper attend`: which characters of a text the model looks back at.
struct Attend: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show which characters of a text the model looks back at, layer by layer.",
    discussion: """
      On a terminal as heat maps: a row for each character that looks (two in a line), a column for each that it looks \
      at. In 24-bit colour if COLORTERM says truecolor, in plain characters where there are no colours.
      """)

  @OptionGroup var text: TextArguments
  @OptionGroup var model: ModelOption

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Show this layer only, the first being 1.", valueName: "n"))
  var layer: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write a page for a browser that shows a weight where you point.", valueName: "file"))
  var html: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard text.count == 1 else {
      throw ValidationError("Give a text to look at, or --file with a file that holds it.")
    }
    guard layer == nil || html == nil && !json else {
      throw ValidationError("--layer is for the terminal; --html and --json have all layers.")
    }
  }

  func run() throws {
    let model = try model.load()
    if let layer {
      try Options.check("layer", layer, 1...model.configuration.layers)
    }
    let source = text.source
    let text = try text.read()
    let map = try AttentionMap(text, model: model, source: source)
    let output = Console.output()
    if let html {
      try FileSystem.replaceFile(
        html, with: AttentionLayout.page(map, model: model.name).bytes)
    }
    if json {
      try output.write(bytes: JSON.serialize(map.json))
      output.line()
    } else if let html {
      output.line("wrote \(html)", .remark)
    } else {
      let pieces = AttentionLayout.output(map, width: output.width, layer: layer.map { $0 - 1 })
      for piece in pieces { output.show(piece) }
    }
    try output.flush()
  }
}
