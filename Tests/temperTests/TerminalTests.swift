import Safetensors
import Testing
import Text
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The conversation on a terminal.
@Suite("temper on a terminal", .serialized)
struct TerminalTests {
  private static let (up, down, right, left) = ("\u{1B}[A", "\u{1B}[B", "\u{1B}[C", "\u{1B}[D")
  private static let (home, end, delete) = ("\u{1B}[H", "\u{1B}[F", "\u{1B}[3~")
  private static let (ctrlC, ctrlD, backspace) = ("\u{3}", "\u{4}", "\u{7F}")

  let fixture: ModelFixture

  init() throws { fixture = try ModelFixture() }

  private func start(_ arguments: [String] = ["--length", "20"], columns: UInt16 = 80) throws
    -> PseudoTerminal
  {
    let terminal = try PseudoTerminal(fixture, arguments, columns: columns)
    let greeting = try terminal.prompt()
    #expect(greeting.contains("tiny: "))
    #expect(greeting.contains("/help"))
    return terminal
  }

  /// What a prompt is answered with, in the terminal's own line ends.
  private func continuation(_ prompt: String, seed: UInt64, length: Int = 20) throws -> String {
    let text = try Generator(fixture.model, prompt: prompt, seed: seed, length: length)
      .map(\.text).joined()
    let shown = prompt + text + (text.hasSuffix("\n") ? "" : "\n")
    return shown.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
  }

  @Test("A prompt is continued, and Ctrl-D leaves")
  func conversation() throws {
    let terminal = try start()
    let reply = try terminal.enter("once upon")
    #expect(reply.contains("once upon"))
    #expect(reply.contains("20 characters"))
    try terminal.type(Self.ctrlD)
    #expect(try terminal.end() == 0)
    #expect(!terminal.transcript.contains("\u{1B}[1m"), "NO_COLOR is set")
  }

  @Test("`temper repl` and /quit")
  func quit() throws {
    let terminal = try start(["repl", "--length", "5"])
    try terminal.type("/quit\r")
    #expect(try terminal.end() == 0)
  }

  @Test(
    "Keys edit the line",
    arguments: [
      ("helo\(left)l", "hello"),
      ("hello\(left)\(left)\(backspace)\(backspace)", "hlo"),
      ("ello\(home)h\(end) you", "hello you"),
      ("xxhello\(home)\(delete)\(delete)", "hello"),
      ("中文\(left)a", "中a文"),
      ("中文中\(left)\(left)\(backspace)文", "文文中"),
      ("a中b文c\(home)\(right)\(right)\(delete)", "a中文c"),
      ("中中中中\(backspace)\(backspace)文", "中中文"),
      ("one two\u{17}three", "one three"),
      ("gone\u{15}here", "here"),
      ("hello\u{1}\u{B}again", "again"),
    ])
  func editing(keys: String, line: String) throws {
    let terminal = try start(["--length", "20", "--seed", "7"])
    let reply = try terminal.enter(keys)
    #expect(reply.contains(try continuation(line, seed: 7)), "\(reply.debugDescription)")
  }

  @Test("What is typed looks as it is, and the cursor is where it should be")
  func screen() throws {
    let terminal = try start()
    for (keys, line, column) in [
      ("中文中abc", "> 中文中abc", 11), (Self.left + Self.left + Self.left + Self.left, "> 中文中abc", 6),
      ("x", "> 中文x中abc", 7), (Self.backspace + Self.backspace, "> 中中abc", 4),
      ("文a文", "> 中文a文中abc", 9), (Self.home, "> 中文a文中abc", 2), ("文", "> 文中文a文中abc", 4),
      (Self.right + Self.delete + Self.delete, "> 文中文中abc", 6), (Self.end, "> 文中文中abc", 13),
      ("\u{17}", ">", 2), ("one", "> one", 5), (Self.left, "> one", 4), ("n", "> onne", 5),
    ] {
      try terminal.type(keys)
      try terminal.expectLine(line, column: column)
    }
  }

  @Test("Lines of several rows look as they are, too")
  func screenOfRows() throws {
    let terminal = try start(columns: 21)
    let line = String(repeating: "中文", count: 11)
    try terminal.type(line)
    // Nine wide characters fit beside the prompt, ten into each row after it, and a column stays empty.
    try terminal.expectLine("> \(line)", column: 6, columns: 21)
    try terminal.type(Self.home + "a")
    try terminal.expectLine("> a\(line)", column: 3, columns: 21)
    try terminal.type("文" + Self.right)
    try terminal.expectLine("> a文\(line)", column: 7, columns: 21)
    try terminal.type(Self.end + Self.left + "b" + Self.backspace)
    try terminal.expectLine("> a文\(line)", column: 6, columns: 21)
    try terminal.type("\u{15}\u{1}")
    try terminal.expectLine(">", column: 2, columns: 21)
  }

  @Test("A line longer than the terminal is wide is edited whole")
  func longLine() throws {
    let terminal = try start(["--length", "5", "--seed", "7"], columns: 30)
    let line = String(repeating: "中a文", count: 20)
    try terminal.type(line + Self.home + "b" + Self.end + Self.backspace + "\r")
    let reply = try terminal.expect("5 characters")
    #expect(reply.contains(try continuation("b" + line.dropLast(), seed: 7, length: 5)))
  }

  @Test("Earlier lines come back, in this session and the next")
  func history() throws {
    let terminal = try start(["--length", "5", "--seed", "7"])
    try terminal.enter("first")
    try terminal.enter("second 中")
    let again = try terminal.enter(Self.up + Self.up + "ly")
    #expect(again.contains(try continuation("firstly", seed: 7, length: 5)))
    try terminal.type(Self.ctrlD)
    #expect(try terminal.end() == 0)

    let file = fixture.folder.file("state/temper/history")
    var status = stat()
    #expect(stat(file, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)

    let next = try start(["--length", "5", "--seed", "7"])
    let reply = try next.enter(Self.up + Self.up + Self.down + Self.up)
    #expect(reply.contains(try continuation("second 中", seed: 7, length: 5)))
  }

  @Test("There is no history where it cannot be written, and no complaint")
  func noHistory() throws {
    let terminal = try PseudoTerminal(
      fixture, ["--length", "5"],
      environment: ["XDG_STATE_HOME": "/proc/nowhere", "HOME": "/proc/nowhere"])
    try terminal.prompt()
    let reply = try terminal.enter("hello")
    #expect(reply.contains("hello") && !reply.contains("proc"))
    try terminal.type(Self.ctrlD)
    #expect(try terminal.end() == 0)
  }

  @Test("Tab completes commands, settings and paths")
  func completion() throws {
    let terminal = try start()
    #expect(try terminal.enter("/temp\t0.25").contains("temperature 0.25"))
    #expect(try terminal.enter("/set rep\tp\t1.5").contains("repetition-penalty 1.5"))
    // Several candidates are listed below the line, and the line comes again.
    try terminal.type("/s\t")
    try terminal.expect("/save")
    try terminal.expect("/show")
    try terminal.prompt()
    #expect(try terminal.enter("how").contains("repetition-window"))
    try terminal.type("/col\to\t")
    try terminal.expect("off")
    try terminal.expect("on")
    try terminal.prompt()
    #expect(try terminal.enter("n").contains("color on"))
    let saved = fixture.folder.file("other model")
    try terminal.enter("/save '\(saved)'")
    #expect(try terminal.enter("/load \(fixture.folder.file("oth"))\t").contains("other model: "))
  }

  @Test("Ctrl-C stops a text and keeps what there is")
  func interruptGeneration() throws {
    let terminal = try start(["--length", "5000000"])
    try terminal.type("hello\r")
    try terminal.expect("hello")
    try terminal.expect("hello")
    try terminal.type(Self.ctrlC)
    let stopped = try terminal.prompt()
    #expect(stopped.contains("stopped after"))
    let more = try terminal.enter("/more 12")
    #expect(more.contains("12 characters"))
    try terminal.type(Self.ctrlD)
    #expect(try terminal.end() == 0)
  }

  @Test("Ctrl-C at the prompt clears what was typed, or says how to leave")
  func interruptPrompt() throws {
    let terminal = try start(["--length", "20", "--seed", "7"])
    try terminal.type(Self.ctrlC)
    #expect(try terminal.prompt().contains("Ctrl-D"))
    try terminal.type("rubbish")
    try terminal.expect("rubbish")
    try terminal.type(Self.ctrlC)
    #expect(!(try terminal.prompt().contains("Ctrl-D")))
    let reply = try terminal.enter("hello")
    #expect(reply.contains(try continuation("hello", seed: 7)))
    for _ in 0..<5 {
      try terminal.type(Self.ctrlC)
      try terminal.prompt()
    }
    try terminal.type(Self.ctrlD)
    #expect(try terminal.end() == 0)
  }

  @Test("Several settings at once, and slips with what was meant")
  func settings() throws {
    let terminal = try start()
    #expect(
      try terminal.enter("/set temperature 0.5 top-k 3 length 7")
        .contains("temperature 0.5, top-k 3, length 7"))
    #expect(try terminal.enter("/temprature 1").contains("did you mean /temperature?"))
    let failure = try terminal.enter("/set top-k 5 temprature 1")
    #expect(failure.contains("did you mean temperature?"))
    let shown = try terminal.enter("/show")
    #expect(shown.contains("top-k               3\r\n"))
    #expect(try terminal.enter("hello").contains("7 characters"))
    // A failure does not end the conversation.
    #expect(try terminal.enter("/load nowhere").contains("no model nowhere"))
    #expect(try terminal.enter("Ж").contains("not in the model's vocabulary"))
  }

  @Test("Training, then talking; Ctrl-C ends training and keeps what there is")
  func training() throws {
    let text = (0..<200).map { "the fox saw \($0) hens. " }.joined()
    let file = try fixture.folder.write(text, to: "notes.txt")
    let terminal = try start(["--length", "12", "--seed", "3"])
    let before = try terminal.enter("the fox")
    try terminal.type("/train \(file) steps 80\r")
    try terminal.expect("This model now answers.")
    try terminal.prompt()
    let after = try terminal.enter("the fox")
    #expect(after.contains("12 characters") && after != before)

    try terminal.type("/train \(file) steps 1000000\r")
    try terminal.expect("training: ")
    try terminal.type(Self.ctrlC)
    try terminal.expect("This model now answers.")
    try terminal.prompt()
    #expect(try terminal.enter("the fox").contains("12 characters"))
    try terminal.type(Self.ctrlD)
    try terminal.expect("is kept in")
    #expect(try terminal.end() == 0)
    let kept = try fixture.run(
      ["generate", "--length", "5", "--model", fixture.folder.file("state/temper/unsaved")])
    #expect(kept.code == 0)
  }

  @Test("Temperatures are shown side by side, as wide as the terminal is")
  func compare() throws {
    let terminal = try start(columns: 100)
    try terminal.enter("hello")
    let wide = try terminal.enter("/compare 0 0.8 1.5")
    #expect(wide.contains("T = 0 ") && wide.contains("T = 1.5\r\n"))
    terminal.resize(columns: 30)
    let narrow = try terminal.enter("/compare 0 0.8 1.5")
    #expect(narrow.contains("T = 0\r\n"))
  }

  @Test("Colour by probability")
  func color() throws {
    let terminal = try PseudoTerminal(fixture, ["--length", "9"], environment: ["NO_COLOR": ""])
    try terminal.prompt()
    try terminal.enter("/color on")
    #expect(try terminal.enter("hello").contains("\u{1B}[38;5;"))
    try terminal.enter("/color off")
    #expect(!(try terminal.enter("hello").contains("\u{1B}[38;5;")))
  }

  @Test("No control character of a model reaches the terminal")
  func controlCharacters() throws {
    let wild = try ModelFixture([
      "\u{7}", "\n", "\u{1B}", "[", "2", "J", "a", "\u{9B}", "\u{202E}", "\u{200B}",
    ])
    let terminal = try PseudoTerminal(wild, ["--length", "3000", "--temperature", "5"])
    try terminal.prompt()
    // What the line editor itself sends comes before the line's end.
    try terminal.type("a\r")
    try terminal.expect("\n")
    let reply = try terminal.expect("3,000 characters")
    #expect(reply.contains("␛"))
    for forbidden: Character in ["\u{1B}", "\u{7}", "\u{9B}", "\u{202E}", "\u{200B}"] {
      #expect(!reply.unicodeScalars.contains { forbidden.unicodeScalars.contains($0) })
    }
    let raw = try PseudoTerminal(wild, ["generate", "--raw", "--length", "500", "--prompt", "a"])
    #expect(try raw.end() == 0)
    #expect(!raw.transcript.contains("\u{1B}") && !raw.transcript.contains("\u{9B}"))
  }

  @Test("Typed bytes that are not UTF-8 do no harm")
  func invalidInput() throws {
    let terminal = try start(["--length", "20", "--seed", "7"])
    try terminal.type(bytes: Array("he".utf8) + [0xFF, 0xE4, 0xB8] + Array("llo".utf8))
    let reply = try terminal.enter("")
    #expect(reply.contains(try continuation("hello", seed: 7)))
  }

  @Test("Ctrl-Z and back leaves the line as it was")
  func suspension() throws {
    let terminal = try start(["--length", "20", "--seed", "7"])
    try terminal.type("hel")
    try terminal.expect("hel")
    // Nobody else is in the session, so the system does not stop the program; it only thinks that it was.
    try terminal.type("\u{1A}")
    try terminal.expect("hel")
    #expect(try terminal.enter("lo").contains(try continuation("hello", seed: 7)))
  }

  @Test("Ctrl-Z under a shell gives the terminal back, and fg goes on where it was")
  func suspensionUnderAShell() throws {
    let shell = try PseudoTerminal(
      fixture, ["-i"], environment: ["PS1": "shell: ", "ENV": ""], program: "/bin/sh")
    try shell.expect("shell: ")
    try shell.type("\(try Program.path()) --length 20 --seed 7\r")
    try shell.expect("/help")
    try shell.prompt()
    try shell.type("hel")
    try shell.expect("hel")
    let editing = shell.modes
    #expect(editing & tcflag_t(ICANON) == 0)
    try shell.type("\u{1A}")
    try shell.expect("shell: ")
    // Lines are the system's own again, and echoed.
    try shell.type("stty -a\r")
    let settings = try shell.expect("shell: ").split { " \r\n;".contains($0) }
    #expect(settings.contains("icanon") && settings.contains("echo"))
    try shell.type("fg\r")
    try shell.expect("hel")
    try shell.expect(modes: editing)
    try shell.type("lo\r")
    let reply = try shell.expect("20 characters")
    #expect(reply.contains(try continuation("hello", seed: 7)))
    try shell.prompt()
    try shell.type(Self.ctrlD)
    try shell.expect("shell: ")
    try shell.type("exit\r")
    #expect(try shell.end() == 0)
  }

  @Test(
    "However it ends, the terminal is as it was", arguments: ["\u{4}", "/quit\r", "TERM", "HUP"])
  func terminalIsRestored(ending: String) throws {
    let terminal = try PseudoTerminal(fixture, ["--length", "5"])
    let before = terminal.modes
    try terminal.prompt()
    #expect(terminal.modes != before)
    switch ending {
    case "TERM": terminal.signal(SIGTERM)
    case "HUP": terminal.signal(SIGHUP)
    default: try terminal.type(ending)
    }
    _ = try terminal.end()
    #expect(terminal.modes == before)
  }

  @Test("When the terminal is closed, the conversation ends")
  func closedTerminal() throws {
    #expect(try start().hangUp() == 128 + SIGHUP)
  }

  @Test("When the terminal is closed during training, what was trained is saved")
  func closedTerminalInTraining() throws {
    let text = (0..<200).map { "the fox saw \($0) hens. " }.joined()
    let file = try fixture.folder.write(text, to: "notes.txt")
    let out = fixture.folder.file("trained")
    let terminal = try PseudoTerminal(
      fixture,
      [
        "train", file, "--out", out, "--steps", "1000000", "--layers", "1", "--width", "16",
        "--head-width", "8", "--context", "16", "--batch", "4", "--save-every", "0",
      ])
    try terminal.expect("training: ")
    usleep(300_000)
    #expect(try terminal.hangUp() == 130)
    let inspection = try fixture.run(["inspect", out, "--json"])
    #expect(inspection.code == 0 && inspection.output.contains(#""has_trainer":true"#))
  }

  @Test("SIGTERM ends the program, and so does SIGHUP", arguments: [SIGTERM, SIGHUP])
  func termination(number: Int32) throws {
    let terminal = try start()
    terminal.signal(number)
    #expect(try terminal.end() == 128 + number)
  }

  @Test("Ctrl-C ends `temper generate` with 130 and what there is")
  func interruptGenerate() throws {
    let terminal = try PseudoTerminal(
      fixture, ["generate", "--prompt", "hello", "--length", "5000000"])
    try terminal.expect("hello")
    try terminal.type(Self.ctrlC)
    #expect(try terminal.end() == 130)
  }
}
