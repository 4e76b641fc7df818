/// A piece of what a session says.
///
/// Texts are as they come from models, files and people: whoever shows them on a terminal filters them.
public enum SessionOutput: Sendable, Equatable {
  /// Text to show as it stands, line breaks included; pieces of one line follow one another.
  case text(String, Style)
  /// A line that takes the place of the last one of its kind, for whoever can show that.
  case progress(String)
  /// What went wrong, and what may have been meant.
  case failure(String, suggestion: String?)

  /// What a text is, so that it can be told from others by its look.
  public enum Style: Sendable, Equatable {
    /// A reply.
    case plain
    /// The beginning that a generated text continues.
    case prompt
    /// Generated text. The probability that the character had, if the session colours by it.
    case generated(probability: Double?)
    /// Half blocks of a heat map: two values from 0 to 1, one above the other.
    case shade(upper: Double, lower: Double)
    /// The title of something.
    case heading
    /// A remark beside the matter: the seed, a substitution.
    case remark
    /// Why something could not be done.
    case failure
  }
}

extension SessionOutput {
  /// A whole line of plain text.
  static func line(_ text: String) -> SessionOutput { .text(text + "\n", .plain) }
  /// A remark on a line of its own.
  static func remark(_ text: String) -> SessionOutput { .text(text + "\n", .remark) }
  /// A title on a line of its own.
  static func heading(_ text: String) -> SessionOutput { .text(text + "\n", .heading) }
}

/// Why a line could not be done, in one sentence.
struct SessionFailure: Error, CustomStringConvertible {
  let description: String
  var suggestion: String?

  init(_ description: String, suggestion: String? = nil) {
    self.description = description
    self.suggestion = suggestion
  }
}
