#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A failed call of the operating system: what was tried, on which path, and why it failed.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Operation: String, Sendable {
    case open, read, write, create, lock, list, remove, rename, examine
    case synchronize = "flush to disk"
    case replace
    case link = "carry over"
    case changeMode = "change the mode of"
    case resolve = "find"
  }

  public let operation: Operation
  public let path: String
  /// The value of `errno`.
  public let code: Int32

  public init(_ operation: Operation, path: String, code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }

  public var description: String {
    let reason =
      switch (operation, code) {
      case (.open, EISDIR), (.write, EISDIR): "it is a folder, and a file is needed"
      case (.replace, ENOTDIR): "it is a file, and a folder is needed"
      case (.replace, EINVAL), (.replace, ENOSYS), (.replace, ENOTSUP), (.replace, EXDEV):
        "this file system cannot exchange two folders in one step; choose a folder on a local disk"
      case (.replace, EBUSY): "it is a mount point or in use; choose a folder inside it"
      case (.read, EFBIG): "it is larger than this file may be"
      case (.open, ENXIO): "it is no regular file"
      default: String(cString: strerror(code))
      }
    return "cannot \(operation.rawValue) \(Printable.escape(path, limit: 1000)): \(reason)"
  }
}

/// Another process is writing this model folder.
public struct FolderInUse: Error, Equatable, Sendable, CustomStringConvertible {
  public let path: String
  /// The process that holds the lock, when it could be told.
  public let process: Int32?

  public init(path: String, process: Int32?) {
    self.path = path
    self.process = process
  }

  public var description: String {
    let who = process.map { "process \($0)" } ?? "another process"
    return "\(Printable.escape(path, limit: 1000)) is in use by \(who);"
      + " wait until it has ended, or choose another folder"
  }
}
