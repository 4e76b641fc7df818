import Text

/// Lays out texts in columns of a terminal.
enum TextColumns {
  /// A text cut into lines of at most `width` columns: at spaces, before and after wide characters, and inside a word only if
  /// it is longer than a line. Line feeds in it end a line; tabs count as a space. What could steer a terminal is replaced.
  static func wrap(_ text: String, width: Int) -> [String] {
    precondition(width >= 2, "a wide character has to fit")
    return Display.safe(text).split(separator: "\n", omittingEmptySubsequences: false)
      .flatMap { wrap(line: $0, width: width) }
  }

  private static func wrap(line: Substring, width: Int) -> [String] {
    var lines: [String] = []
    var current = ""
    var used = 0
    // What follows the last place where the line may be cut.
    var word = ""
    var wordWidth = 0

    func endLine() {
      lines.append(current)
      (current, used) = ("", 0)
    }
    func endWord() {
      if used > 0, used + wordWidth > width { endLine() }
      current += word
      used += wordWidth
      (word, wordWidth) = ("", 0)
    }

    for character in line {
      let columns = Display.width(of: String(character))
      if character == " " || character == "\t" {
        endWord()
        // A space that does not fit is where the line ends.
        if used + 1 > width { endLine() } else { current += " " }
        used = current.isEmpty ? 0 : used + 1
        continue
      }
      if columns == 2 { endWord() }
      if wordWidth + columns > width { endWord() }
      word.append(character)
      wordWidth += columns
      if columns == 2 { endWord() }
    }
    endWord()
    lines.append(current)
    return lines
  }

  /// Blocks of lines side by side, two spaces between them, short ones filled up.
  static func sideBySide(_ blocks: [[String]], width: Int) -> [String] {
    let height = blocks.map(\.count).max() ?? 0
    return (0..<height).map { row in
      var line = blocks.map { Display.padded(row < $0.count ? $0[row] : "", to: width) }
        .joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
