/// Text from a file or a path made fit for a message on a terminal.
package enum Printable {
  /// Escapes everything that could move a cursor, change colours, reorder or hide text, and
  /// shortens what is longer than `limit` code points.
  ///
  /// Control and format characters, line and paragraph separators, private and unassigned code
  /// points become `\u{1B}`; quotation marks and backslashes get a backslash.
  package static func escape(_ text: String, limit: Int = 80) -> String {
    var result = ""
    for (count, scalar) in text.unicodeScalars.enumerated() {
      if count == limit {
        result += "…"
        break
      }
      if scalar == "\"" || scalar == "\\" {
        result += "\\"
        result.unicodeScalars.append(scalar)
      } else if isSafe(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        result += "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
      }
    }
    return result
  }

  /// The escaped text between quotation marks.
  package static func quote(_ text: String, limit: Int = 80) -> String {
    "\"" + escape(text, limit: limit) + "\""
  }

  /// Whether the character only ever shows itself.
  static func isSafe(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
    return switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate,
      .unassigned:
      false
    default:
      true
    }
  }
}
