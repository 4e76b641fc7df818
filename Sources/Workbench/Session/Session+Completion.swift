import Safetensors

extension Session {
  /// What may stand in place of an unfinished word.
  public struct Completion: Sendable, Equatable {
    /// How many bytes before the cursor are replaced.
    public let replaced: Int
    /// What may replace them, sorted. One that ends with a slash or an equals sign wants more behind it; after another, a
    /// space follows.
    public let candidates: [String]

    static let none = Completion(replaced: 0, candidates: [])
  }

  /// Completes the word before the cursor: a command, a setting, a value, a path or the name of a model.
  /// - Parameter cursor: where the cursor is, in bytes of UTF-8 from the start of the line.
  public func completions(for line: String, cursor: Int) -> Completion {
    let before = String(decoding: line.utf8.prefix(max(cursor, 0)), as: UTF8.self)
    guard before.utf8.first == UInt8(ascii: "/"), before.utf8.dropFirst().first != 0x2F else {
      return .none
    }
    let (words, last) = Self.split(before)
    guard let first = words.first else {
      return complete(last, from: SessionCommand.allCases.map { "/" + $0.rawValue })
    }
    guard let command = try? SessionCommand(named: String(first.dropFirst())) else { return .none }
    let arguments = words.dropFirst()
    switch command {
    case .help:
      guard arguments.isEmpty else { return .none }
      return complete(
        last, from: SessionCommand.allCases.map(\.rawValue) + Setting.allCases.map(\.rawValue))
    case .set: return completeSetting(Array(arguments), last)
    case .temperature, .seed, .color:
      guard arguments.isEmpty, let setting = Setting(rawValue: command.rawValue) else {
        return .none
      }
      return complete(last, from: setting.examples)
    case .load:
      guard arguments.isEmpty else { return .none }
      let names = environment.models().map { SessionWords.escaped($0.name) }
      return completePath(last, foldersOnly: true, also: names)
    case .save:
      return arguments.isEmpty
        ? completePath(last, foldersOnly: true) : complete(last, from: ["--force"])
    case .train: return completePath(last, foldersOnly: false)
    case .show, .again, .more, .compare, .next, .why, .attention, .score, .softmax, .models, .quit:
      return .none
    }
  }

  /// The finished words, and the unfinished one as it was typed.
  private static func split(_ text: String) -> (words: [String], last: String) {
    var words: [String] = []
    var last = ""
    var isEscaped = false
    for character in text {
      if !isEscaped, character == " " || character == "\t" {
        if !last.isEmpty { words.append(last) }
        last = ""
      } else {
        last.append(character)
        isEscaped = !isEscaped && character == "\\"
      }
    }
    return (words, last)
  }

  private func complete(_ word: String, from candidates: [String]) -> Completion {
    let fitting = Set(candidates.filter { $0.hasPrefix(word) }).sorted()
    return fitting.isEmpty
      ? .none : Completion(replaced: word.utf8.count, candidates: fitting)
  }

  private func completeSetting(_ words: [String], _ last: String) -> Completion {
    // Names and values take turns, except that `name=value` is both.
    var name: String?
    var set: Set<String> = []
    for word in words {
      if name != nil {
        name = nil
      } else if let equals = word.firstIndex(of: "=") {
        set.insert(String(word[..<equals]))
      } else {
        name = word
        set.insert(word)
      }
    }
    if let name {
      return complete(last, from: (try? Setting(named: name))?.examples ?? [])
    }
    if let equals = last.firstIndex(of: "=") {
      let setting = try? Setting(named: String(last[..<equals]))
      return complete(
        String(last[last.index(after: equals)...]), from: setting?.examples ?? [])
    }
    return complete(last, from: Setting.allCases.map(\.rawValue).filter { !set.contains($0) })
  }

  private func completePath(
    _ word: String, foldersOnly: Bool, also names: [String] = []
  ) -> Completion {
    let typed = ((try? SessionWords.words(Substring(word))) ?? []).first ?? ""
    let slash = typed.lastIndex(of: "/")
    let folder = slash.map { String(typed[...$0]) } ?? ""
    let name = slash.map { typed[typed.index(after: $0)...] } ?? Substring(typed)
    let paths = environment.entries(folder).filter { entry in
      entry.hasPrefix(name) && (!entry.hasPrefix(".") || name.hasPrefix("."))
        && (!foldersOnly || entry.hasSuffix("/"))
    }.map { SessionWords.escaped(folder + $0) }
    return complete(word, from: paths + names)
  }
}
