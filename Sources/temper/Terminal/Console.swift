import Text
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Standard output or standard error, written to by people's eyes or by programs.
///
/// Text is collected until `flush` or until there is much of it. On a terminal it may be styled, and it is always filtered, so that
/// nothing in it can steer the terminal. After a failed write everything else is dropped; `flush` tells.
final class Console {
  private let descriptor: Int32
  /// Whether the terminal says that it has 24-bit colours.
  private let hasTrueColor: Bool
  /// Whether people see it.
  let isTerminal: Bool
  /// Whether styles show.
  let hasColor: Bool
  /// Whether text passes as it is. Never on a terminal.
  let isRaw: Bool
  private var pending: [UInt8] = []
  private var failure: ConsoleError?
  /// Whether the last line is a progress line, to be replaced.
  private var showsProgress = false

  private init(_ descriptor: Int32, raw: Bool = false) {
    self.descriptor = descriptor
    isTerminal = isatty(descriptor) == 1
    hasColor = isTerminal && Environment["NO_COLOR"] == nil && Environment["TERM"] != "dumb"
    hasTrueColor = ["truecolor", "24bit"].contains(Environment["COLORTERM"] ?? "")
    isRaw = raw && !isTerminal
  }

  /// Standard output.
  /// - Parameter raw: whether text passes unfiltered unless it is a terminal.
  static func output(raw: Bool = false) -> Console { Console(STDOUT_FILENO, raw: raw) }
  /// Standard error.
  static func error() -> Console { Console(STDERR_FILENO) }

  /// Whether a write has failed.
  var hasFailed: Bool { failure != nil }

  /// Columns of the terminal; what COLUMNS says, or 80, where it is none.
  var width: Int {
    var size = winsize()
    if isTerminal, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
      return Int(size.ws_col)
    }
    let columns = Environment["COLUMNS"].flatMap { Int($0) } ?? 80
    return min(max(columns, 20), 1000)
  }

  /// Rows of the terminal; 24 where it is none.
  var height: Int {
    var size = winsize()
    guard isTerminal, ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else {
      return 24
    }
    return Int(size.ws_row)
  }

  /// Adds text.
  func write(_ text: String, _ style: SessionOutput.Style = .plain) {
    clearProgress()
    if case .shade(let upper, let lower) = style, !hasColor {
      return append(String(repeating: Self.ramp(max(upper, lower)), count: text.count))
    }
    let shown = isRaw ? text : Display.safe(text)
    guard hasColor, let code = code(style), !shown.isEmpty else { return append(shown) }
    // The end of a line stays outside, so that a style never runs on into the next.
    let body = shown.hasSuffix("\n") ? shown.dropLast() : shown[...]
    append(body.isEmpty ? shown : "\u{1B}[\(code)m\(body)\u{1B}[0m\(shown.dropFirst(body.count))")
  }

  /// Adds a line.
  func line(_ text: String = "", _ style: SessionOutput.Style = .plain) {
    write(text + "\n", style)
  }

  /// Adds a piece of what a session says; a failure belongs on standard error and is left out.
  func show(_ piece: SessionOutput) {
    switch piece {
    case .text(let text, let style): write(text, style)
    case .progress(let text): progress(text)
    case .failure: break
    }
  }

  /// Adds bytes as they are: JSON, which escapes what could steer a terminal.
  func write(bytes: [UInt8]) {
    clearProgress()
    pending += bytes
    if pending.count > 1 << 16 { send() }
  }

  /// Shows a line in place of the last one of this kind; nothing where it is not seen.
  func progress(_ text: String) {
    guard isTerminal else { return }
    let shown = Display.truncated(Display.inline(text), to: max(width - 1, 1))
    append("\r\u{1B}[2K" + shown)
    showsProgress = true
    send()
  }

  /// Text that is part of the program, control sequences included. Only for a terminal.
  func control(_ sequence: String) {
    if isTerminal { append(sequence) }
  }

  /// Sends what was collected.
  /// - Throws: `ConsoleError` if that or an earlier write failed.
  func flush() throws(ConsoleError) {
    send()
    if let failure { throw failure }
  }

  private func clearProgress() {
    guard showsProgress else { return }
    showsProgress = false
    append("\r\u{1B}[2K")
  }

  private func append(_ text: String) {
    pending += text.utf8
    if pending.count > 1 << 16 { send() }
  }

  private func send() {
    defer { pending.removeAll(keepingCapacity: true) }
    guard failure == nil else { return }
    pending.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Self.systemWrite(descriptor, UnsafeRawBufferPointer(rebasing: rest))
        if count > 0 {
          rest = rest.dropFirst(count)
        } else if count < 0, errno == EAGAIN {
          var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&waiting, 1, -1)
        } else if count == 0 || errno != EINTR {
          failure = ConsoleError(isOutput: descriptor == STDOUT_FILENO, code: errno)
          return
        }
      }
    }
  }

  private static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    #if canImport(Darwin)
      Darwin.write(descriptor, bytes.baseAddress, bytes.count)
    #else
      Glibc.write(descriptor, bytes.baseAddress, bytes.count)
    #endif
  }

  /// The SGR parameters of a style.
  private func code(_ style: SessionOutput.Style) -> String? {
    switch style {
    case .plain: nil
    case .prompt, .heading: "1"
    case .remark: "2"
    case .failure: "31"
    case .generated(let probability): probability.map { "38;5;\(Self.color(of: $0))" }
    case .shade(let upper, let lower): "38;\(shade(upper));48;\(shade(lower))"
    }
  }

  /// The colour of a value, from nearly black over violet and orange to pale yellow. Steps show
  /// small values well.
  private func shade(_ value: Double) -> String {
    let level = min(max(value, 0), 1).squareRoot()
    guard hasTrueColor else {
      let steps = [16, 17, 53, 54, 90, 126, 162, 167, 173, 209, 215, 222, 229, 230]
      return "5;\(steps[Int((level * Double(steps.count - 1)).rounded())])"
    }
    let stops: [(Double, Double, Double)] = [
      (13, 10, 34), (87, 22, 110), (188, 55, 84), (249, 142, 9), (252, 255, 200),
    ]
    let place = level * Double(stops.count - 1)
    let index = min(Int(place), stops.count - 2)
    let share = place - Double(index)
    let (a, b) = (stops[index], stops[index + 1])
    func mix(_ a: Double, _ b: Double) -> Int { Int((a + share * (b - a)).rounded()) }
    return "2;\(mix(a.0, b.0));\(mix(a.1, b.1));\(mix(a.2, b.2))"
  }

  /// The character that stands for a value where there are no colours.
  private static func ramp(_ value: Double) -> String {
    let characters = [" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"]
    let level = min(max(value, 0), 1).squareRoot()
    return characters[Int((level * Double(characters.count - 1)).rounded())]
  }

  /// From green for what was expected to red for what was not, each legible on black and on white.
  private static func color(of probability: Double) -> Int {
    switch probability {
    case 0.75...: 34
    case 0.25...: 106
    case 0.06...: 172
    case 0.01...: 166
    default: 160
    }
  }
}

/// What went wrong in writing to standard output or standard error.
struct ConsoleError: Error, CustomStringConvertible {
  let isOutput: Bool
  let code: Int32

  /// Whether nobody is listening any more, which is nobody's mistake.
  var isReaderGone: Bool { code == EPIPE || code == EIO && isatty(STDOUT_FILENO) == 0 }

  var description: String {
    let name = isOutput ? "standard output" : "standard error"
    return "\(name): cannot be written: \(String(cString: strerror(code)))"
  }
}

/// The environment's variables.
enum Environment {
  /// A variable's value; nil if it is not set or empty.
  static subscript(name: String) -> String? {
    guard let value = getenv(name), value[0] != 0 else { return nil }
    return String(cString: value)
  }

  /// The variables that finding a model depends on.
  static var ofModels: [String: String] {
    let name = ModelFolder.environmentVariable
    return Environment[name].map { [name: $0] } ?? [:]
  }
}
