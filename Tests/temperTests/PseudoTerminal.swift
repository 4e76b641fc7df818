import Testing

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The program on a terminal, with a test in place of the person.
final class PseudoTerminal {
  private var master: Int32
  private let process: pid_t
  private var isOver = false
  private var unread: [UInt8] = []
  /// Everything the program has shown.
  private(set) var transcript = ""

  /// POSIX_SPAWN_SETSID, which glibc's headers keep to programs written for GNU.
  #if canImport(Darwin)
    private static let newSession: Int32 = 0x400
  #else
    private static let newSession: Int32 = 0x80
  #endif

  /// Long, for a machine that is busy with something else.
  private static let patience = 60.0

  init(
    _ fixture: ModelFixture, _ arguments: [String] = [], environment: [String: String] = [:],
    columns: UInt16 = 80, program: String? = nil
  ) throws {
    var ends: (program: Int32, person: Int32) = (-1, -1)
    var name = [CChar](repeating: 0, count: 1024)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    guard openpty(&ends.person, &ends.program, &name, nil, &size) == 0 else {
      throw Program.Trouble("no pseudo-terminal")
    }
    master = ends.person
    for end in [ends.program, ends.person] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends.program) }
    let terminal = String(
      decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    var variables = ["TEMPER_MODEL": fixture.path]
    for (name, value) in environment { variables[name] = value }
    // The first terminal that the leader of a new session opens becomes its controlling terminal.
    process = try Program.spawn(
      arguments, environment: variables, folder: fixture.folder,
      attributes: Self.newSession, program: program
    ) { actions in
      posix_spawn_file_actions_addopen(&actions, 0, terminal, O_RDWR, 0)
      posix_spawn_file_actions_adddup2(&actions, 0, 1)
      posix_spawn_file_actions_adddup2(&actions, 0, 2)
    }
  }

  deinit {
    if !isOver {
      kill(process, SIGKILL)
      var status: Int32 = 0
      waitpid(process, &status, 0)
    }
    if master >= 0 { close(master) }
  }

  /// How the terminal treats what is typed: whether lines are edited by the system, whether keys are echoed, and so on.
  var modes: tcflag_t {
    var settings = termios()
    tcgetattr(master, &settings)
    return settings.c_lflag
  }

  /// Waits until the terminal's modes are these.
  func expect(modes: tcflag_t) throws {
    try Program.wait("the terminal's modes", process) { self.modes == modes }
  }

  /// Closes the terminal's window.
  /// - Returns: the program's exit code.
  func hangUp() throws -> Int32 {
    close(master)
    master = -1
    isOver = true
    return try Program.end(of: process)
  }

  /// Types keys.
  func type(_ keys: String) throws { try type(bytes: Array(keys.utf8)) }

  func type(bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(master, $0.baseAddress, $0.count) }
      guard count > 0 else { throw Program.Trouble("the terminal takes no keys") }
      rest = rest.dropFirst(count)
    }
  }

  /// Waits until the program shows a text, and forgets what came up to its end.
  /// - Returns: what came, the text included.
  @discardableResult
  func expect(_ text: String) throws -> String {
    let sought = Array(text.utf8)
    let deadline = Self.now() + Self.patience
    while true {
      if let end = Self.end(of: sought, in: unread) {
        let shown = String(decoding: unread[..<end], as: UTF8.self)
        unread.removeFirst(end)
        return shown
      }
      guard Self.now() < deadline, try readMore(until: deadline) else {
        throw Program.Trouble(
          "waited in vain for \(text.debugDescription); so far: \(transcript.debugDescription)")
      }
    }
  }

  /// Waits until the line that is being typed looks like this, with the cursor in this column.
  func expectLine(_ line: String, column: Int, columns: Int = 80) throws {
    let deadline = Self.now() + Self.patience
    while true {
      var screen = Screen(columns: columns)
      screen.show(transcript)
      if screen.lastLine == line, screen.column == column { return }
      guard Self.now() < deadline, try readMore(until: deadline) else {
        throw Program.Trouble(
          "waited in vain for \(line) and the cursor in \(column); there are \(screen.lastLine) and \(screen.column)"
        )
      }
    }
  }

  /// Waits for the prompt.
  @discardableResult
  func prompt() throws -> String { try expect("> ") }

  /// Types a line at the prompt, and waits for the next prompt.
  /// - Returns: what came in between.
  @discardableResult
  func enter(_ line: String) throws -> String {
    try type(line + "\r")
    // libedit ends the line that was typed with a line feed.
    try expect("\n")
    return try prompt()
  }

  /// Waits for the program's end.
  func end() throws -> Int32 {
    let deadline = Self.now() + Self.patience
    while try readMore(until: deadline) {}
    isOver = true
    return try Program.end(of: process)
  }

  func signal(_ number: Int32) { kill(process, number) }

  func resize(columns: UInt16) {
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(master, UInt(TIOCSWINSZ), &size)
  }

  /// - Returns: whether there was more before the deadline.
  private func readMore(until deadline: Double) throws -> Bool {
    var waiting = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
    let time = max(0, deadline - Self.now())
    guard poll(&waiting, 1, Int32(time * 1000)) > 0 else { return false }
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    // Linux reports the end of the other side as an error.
    let count = read(master, &buffer, buffer.count)
    guard count > 0 else { return false }
    unread += buffer[..<count]
    transcript += String(decoding: buffer[..<count], as: UTF8.self)
    return true
  }

  private static func end(of sought: [UInt8], in bytes: [UInt8]) -> Int? {
    guard let first = sought.first, bytes.count >= sought.count else { return nil }
    for start in 0...bytes.count - sought.count
    where bytes[start] == first && bytes[start..<start + sought.count].elementsEqual(sought) {
      return start + sought.count
    }
    return nil
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
