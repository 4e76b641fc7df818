import Text

/// Markup for a page or a figure, written as a string literal:
///
///     let row: HTML = "<td title=\"\(hint)\">\(text)</td>"
///
/// What is interpolated is text and is escaped, for content and for attributes in quotation marks
/// alike, and what could steer the reading of a page (controls, bidirectional overrides) is made
/// visible. Only another `HTML` passes as it is. So nothing that came out of a model, a corpus or a
/// file name can become markup by oversight.
package struct HTML: Sendable, Equatable {
  /// The markup.
  package let markup: String

  private init(markup: String) { self.markup = markup }

  /// No markup at all.
  package static let empty: HTML = ""

  /// A text, escaped.
  package init(text: String) { markup = Self.escaped(text) }

  /// Pieces, one after the other.
  package init(_ pieces: some Sequence<HTML>) {
    markup = pieces.reduce(into: "") { $0 += $1.markup }
  }

  package static func + (a: HTML, b: HTML) -> HTML { HTML(markup: a.markup + b.markup) }

  private static func escaped(_ text: String) -> String {
    let text = Display.safe(text)
    let needsEscapes = text.utf8.contains {
      switch $0 {
      case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""),
        UInt8(ascii: "'"):
        true
      default: false
      }
    }
    guard needsEscapes else { return text }
    var result = String.UnicodeScalarView()
    // By scalars: a mark that combines with a bracket must not hide it.
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}

extension HTML: ExpressibleByStringInterpolation {
  package init(stringLiteral value: String) { markup = value }
  package init(stringInterpolation: StringInterpolation) { markup = stringInterpolation.markup }

  package struct StringInterpolation: StringInterpolationProtocol {
    var markup = ""

    package init(literalCapacity: Int, interpolationCount: Int) {
      markup.reserveCapacity(literalCapacity + 8 * interpolationCount)
    }

    package mutating func appendLiteral(_ literal: String) { markup += literal }

    package mutating func appendInterpolation(_ text: String) { markup += HTML.escaped(text) }

    package mutating func appendInterpolation(_ number: Int) { markup += "\(number)" }

    package mutating func appendInterpolation(_ number: UInt64) { markup += "\(number)" }

    /// A length or a place in a drawing: at most two decimals, 0 if it is not finite.
    package mutating func appendInterpolation(_ number: Double) {
      markup += number.isFinite ? number.decimals(2).withoutTrailingZeros : "0"
    }

    package mutating func appendInterpolation(_ html: HTML) { markup += html.markup }

    package mutating func appendInterpolation(_ pieces: [HTML]) {
      for piece in pieces { markup += piece.markup }
    }
  }
}

extension String {
  /// A decimal number without zeros, or a point, at its end.
  var withoutTrailingZeros: String {
    guard contains(".") else { return self }
    var result = Substring(self)
    while result.last == "0" { result.removeLast() }
    if result.last == "." { result.removeLast() }
    return String(result)
  }
}
