/// What `/help` says.
enum SessionHelp {
  private static let nameWidth = 22

  /// The whole list.
  static var overview: [SessionOutput] {
    var output: [SessionOutput] = [
      .line("Type the beginning of a text, and the model goes on. \\n is a line break."),
      .heading("Commands"),
    ]
    output += SessionCommand.allCases.map {
      .line(entry("/\($0.rawValue) \($0.arguments)", $0.summary))
    }
    output.append(.heading("Settings, for /set"))
    output += Setting.allCases.map { .line(entry($0.rawValue, $0.summary)) }
    output.append(.remark("/help NAME tells more. Ctrl-C stops a text, Ctrl-D leaves."))
    return output
  }

  /// About one command or setting.
  static func topic(_ word: String) throws(SessionFailure) -> [SessionOutput] {
    var name = Substring(word)
    while let first = name.first, first == "/" || first == "-" { name.removeFirst() }
    if word.first != "/", let setting = Setting(rawValue: name.lowercased()),
      SessionCommand(rawValue: name.lowercased()) == nil
    {
      return [
        .heading("/set \(setting.rawValue) \(setting.examples[0])"),
        .line("  " + setting.summary),
      ]
    }
    guard let command = try? SessionCommand(named: String(name)) else {
      let topics = SessionCommand.allCases.map(\.rawValue) + Setting.allCases.map(\.rawValue)
      throw SessionFailure(
        "there is no help about \(word)",
        suggestion: Suggestion.nearest(to: String(name), among: topics).map { "/help \($0)" })
    }
    var title = "/\(command.rawValue)"
    if !command.arguments.isEmpty { title += " \(command.arguments)" }
    return [.heading(title), .line("  " + command.summary)]
      + command.details.map { .line("  " + $0) }
  }

  private static func entry(_ name: String, _ summary: String) -> String {
    let padding = String(repeating: " ", count: max(1, nameWidth - name.count))
    return "  \(name)\(padding)\(summary)"
  }
}
