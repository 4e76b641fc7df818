/// A place in a text, counted as an editor counts: from 1, in characters (grapheme clusters).
public struct TextPosition: Equatable, Hashable, Sendable, CustomStringConvertible {
  public let line: Int
  public let column: Int

  public init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  /// `line:column`.
  public var description: String { "\(line):\(column)" }

  /// The place of a byte offset in normalized UTF-8.
  init(of offset: Int, in bytes: [UInt8]) {
    var line = 1
    var column = 1
    for cluster in Clusters(bytes) {
      if cluster.start >= offset { break }
      if cluster.scalar == 0x0A {
        line += 1
        column = 1
      } else {
        column += 1
      }
    }
    self.init(line: line, column: column)
  }
}

/// What can be wrong with a text. Each description is a sentence that says what, where and what to
/// do, and is safe to show on a terminal whatever the text or the file name contains.
public enum TextError: Error, Equatable, Sendable {
  /// An ill-formed UTF-8 sequence starts at a byte offset (from 0) with this byte.
  case invalidUTF8(source: String, offset: Int, line: Int, byte: UInt8)
  /// A file or folder cannot be opened or read.
  case unreadable(path: String, reason: String)
  /// A directory was given where a file is meant.
  case isDirectory(path: String)
  /// A file is larger than can be read as one text.
  case tooLarge(path: String, limit: Int)
  /// The files hold no text at all.
  case emptyCorpus([String])
  /// A folder holds no file that looks like text.
  case noTextFiles(folder: String)
  /// There is too little text to predict anything from.
  case tooFewCharacters(count: Int, source: String)
  /// The text repeats one character.
  case singleCharacter(character: String, count: Int)
  /// A character is not in the vocabulary (nor, in a prompt, is anything like it).
  case unknownCharacter(character: String, position: TextPosition, source: String)
  /// A text has characters that a model's vocabulary lacks: the first ten, and how many in all.
  case vocabularyMismatch(
    missing: [String], count: Int, position: TextPosition, source: String)
  /// A vocabulary as read from a file breaks a rule, at an index.
  case invalidVocabulary(index: Int, reason: String)
}

extension TextError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidUTF8(let source, let offset, let line, let byte):
      let place = "\(Display.inline(source)): not valid UTF-8 at byte \(offset) (line \(line))"
      let encoding =
        offset == 0 && byte >= 0xFE
        ? "it looks like UTF-16; convert it with `iconv -f UTF-16 -t UTF-8`"
        : "convert the file to UTF-8, for example with `iconv -f WINDOWS-1252 -t UTF-8`"
      return "\(place): \(encoding)"
    case .unreadable(let path, let reason):
      return "\(Display.inline(path)): cannot be read: \(Display.inline(reason))"
    case .isDirectory(let path):
      return "\(Display.inline(path)): is a directory; give a text file"
    case .tooLarge(let path, let limit):
      return "\(Display.inline(path)): larger than \(limit) bytes; train on a part of it"
    case .emptyCorpus(let paths):
      let names = Display.list(paths)
      return "\(names): nothing to read, no characters in it; give a file that contains text"
    case .noTextFiles(let folder):
      return "\(Display.inline(folder)): no text files in this folder (.txt, .md, .text); "
        + "name the files themselves"
    case .tooFewCharacters(let count, let source):
      let characters = count == 1 ? "1 character is" : "\(count) characters are"
      return "\(Display.inline(source)): \(characters) too few; give a longer text"
    case .singleCharacter(let character, let count):
      return "the corpus is \(Display.quoted(character)) repeated \(count) times; "
        + "there is nothing to learn from one character, give a text with at least two"
    case .unknownCharacter(let character, let position, let source):
      return "\(Display.inline(source)):\(position): \(Display.quoted(character)) is not in the "
        + "model's vocabulary; leave it out, or use a model trained on text that has it"
    case .vocabularyMismatch(let missing, let count, let position, let source):
      let list = missing.map(Display.quoted).joined(separator: ", ")
      let more = count > missing.count ? " and \(count - missing.count) more" : ""
      let subject = count == 1 ? "1 character is" : "\(count) characters are"
      return "\(Display.inline(source)):\(position): \(subject) not in the model's vocabulary: "
        + "\(list)\(more); take them out, or use a model trained on text that has them"
    case .invalidVocabulary(let index, let reason):
      return "the vocabulary's character \(index) is unusable: \(Display.inline(reason))"
    }
  }
}
