/// Cuts the arguments of a command into words, and reads escapes.
enum SessionWords {
  /// The words of a text, separated by spaces. Quotation marks of either kind keep spaces together, and a backslash keeps
  /// the character after it as it is, except in `\n` (line break) and `\t` (tab).
  static func words(_ text: Substring) throws(SessionFailure) -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var rest = text
    while let character = rest.popFirst() {
      if character == "\\", let escaped = rest.popFirst() {
        word = (word ?? "") + unescaped(escaped, keepingUnknown: false)
      } else if character == quote {
        quote = nil
      } else if quote == nil, character == "\"" || character == "'" {
        quote = character
        word = word ?? ""
      } else if quote == nil, character == " " || character == "\t" {
        if let word { words.append(word) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    if let quote { throw SessionFailure("a closing \(quote) is missing") }
    if let word { words.append(word) }
    return words
  }

  /// A text with `\n`, `\t` and `\\` replaced by what they stand for; any other backslash stays.
  static func unescaped(_ text: some StringProtocol) -> String {
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return String(text) }
    var result = ""
    var rest = Substring(text)
    while let character = rest.popFirst() {
      if character == "\\", let escaped = rest.popFirst() {
        result += unescaped(escaped, keepingUnknown: true)
      } else {
        result.append(character)
      }
    }
    return result
  }

  /// A word as `words` reads it back.
  static func escaped(_ word: String) -> String {
    var result = ""
    for character in word {
      switch character {
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case " ", "\\", "\"", "'": result += "\\\(character)"
      default: result.append(character)
      }
    }
    return result
  }

  private static func unescaped(_ character: Character, keepingUnknown: Bool) -> String {
    switch character {
    case "n": "\n"
    case "t": "\t"
    case "\\": "\\"
    default: keepingUnknown ? "\\\(character)" : String(character)
    }
  }
}

/// A text with `\n`, `\t` and `\\` replaced by what they stand for; any other backslash stays. For prompts on the command line,
/// which read as they do in a session.
package func unescaped(_ text: String) -> String { SessionWords.unescaped(text) }
