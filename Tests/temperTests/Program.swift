import Foundation
import Safetensors
import Testing

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The program, as it was built beside these tests, run as a process of its own.
enum Program {
  /// What a finished run left behind.
  struct Result {
    /// The exit code; 128 and the signal's number if a signal ended it.
    let code: Int32
    let output: String
    let errors: String
    let outputBytes: [UInt8]
  }

  /// Where standard output goes, if not to a file of the test's own.
  enum Output {
    case file(String)
    /// A pipe that nobody reads any more.
    case closedPipe
  }

  struct Trouble: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
  }

  /// Beside the test bundle, or in the folder that builds go to.
  static func path() throws -> String {
    var folders: [String] = []
    for file in ["/proc/self/exe"] + CommandLine.arguments {
      guard let path = realpath(file, nil) else { continue }
      folders.append(FileSystem.split(String(cString: path)).parent)
      free(path)
    }
    // Where the bundle is loaded by another program: this file is in Tests/temperTests of the package.
    let package = (0..<3).reduce(#filePath) { path, _ in FileSystem.split(path).parent }
    folders += ["\(package)/.build/release", "\(package)/.build/debug"]
    for folder in folders where access(folder + "/temper", X_OK) == 0 { return folder + "/temper" }
    throw Trouble("the program is not built: none of \(folders) holds temper")
  }

  /// Runs it to its end.
  /// - Parameters:
  ///   - inputBytes: what standard input holds; a file, not a terminal.
  ///   - interrupt: sends this signal once something has been written to standard output.
  static func run(
    _ arguments: [String], inputBytes: [UInt8] = [], environment: [String: String] = [:],
    output: Output? = nil, interrupt: Int32? = nil, in folder: TemporaryFolder
  ) throws -> Result {
    let name = "run-\(UInt64.random(in: 0...UInt64.max))"
    let files = ["in", "out", "err"].map { folder.file("\(name).\($0)") }
    try FileSystem.replaceFile(files[0], with: inputBytes)
    var pipeEnds: [Int32] = [-1, -1]
    if case .closedPipe? = output {
      guard pipe(&pipeEnds) == 0 else { throw Trouble("no pipe") }
      for end in pipeEnds { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }
    let process = try spawn(arguments, environment: environment, folder: folder) { actions in
      posix_spawn_file_actions_addopen(&actions, 0, files[0], O_RDONLY, 0)
      posix_spawn_file_actions_addopen(&actions, 2, files[2], O_WRONLY | O_CREAT, 0o600)
      switch output {
      case nil:
        posix_spawn_file_actions_addopen(&actions, 1, files[1], O_WRONLY | O_CREAT, 0o600)
      case .file(let path): posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY, 0)
      case .closedPipe: posix_spawn_file_actions_adddup2(&actions, pipeEnds[1], 1)
      }
    }
    for end in pipeEnds where end >= 0 { close(end) }
    if let interrupt {
      try wait("output to interrupt", process) {
        var status = stat()
        return stat(files[1], &status) == 0 && status.st_size > 0
      }
      kill(process, interrupt)
    }
    let code = try end(of: process)
    let bytes = output == nil ? try FileSystem.read(files[1], maximumBytes: 1 << 28) : []
    let errors = try FileSystem.read(files[2], maximumBytes: 1 << 24)
    return Result(
      code: code, output: String(decoding: bytes, as: UTF8.self),
      errors: String(decoding: errors, as: UTF8.self), outputBytes: bytes)
  }

  /// Starts it, or another program.
  static func spawn(
    _ arguments: [String], environment: [String: String], folder: TemporaryFolder,
    attributes: Int32 = 0, program: String? = nil,
    connect: (inout posix_spawn_file_actions_t) -> Void
  ) throws -> pid_t {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t? = nil
      var flags: posix_spawnattr_t? = nil
    #else
      var actions = posix_spawn_file_actions_t()
      var flags = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&flags)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&flags)
    }
    // Whoever runs the tests may ignore signals, and threads that run them block them; the program has to
    // see them as a shell's child does.
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP] { sigaddset(&signals, number) }
    posix_spawnattr_setsigdefault(&flags, &signals)
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&flags, &signals)
    posix_spawnattr_setflags(
      &flags, Int16(attributes | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK)))
    connect(&actions)
    var variables = [
      "HOME": folder.path, "XDG_STATE_HOME": folder.file("state"), "TERM": "xterm-256color",
      "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "NO_COLOR": "1",
    ]
    // Another kernel of BLAS rounds otherwise: results are compared with those of this process.
    for (name, value) in ProcessInfo.processInfo.environment where name.hasPrefix("OPENBLAS_") {
      variables[name] = value
    }
    for (name, value) in environment { variables[name] = value.isEmpty ? nil : value }
    let program = try program ?? path()
    var argv = ([program] + arguments).map { strdup($0) } + [nil]
    var envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in argv + envp { free(text) } }
    var process: pid_t = 0
    let code = posix_spawn(&process, program, &actions, &flags, &argv, &envp)
    guard code == 0 else { throw Trouble("the program cannot be started: error \(code)") }
    return process
  }

  /// Waits until something is so, looking again and again for at most a minute.
  static func wait(_ what: String, _ process: pid_t, until isSo: () throws -> Bool) throws {
    for _ in 0..<6000 {
      if try isSo() { return }
      usleep(10_000)
    }
    kill(process, SIGKILL)
    throw Trouble("waited in vain for \(what)")
  }

  /// The exit code, once there is one.
  static func end(of process: pid_t) throws -> Int32 {
    var status: Int32 = 0
    try wait("the program's end", process) { waitpid(process, &status, WNOHANG) != 0 }
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
  }
}

/// A folder that is removed with everything in it once nobody needs it any more.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/temper-tests-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw Program.Trouble("no temporary folder") }
    path = String(cString: made)
  }

  func file(_ name: String) -> String { path + "/" + name }

  func write(_ text: String, to name: String) throws -> String {
    try FileSystem.replaceFile(file(name), with: Array(text.utf8))
    return file(name)
  }

  deinit { try? FileSystem.remove(path) }
}
