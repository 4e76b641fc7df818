import ArgumentParser
import Text
import Workbench

/// A text that is given as an argument or in a file.
struct TextArguments: ParsableArguments {
  @Argument(help: "The text. \\n is a line break.")
  var text: String?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("A file that holds the text.", valueName: "file"))
  var file: String?

  /// How many of the two were given.
  var count: Int { (text == nil ? 0 : 1) + (file == nil ? 0 : 1) }

  /// What errors about the text name.
  var source: String { file ?? "text" }

  /// The text; empty when none was given.
  func read() throws -> String {
    try file.map { try TextFile.text(at: $0) } ?? unescaped(text ?? "")
  }
}
