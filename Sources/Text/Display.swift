/// Showing text on a terminal: nothing in it may steer the terminal, and columns must line up.
///
/// Text from models and corpora, file names and error messages go through `safe` or `inline`
/// before they are printed.
///
/// What stays as it is: every assigned character of a visible category, combining marks included;
/// the zero-width joiner and non-joiner where a script needs them (between two pictographs; after a
/// virama; the non-joiner also after an Arabic letter: RFC 5892, appendix A.1 and A.2); tags inside
/// the flag of England and its like; variation selectors after what they vary. What is shown
/// instead of sent: C0 controls and DEL as control pictures; C1 controls, every other format
/// character (the bidirectional controls among them), line and paragraph separators, private-use
/// and unassigned code points, and invisible characters with nothing before them, as `\u{9B}`.
///
/// The filter looks at each cluster by itself, so it does not matter how text is cut into pieces.
package enum Display {
  /// A cluster of more scalars than this is cut short on display, visibly: UAX #15 lets a stream
  /// stop at 30 marks on a character, and a terminal may take minutes over 10,000.
  private static let longestCluster = 32

  /// Text for a terminal; line feeds and tabs stay.
  package static func safe(_ text: String) -> String { filter(text, keepingLines: true) }

  /// Text for a single line of a terminal: line feeds and tabs are shown too, as ␊ and ␉.
  package static func inline(_ text: String) -> String { filter(text, keepingLines: false) }

  private static func filter(_ text: String, keepingLines: Bool) -> String {
    let isPlain = text.utf8.allSatisfy {
      (0x20...0x7E).contains($0) || keepingLines && ($0 == 0x0A || $0 == 0x09)
    }
    if isPlain { return text }
    let bytes = Array(text.utf8)
    var result = String.UnicodeScalarView()
    for cluster in Clusters(bytes) {
      if cluster.isSingleScalar {
        append(cluster.scalar, keepingLines: keepingLines, to: &result)
      } else {
        let piece = String(decoding: bytes[cluster.start..<cluster.end], as: UTF8.self)
        append(cluster: piece, keepingLines: keepingLines, to: &result)
      }
    }
    return String(result)
  }

  private static func append(
    cluster: String, keepingLines: Bool, to result: inout String.UnicodeScalarView
  ) {
    let scalars = cluster.unicodeScalars.prefix(longestCluster + 1).map(\.value)
    let isTagged = isTagSequence(scalars)
    for (position, scalar) in scalars.prefix(longestCluster).enumerated() {
      if isTagged || position > 0 && isJoiner(at: position, of: scalars)
        || position > 0 && UnicodeData.category(scalar) == .mark
      {
        appendAsIs(scalar, to: &result)
      } else {
        append(scalar, keepingLines: keepingLines, to: &result)
      }
    }
    if scalars.count > longestCluster { result.append(contentsOf: "\\u{…}".unicodeScalars) }
  }

  private static func append(
    _ scalar: UInt32, keepingLines: Bool, to result: inout String.UnicodeScalarView
  ) {
    if keepingLines, scalar == 0x0A || scalar == 0x09 {
      appendAsIs(scalar, to: &result)
    } else if isVisible(scalar) {
      appendAsIs(scalar, to: &result)
    } else if scalar < 0x20 {
      appendAsIs(0x2400 + scalar, to: &result)
    } else if scalar == 0x7F {
      appendAsIs(0x2421, to: &result)
    } else {
      let digits = String(scalar, radix: 16, uppercase: true)
      result.append(contentsOf: "\\u{\(digits)}".unicodeScalars)
    }
  }

  private static func appendAsIs(_ scalar: UInt32, to result: inout String.UnicodeScalarView) {
    result.append(Unicode.Scalar(scalar) ?? "\u{FFFD}")
  }

  private static func isVisible(_ scalar: UInt32) -> Bool {
    if (0x20...0x7E).contains(scalar) { return true }
    switch UnicodeData.category(scalar) {
    case .visible, .mark: return !UnicodeData.isIgnorable(scalar)
    case .control, .format, .unseen, .lineBreak: return false
    }
  }

  /// Whether a joiner inside a cluster does what joiners are for.
  private static func isJoiner(at position: Int, of scalars: [UInt32]) -> Bool {
    let scalar = scalars[position]
    guard scalar == 0x200C || scalar == 0x200D else { return false }
    if UnicodeData.combiningClass(scalars[position - 1]) == 9 { return true }  // virama
    let base = scalars[..<position].last { UnicodeData.category($0) != .mark } ?? 0
    if scalar == 0x200C { return UnicodeData.isArabicLetter(base) }
    let next = position + 1 < scalars.count ? scalars[position + 1] : 0
    let toned = (0x1F3FB...0x1F3FF).contains(base)
    return (toned || UnicodeData.isPictographic(base)) && UnicodeData.isPictographic(next)
  }

  /// A black flag, lower-case letters and digits as tags (a region such as gbeng), the ending tag.
  private static func isTagSequence(_ scalars: [UInt32]) -> Bool {
    guard (4...9).contains(scalars.count), scalars.first == 0x1F3F4, scalars.last == 0xE007F
    else { return false }
    return scalars.dropFirst().dropLast().allSatisfy {
      (0xE0030...0xE0039).contains($0) || (0xE0061...0xE007A).contains($0)
    }
  }

  // MARK: Columns

  /// The terminal columns of a text that is already safe and has no line feeds or tabs.
  ///
  /// A cluster takes as many as its widest scalar, 2 if it is a flag or is shown as an emoji. A
  /// combining mark by itself takes none.
  package static func width(of text: String) -> Int {
    if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text.utf8.count }
    let bytes = Array(text.utf8)
    return Clusters(bytes).reduce(0) { $0 + columns($1, in: bytes) }
  }

  private static func columns(_ cluster: Clusters.Element, in bytes: [UInt8]) -> Int {
    if cluster.isSingleScalar { return UnicodeData.columns(cluster.scalar) }
    var widest = 0
    var regionalIndicators = 0
    var offset = cluster.start
    while offset < cluster.end, let scalar = UTF8Decoding.scalar(in: bytes, at: offset) {
      if scalar.value == 0xFE0F { return 2 }
      if (0x1F1E6...0x1F1FF).contains(scalar.value) { regionalIndicators += 1 }
      widest = max(widest, UnicodeData.columns(scalar.value))
      offset += scalar.length
    }
    return regionalIndicators == 2 ? 2 : widest
  }

  /// The longest beginning of a text that fits into `width` columns, with an ellipsis as its last
  /// column if something had to go. No cluster is ever cut.
  package static func truncated(_ text: String, to width: Int) -> String {
    guard Self.width(of: text) > width else { return text }
    guard width > 0 else { return "" }
    let bytes = Array(text.utf8)
    var used = 0
    var end = 0
    for cluster in Clusters(bytes) {
      let columns = columns(cluster, in: bytes)
      if used + columns > width - 1 { break }
      used += columns
      end = cluster.end
    }
    return String(decoding: bytes[..<end], as: UTF8.self) + "…"
  }

  /// A text in exactly `width` columns: truncated if it is longer, spaces after it (or before it,
  /// for numbers) if it is shorter.
  package static func padded(
    _ text: String, to width: Int, alignedRight: Bool = false
  ) -> String {
    let text = truncated(text, to: width)
    let spaces = String(repeating: " ", count: max(0, width - Self.width(of: text)))
    return alignedRight ? spaces + text : text + spaces
  }

  // MARK: In sentences

  /// A character as an error names it: `"é" (U+00E9)`, `␛ (U+001B)`, `(U+0041 U+0301 ...)`.
  package static func quoted(_ character: String) -> String {
    let scalars = character.unicodeScalars.prefix(9).map(\.value)
    var points = scalars.prefix(8).map(codePoint).joined(separator: " ")
    if scalars.count > 8 {
      return "(\(points) and \(character.unicodeScalars.count - 8) more)"
    }
    points = "(\(points))"
    switch character {
    case " ": return "the space \(points)"
    case "\n": return "the line feed \(points)"
    case "\t": return "the tab \(points)"
    default: break
    }
    let shown = inline(character)
    if shown.utf8.first == UInt8(ascii: "\\"), character != "\\" { return points }
    // A mark by itself sits on a dotted circle, not on the quotation mark before it.
    let isMark = scalars.first.map { UnicodeData.category($0) == .mark } ?? false
    return "\"\(isMark ? "\u{25CC}" : "")\(shown)\" \(points)"
  }

  private static func codePoint(_ scalar: UInt32) -> String {
    let digits = String(scalar, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// Names in a sentence: all of a few, the first three of many.
  package static func list(_ names: [String]) -> String {
    let shown = names.prefix(names.count > 4 ? 3 : 4).map(inline).joined(separator: ", ")
    return names.count > 4 ? "\(shown) and \(names.count - 3) more" : shown
  }
}
