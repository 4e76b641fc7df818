import CEditline
import Text

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Lets a person type and edit a line on the terminal: libedit with history and completion.
final class LineEditor {
  /// What a person has typed.
  enum Input: Equatable {
    case line(String)
    /// Ctrl-C; whether there was anything on the line.
    case interrupted(wasEmpty: Bool)
    /// Ctrl-D, or the terminal is gone.
    case end
    /// A signal asks the program to end.
    case terminated(Int32)
  }

  /// What may replace the text before the cursor: see `Session.completions`.
  typealias Completer = (_ line: String, _ cursor: Int) -> (replaced: Int, candidates: [String])

  private let editor: OpaquePointer
  private let history: OpaquePointer?
  private let prompt: UnsafeMutablePointer<CChar>
  /// The prompt as the terminal gets it, and its columns.
  private let shownPrompt: String
  private let promptWidth: Int
  private let console: Console
  private let historyFile: HistoryFile?
  /// What Tab asks.
  var complete: Completer = { _, _ in (0, []) }
  private var input = UTF8Input()
  /// Why the last line ended early.
  private var ending: Input?

  /// - Returns: nil if libedit cannot work on this terminal.
  init?(prompt: String, console: Console, historyFile: HistoryFile?) {
    Self.useUTF8()
    let input = fdopen(STDIN_FILENO, "r")
    let output = fdopen(STDOUT_FILENO, "w")
    let errors = fdopen(STDERR_FILENO, "w")
    // A control character that no prompt contains marks what takes no room.
    let styled = console.hasColor ? "\u{1}\u{1B}[1;34m\u{1}\(prompt)\u{1}\u{1B}[0m\u{1}" : prompt
    guard let editor = el_init("temper", input, output, errors), let text = strdup(styled) else {
      return nil
    }
    self.editor = editor
    self.prompt = text
    shownPrompt = styled.filter { $0 != "\u{1}" }
    promptWidth = Display.width(of: prompt)
    self.console = console
    self.historyFile = historyFile
    history = history_init()
    setUp()
  }

  deinit {
    el_end(editor)
    if let history { history_end(history) }
    free(prompt)
  }

  private func setUp() {
    _ = editline_set_client(editor, Unmanaged.passUnretained(self).toOpaque())
    _ = editline_set_prompt(editor, { LineEditor.of($0)?.prompt }, 1)
    _ = editline_set_editor(editor, "emacs")
    _ = editline_set_read(
      editor,
      { editor, character in
        LineEditor.of(editor)?.readCharacter(character) ?? -1
      })
    _ = editline_add_command(
      editor, "temper-complete", "Complete a command, a setting or a path",
      { editor, _ in LineEditor.of(editor)?.completeWord() ?? UInt8(CC_ERROR) })
    _ = editline_add_command(
      editor, "temper-interrupt", "Give the line up",
      { editor, _ in LineEditor.of(editor)?.interrupt() ?? UInt8(CC_ERROR) })
    for (key, command) in Self.keys { _ = editline_bind(editor, key, command) }
    if let history {
      _ = editline_history_set_size(history, Int32(HistoryFile.limit))
      _ = editline_history_set_unique(history, 1)
      for line in historyFile?.read() ?? [] { _ = editline_history_enter(history, line) }
      _ = editline_use_history(editor, history)
    }
    if let home = Environment["HOME"] { _ = el_source(editor, home + "/.editrc") }
  }

  private static let keys = [
    ("^I", "temper-complete"), ("^C", "temper-interrupt"), ("^R", "em-inc-search-prev"),
    ("\\e[3~", "ed-delete-next-char"), ("\\e[H", "ed-move-to-beg"), ("\\e[F", "ed-move-to-end"),
    ("\\e[1~", "ed-move-to-beg"), ("\\e[4~", "ed-move-to-end"), ("\\e[1;5D", "ed-prev-word"),
    ("\\e[1;5C", "em-next-word"), ("\\e[1;3D", "ed-prev-word"), ("\\e[1;3C", "em-next-word"),
  ]

  /// libedit edits in the characters of the locale, so that has to be one of UTF-8.
  private static func useUTF8() {
    for name in ["", "C.UTF-8", "en_US.UTF-8", "UTF-8"] where setlocale(LC_CTYPE, name) != nil {
      if let codeset = nl_langinfo(nl_item(CODESET)), String(cString: codeset) == "UTF-8" { return }
    }
  }

  private static func of(_ editor: OpaquePointer?) -> LineEditor? {
    guard let editor, let client = editline_client(editor) else { return nil }
    return Unmanaged.fromOpaque(client).takeUnretainedValue()
  }

  // MARK: Reading

  /// The next line, without its end.
  func readLine() -> Input {
    ending = nil
    let watched = [SIGTERM, SIGHUP, SIGWINCH, SIGTSTP]
    Interrupts.set(.recordOnly)
    watched.forEach(Interrupts.install)
    defer {
      watched.forEach(Interrupts.release)
      Interrupts.set(.leave)
    }
    el_resize(editor)
    // libedit would show the prompt first, and the terminal would echo what is typed in between.
    _ = editline_prepare_terminal(editor, 1)
    var count: Int32 = 0
    let line = el_gets(editor, &count)
    if let ending { return ending }
    guard let line, count > 0 else { return .end }
    var text = String(cString: line)
    while text.last == "\n" || text.last == "\r\n" { text.removeLast() }
    return .line(text)
  }

  /// Adds a line to the history.
  func remember(_ line: String) {
    guard !line.isEmpty, let history else { return }
    _ = editline_history_enter(history, line)
    historyFile?.append(line)
  }

  /// Called by libedit: 1 and a character, 0 at the end, -1 on failure.
  private func readCharacter(_ character: UnsafeMutablePointer<wchar_t>?) -> Int32 {
    repaint()
    while true {
      while !input.hasByte, !Interrupts.waitForInput(STDIN_FILENO) {
        switch Interrupts.take() {
        case SIGINT:
          // As if the key had been typed; it is bound to `interrupt`.
          Self.store(3, in: character)
          return 1
        case SIGWINCH:
          el_resize(editor)
        case SIGTSTP:
          suspend()
        case let number?:
          ending = .terminated(number)
          return 0
        case nil: break
        }
      }
      switch input.next() {
      case .scalar(let scalar):
        Self.store(scalar, in: character)
        return 1
      case .end:
        // Ctrl-D is a key here: nothing more to read means that the terminal is gone, even if its signal is still on its way.
        ending = .terminated(SIGHUP)
        return 0
      case .invalid: continue
      }
    }
  }

  /// Shows the line anew, if libedit may have shown it wrongly.
  ///
  /// When something is inserted or deleted before a wide character, libedit 3.1 takes the second half of that for unchanged, and
  /// from then on writes a column beside the place it means. What it edits, and where it believes the cursor to be, is right; so the
  /// line is painted over, and the cursor left there.
  private func repaint() {
    guard let info = el_line(editor)?.pointee, let buffer = info.buffer,
      let cursor = info.cursor, let end = info.lastchar
    else { return }
    let line = Array(Self.text(buffer, end - buffer).unicodeScalars)
    let widths = line.map { Display.width(of: String($0)) }
    // Of characters without a width libedit has ideas of its own.
    guard widths.contains(2), !widths.contains(0) else { return }
    let before = Self.text(buffer, cursor - buffer).unicodeScalars.count
    let (columns, rows) = (console.width, console.height)
    var place = (row: 0, column: promptWidth)
    var target = place
    var painted = ""
    for (index, width) in widths.enumerated() {
      if place.column + width > columns {
        place = (place.row + 1, 0)
        painted += "\u{1B}[K\r\n"
      }
      if index == before { target = place }
      painted.unicodeScalars.append(line[index])
      place.column += width
    }
    if place.column == columns {
      place = (place.row + 1, 0)
      painted += "\r\n"
    }
    if before == line.count { target = place }
    guard place.row < rows else { return }
    let start = target.row > 0 ? "\r\u{1B}[\(target.row)A" : "\r"
    let rise = place.row > target.row ? "\u{1B}[\(place.row - target.row)A" : ""
    let shift = target.column > 0 ? "\r\u{1B}[\(target.column)C" : "\r"
    console.control(start + shownPrompt + painted + "\u{1B}[J" + rise + shift)
    try? console.flush()
  }

  private static func store(_ scalar: UInt32, in character: UnsafeMutablePointer<wchar_t>?) {
    character?.pointee = wchar_t(truncatingIfNeeded: scalar)
  }

  /// Ctrl-Z: gives the terminal back, stops, and takes it again.
  private func suspend() {
    _ = editline_prepare_terminal(editor, 0)
    Interrupts.release(SIGTSTP)
    kill(getpid(), SIGTSTP)
    Interrupts.install(SIGTSTP)
    _ = editline_prepare_terminal(editor, 1)
    el_resize(editor)
    _ = editline_refresh(editor)
  }

  /// Ctrl-C: the line ends here.
  private func interrupt() -> UInt8 {
    let info = el_line(editor)?.pointee
    let isEmpty = info.map { $0.buffer == $0.lastchar } ?? true
    ending = .interrupted(wasEmpty: isEmpty)
    console.control("^C\u{1B}[J\r\n")
    try? console.flush()
    return UInt8(CC_EOF)
  }

  // MARK: Completion

  /// Tab: adds what all candidates have in common, or lists them.
  private func completeWord() -> UInt8 {
    guard let info = el_line(editor)?.pointee, let buffer = info.buffer,
      let cursor = info.cursor, let end = info.lastchar
    else { return UInt8(CC_ERROR) }
    let line = Self.text(buffer, end - buffer)
    let (replaced, candidates) = complete(line, cursor - buffer)
    guard let first = candidates.first else { return UInt8(CC_REFRESH_BEEP) }
    let typed = String(
      decoding: line.utf8.prefix(cursor - buffer).suffix(replaced), as: UTF8.self)
    if candidates.count == 1 {
      let isOpen = first.hasSuffix("/") || first.hasSuffix("=")
      return replace(typed, with: isOpen ? first : first + " ")
    }
    let common = candidates.dropFirst().reduce(first) { $0.commonPrefix(with: $1) }
    if common.utf8.count > typed.utf8.count { return replace(typed, with: common) }
    list(candidates)
    return UInt8(CC_REDISPLAY)
  }

  private static func text(_ start: UnsafePointer<CChar>, _ count: Int) -> String {
    String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
  }

  private func replace(_ typed: String, with text: String) -> UInt8 {
    // libedit counts in wide characters.
    el_deletestr(editor, Int32(typed.unicodeScalars.count))
    return el_insertstr(editor, text) == 0 ? UInt8(CC_REFRESH) : UInt8(CC_REFRESH_BEEP)
  }

  private func list(_ candidates: [String]) {
    let shown = candidates.prefix(200).map { Display.inline($0) }
    let widest = (shown.map { Display.width(of: $0) }.max() ?? 0) + 2
    let columns = max(1, console.width / widest)
    console.control("\r\n")
    for start in stride(from: 0, to: shown.count, by: columns) {
      let row = shown[start..<min(start + columns, shown.count)]
      console.line(row.map { Display.padded($0, to: widest) }.joined())
    }
    if candidates.count > shown.count { console.line("and \(candidates.count - shown.count) more") }
    try? console.flush()
  }
}

extension String {
  fileprivate func commonPrefix(with other: String) -> String {
    String(zip(self, other).prefix { $0 == $1 }.map(\.0))
  }
}

/// Reads one scalar of UTF-8 from standard input.
private struct UTF8Input {
  enum Result {
    case scalar(UInt32)
    case invalid
    case end
  }

  /// A byte that turned out to begin the next scalar.
  private var leftOver: UInt8?

  /// Whether a byte is there without waiting.
  var hasByte: Bool { leftOver != nil }

  mutating func next() -> Result {
    guard let first = byte() else { return .end }
    let length =
      switch first {
      case 0..<0x80: 1
      case 0xC2..<0xE0: 2
      case 0xE0..<0xF0: 3
      case 0xF0..<0xF5: 4
      default: 0
      }
    if length == 1 { return .scalar(UInt32(first)) }
    guard length > 0 else { return .invalid }
    var bytes = [first]
    while bytes.count < length {
      guard let next = byte() else { return .end }
      guard next & 0xC0 == 0x80 else {
        leftOver = next
        return .invalid
      }
      bytes.append(next)
    }
    guard let text = String(validating: bytes, as: UTF8.self),
      let scalar = text.unicodeScalars.first
    else { return .invalid }
    return .scalar(scalar.value)
  }

  private mutating func byte() -> UInt8? {
    if let byte = leftOver {
      leftOver = nil
      return byte
    }
    var byte: UInt8 = 0
    while true {
      let count = read(STDIN_FILENO, &byte, 1)
      if count == 1 { return byte }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN {
        var waiting = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        poll(&waiting, 1, -1)
        continue
      }
      return nil
    }
  }
}
