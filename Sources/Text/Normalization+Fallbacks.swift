extension Normalization {
  /// How a character that a vocabulary lacks may be written instead, best first.
  ///
  /// In this order: the compatibility form (NFKC), the form without accents, both, letters that
  /// have no decomposition (ø, ß), punctuation that NFKC keeps apart (curly and straight quotes,
  /// dashes, dots), other case of all of these, full-width forms, and, for what is invisible
  /// anyway, nothing.
  ///
  /// - Parameters:
  ///   - character: one grapheme cluster in NFC.
  ///   - opening: whether a straight quotation mark, if that is what it is, opens.
  /// - Returns: candidates, each a list of clusters, none equal to the character itself. The empty
  ///   list means leaving it out.
  package static func fallbacks(for character: String, opening: Bool = true) -> [[String]] {
    var found: [[String]] = []
    var seen: Set<[UInt8]> = [Array(character.utf8)]
    func offer(_ text: String) {
      let bytes = normalizedBytes(of: text)
      guard !bytes.isEmpty, seen.insert(bytes).inserted else { return }
      found.append(clusters(of: String(decoding: bytes, as: UTF8.self)))
    }

    let compatible = mapped(character, compatibility: true, keepingMarks: true)
    let bare = mapped(character, compatibility: false, keepingMarks: false)
    let barest = mapped(character, compatibility: true, keepingMarks: false)
    var forms = [compatible, bare, barest]
    forms += [character, barest].compactMap { Look.letters[$0] }
    forms.forEach(offer)

    for form in [character] + forms { Look.alikes(of: form, opening: opening).forEach(offer) }
    offer(clusters(of: compatible).map { Look.plain($0) }.joined())

    for form in [character] + forms {
      offer(cased(form, UnicodeData.lowercase))
      offer(cased(form, UnicodeData.uppercase))
    }
    for form in [character] + forms { offer(Look.wide(form)) }
    if character == "\n" { offer(" ") }
    if character.unicodeScalars.allSatisfy({ UnicodeData.isIgnorable($0.value) }) {
      found.append([])
    }
    return found
  }

  /// Decomposes, drops marks and what only modifies an emoji if asked, and composes again.
  private static func mapped(
    _ text: String, compatibility: Bool, keepingMarks: Bool
  ) -> String {
    var buffer: [Int32] = []
    for scalar in text.unicodeScalars {
      UnicodeData.decompose(scalar.value, compatibility: compatibility, into: &buffer)
    }
    if !keepingMarks {
      buffer.removeAll {
        let scalar = UInt32(bitPattern: $0)
        return UnicodeData.category(scalar) == .mark || UnicodeData.isIgnorable(scalar)
          || (0x1F3FB...0x1F3FF).contains(scalar)
      }
    }
    UnicodeData.compose(&buffer)
    return string(buffer.map { UInt32(bitPattern: $0) })
  }

  private static func cased(_ text: String, _ map: (UInt32) -> UInt32) -> String {
    string(text.unicodeScalars.map { map($0.value) })
  }

  private static func string(_ scalars: [UInt32]) -> String {
    var bytes: [UInt8] = []
    for scalar in scalars { UTF8Decoding.append(scalar, to: &bytes) }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Characters that stand for each other in a pinch, where Unicode defines no decomposition.
private enum Look {
  /// Letters that carry a stroke or are two letters in one.
  static let letters: [String: String] = [
    "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ħ": "h",
    "Ħ": "H", "ı": "i", "ŧ": "t", "Ŧ": "T", "þ": "th", "Þ": "Th", "ß": "ss", "ẞ": "SS",
    "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ŋ": "ng", "Ŋ": "Ng",
  ]

  typealias Pair = (open: String, close: String)

  private static let doubleQuotes: [Pair] = [
    ("\"", "\""), ("“", "”"), ("„", "”"), ("«", "»"), ("「", "」"), ("『", "』"), ("〝", "〞"),
    ("《", "》"),
  ]
  private static let singleQuotes: [Pair] = [
    ("'", "'"), ("‘", "’"), ("‚", "’"), ("‹", "›"), ("`", "´"), ("〈", "〉"),
  ]
  private static let brackets: [Pair] = [
    ("(", ")"), ("（", "）"), ("[", "]"), ("［", "］"), ("{", "}"), ("【", "】"), ("〔", "〕"),
    ("〖", "〗"),
  ]

  /// Marks of one meaning, the plainest first.
  static let groups: [[String]] = [
    ["'", "’", "ʼ", "′", "‛", "ʹ"],
    ["\"", "”", "″", "‟", "ˮ"],
    ["-", "–", "—", "―", "‐", "‑", "‒", "−", "⁃", "⸺", "─", "－"],
    ["...", "…", "⋯", "……", "。。。"],
    [",", "，", "、", "‚"],
    [".", "。", "．", "｡"],
    ["!", "！", "¡"],
    ["?", "？", "¿"],
    [":", "：", "∶"],
    [";", "；", "\u{37E}"],
    ["~", "～", "〜", "∼"],
    ["*", "•", "·", "・", "∙", "●"],
    ["/", "⁄", "∕", "÷"],
    ["|", "｜", "│", "¦"],
    ["x", "×"],
    ["\n", "\u{2028}", "\u{2029}", "\u{85}", "\u{B}", "\u{C}"],
    [" ", "\u{A0}", "\u{3000}", "\u{1680}", "\t"],
  ]

  /// What a character may be replaced by: marks of its kind that face the way it does, then marks
  /// of its meaning.
  static func alikes(of character: String, opening: Bool) -> [String] {
    var result: [String] = []
    for (own, spare) in [
      (doubleQuotes, singleQuotes), (singleQuotes, doubleQuotes), (brackets, []),
    ] {
      let opens = own.contains { $0.open == character }
      let closes = own.contains { $0.close == character }
      // A straight quotation mark is both; which of the two is for the place to say.
      if opens, !closes || opening {
        result += (own + spare).map(\.open)
      } else if closes {
        result += (own + spare).map(\.close)
      }
    }
    for group in groups where group.contains(character) { result += group }
    return result
  }

  static func plain(_ character: String) -> String {
    groups.first { $0.contains(character) }?.first ?? character
  }

  /// The full-width forms of printable ASCII, U+FF01 to U+FF5E.
  static func wide(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      let isPrintable = (0x21...0x7E).contains(scalar.value)
      result.append(isPrintable ? Unicode.Scalar(scalar.value + 0xFEE0) ?? scalar : scalar)
    }
    return String(result)
  }
}
