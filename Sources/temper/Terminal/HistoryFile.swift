import Safetensors

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The lines that were typed in earlier sessions: a text file that only its owner can read, a line each, the latest last.
///
/// Every line is appended as it is typed, so sessions side by side do not lose one another's. A file that cannot be read or written is
/// no reason to complain: then there is no history.
struct HistoryFile {
  /// How many lines are kept.
  static let limit = 1000
  private let path: String

  /// `$XDG_STATE_HOME/temper/history`, or `~/.local/state/temper/history`; nil where there is no home.
  init?() {
    guard let folder = StateFolder.path else { return nil }
    path = FileSystem.join(folder, "history")
  }

  /// The lines, oldest first. A file that has grown much longer than the limit is shortened.
  func read() -> [String] {
    guard let bytes = try? FileSystem.read(path, maximumBytes: 1 << 26) else { return [] }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    let kept = Array(lines.suffix(Self.limit))
    if lines.count > 2 * Self.limit {
      let text = kept.map { $0 + "\n" }.joined()
      try? FileSystem.replaceFile(path, with: Array(text.utf8))
    }
    return kept
  }

  func append(_ line: String) {
    guard (try? FileSystem.createFolders(FileSystem.split(path).parent)) != nil else { return }
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    _ = fchmod(descriptor, 0o600)
    let bytes = Array((line + "\n").utf8)
    _ = write(descriptor, bytes, bytes.count)
  }
}

/// Where the program keeps what it should remember.
enum StateFolder {
  /// `$XDG_STATE_HOME/temper`, or `~/.local/state/temper`; nil where there is no home.
  static var path: String? {
    // The specification has relative paths ignored.
    if let state = Environment["XDG_STATE_HOME"], state.hasPrefix("/") {
      return FileSystem.join(state, "temper")
    }
    return Environment["HOME"].map { FileSystem.join($0, ".local/state/temper") }
  }
}
