import Text

/// Why a model cannot teach another.
public enum TeacherError: Error, Equatable, CustomStringConvertible {
  /// `Trainer.Job` has no teacher, though its settings name one.
  case missing(path: String)
  /// The teacher lacks characters of the text, or has others.
  case otherVocabulary(path: String, missing: [String], extra: [String])
  /// The teacher sees fewer characters than a sequence has.
  case shortContext(path: String, context: Int, wanted: Int)
  /// The teacher is not the one that the training began with.
  case changed(path: String)

  public var description: String {
    switch self {
    case .missing(let path):
      return "the teacher \(Display.inline(path)) was not given"
    case .otherVocabulary(let path, let missing, let extra):
      func list(_ characters: [String]) -> String {
        characters.prefix(10).map(Display.quoted).joined(separator: " ")
          + (characters.count > 10 ? " and \(characters.count - 10) more" : "")
      }
      let unknown = missing.isEmpty ? "" : "; it does not know \(list(missing))"
      let surplus = extra.isEmpty ? "" : "; the text has no \(list(extra))"
      return "the teacher \(Display.inline(path)) has other characters than the text"
        + "\(unknown)\(surplus); train the teacher on the same files"
    case .shortContext(let path, let context, let wanted):
      return "the teacher \(Display.inline(path)) sees \(context) characters, fewer than --context "
        + "\(wanted); use a --context of at most \(context)"
    case .changed(let path):
      return "the teacher \(Display.inline(path)) is not the one that the training began with; "
        + "put that one back, or start anew with --force"
    }
  }
}
