#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Files and folders through POSIX calls: interrupted calls are repeated, short writes continued,
/// and every failure is a `FileError` that names the path.
package enum FileSystem {
  package enum Kind: Equatable, Sendable { case file, folder, other }

  /// What is at the path, symbolic links followed; nil when there is nothing.
  package static func kind(of path: String) throws -> Kind? {
    try status(of: path).map { kind(mode: $0.st_mode) }
  }

  /// The whole of a regular file; refused as `EFBIG` when it has more than `maximumBytes`.
  package static func read(_ path: String, maximumBytes: Int) throws -> [UInt8] {
    let file = try InputFile(path)
    guard file.size <= maximumBytes else { throw FileError(.read, path: path, code: EFBIG) }
    var bytes = [UInt8](repeating: 0, count: file.size)
    try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return bytes
  }

  /// Replaces a file in one step, or creates it: readers see the old bytes or the new ones.
  ///
  /// A symbolic link is followed, an existing file's mode is kept. What is neither file nor folder
  /// (a terminal, a pipe) is written to directly.
  package static func replaceFile(_ path: String, with bytes: [UInt8]) throws {
    try replaceFile(path) { file in try bytes.withUnsafeBytes { try file.write($0) } }
  }

  package static func replaceFile(_ path: String, writing body: (OutputFile) throws -> Void) throws
  {
    let target = try resolve(path)
    let existing = try status(of: target)
    switch existing.map({ kind(mode: $0.st_mode) }) {
    case .folder: throw FileError(.write, path: path, code: EISDIR)
    case .other:
      let file = try OutputFile(opening: target)
      try body(file)
      try file.close()
      return
    case .file, nil: break
    }
    let (parent, name) = split(target)
    Temporary.removeAbandoned(beside: target)
    let temporary = join(parent, Temporary.name(for: name))
    do {
      let file = try OutputFile(creating: temporary, for: path)
      if let existing { try file.setMode(existing.st_mode & 0o7777) }
      try body(file)
      try file.synchronize()
      try file.close()
      try rename(temporary, to: target)
    } catch {
      unlink(temporary)
      throw error
    }
    try synchronizeFolder(parent)
  }

  /// Creates the folder and those above it that are missing.
  package static func createFolders(_ path: String) throws {
    if try kind(of: path) == .folder { return }
    let (parent, _) = split(path)
    if parent != path, try kind(of: parent) == nil { try createFolders(parent) }
    do {
      try createFolder(path)
    } catch let error as FileError where error.code == EEXIST {
      guard try kind(of: path) == .folder else {
        throw FileError(.create, path: path, code: ENOTDIR)
      }
    }
  }

  /// The names in a folder, sorted, without "." and "..".
  package static func names(in path: String) throws -> [String] {
    try Folder(path).names().map(text).sorted()
  }

  /// Removes the file, or the folder with everything in it; symbolic links are removed, not
  /// followed.
  package static func remove(_ path: String) throws {
    let (parent, name) = split(path)
    try Folder(parent).remove(Array(name.utf8CString))
  }

  /// The absolute path that a path stands for: symbolic links followed, also a last one that points
  /// at something that does not exist yet.
  package static func resolve(_ path: String) throws -> String {
    var path = path
    for _ in 0..<40 {
      if let resolved = realpath(try checked(path), nil) {
        defer { free(resolved) }
        return String(cString: resolved)
      }
      guard errno == ENOENT else { throw FileError(.resolve, path: path, code: errno) }
      let (parent, name) = split(path)
      guard let resolvedParent = realpath(parent, nil) else {
        throw FileError(.resolve, path: parent, code: errno)
      }
      defer { free(resolvedParent) }
      guard name != ".", name != ".." else {
        throw FileError(.resolve, path: path, code: ENOENT)
      }
      let absolute = join(String(cString: resolvedParent), name)
      guard let destination = linkDestination(absolute) else { return absolute }
      path = destination.hasPrefix("/") ? destination : join(split(absolute).parent, destination)
    }
    throw FileError(.resolve, path: path, code: ELOOP)
  }

  /// The path of the entry `name` of the folder.
  package static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  /// The folder an entry is in, and its name; slashes at the end do not count.
  package static func split(_ path: String) -> (parent: String, name: String) {
    var bytes = path.utf8[...]
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else {
      return (".", String(Substring(bytes)))
    }
    let name = String(Substring(bytes[bytes.index(after: slash)...]))
    var parent = bytes[..<slash]
    while parent.count > 1, parent.last == UInt8(ascii: "/") { parent.removeLast() }
    return (parent.isEmpty ? "/" : String(Substring(parent)), name)
  }

  // MARK: - Building blocks

  /// A name of the system's as text; bytes that are not UTF-8 are shown as replacement characters.
  static func text(_ name: [CChar]) -> String {
    String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The path, unless the C library would read another one: it stops at a NUL.
  static func checked(_ path: String) throws -> String {
    guard !path.utf8.contains(0) else { throw FileError(.resolve, path: path, code: EINVAL) }
    guard !path.isEmpty else { throw FileError(.resolve, path: path, code: ENOENT) }
    return path
  }

  /// Repeats the call while signals interrupt it; a result of -1 becomes an error.
  @discardableResult
  static func call<Result: SignedInteger>(
    _ operation: FileError.Operation, _ path: String, _ body: () -> Result
  ) throws -> Result {
    while true {
      let result = body()
      if result != -1 { return result }
      let code = errno
      if code != EINTR { throw FileError(operation, path: path, code: code) }
    }
  }

  static func status(of path: String) throws -> stat? {
    var status = stat()
    let path = try checked(path)
    do {
      try call(.examine, path) { stat(path, &status) }
    } catch let error as FileError where error.code == ENOENT {
      return nil
    }
    return status
  }

  static func kind(mode: mode_t) -> Kind {
    switch mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .folder
    default: .other
    }
  }

  static func createFolder(_ path: String) throws {
    let path = try checked(path)
    try call(.create, path) { mkdir(path, 0o777) }
  }

  static func rename(_ path: String, to newPath: String) throws {
    #if canImport(Darwin)
      try call(.rename, newPath) { Darwin.rename(path, newPath) }
    #else
      try call(.rename, newPath) { Glibc.rename(path, newPath) }
    #endif
  }

  /// Makes the folder's entries survive a power failure.
  static func synchronizeFolder(_ path: String) throws {
    let folder = try Folder(path)
    try synchronize(folder.descriptor, path, isFolder: true)
  }

  static func synchronize(_ descriptor: Int32, _ path: String, isFolder: Bool) throws {
    #if canImport(Darwin)
      // There fsync leaves the bytes in the drive's cache.
      if fcntl(descriptor, F_FULLFSYNC) != -1 { return }
    #endif
    do {
      try call(.synchronize, path) { fsync(descriptor) }
    } catch let error as FileError where isFolder && error.code == EINVAL {
      // Some file systems keep folders in order by themselves and say so in this way.
    }
  }

  /// The destination of a symbolic link; nil when the path is none.
  private static func linkDestination(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
    let count = readlink(path, &buffer, buffer.count - 1)
    return count > 0 ? text(buffer) : nil
  }
}

/// A regular file opened for reading at any place.
final class InputFile: Sendable {
  let path: String
  let size: Int
  private let descriptor: Int32

  init(_ path: String) throws {
    let checked = try FileSystem.checked(path)
    self.path = path
    // A pipe must not make the call wait for its other end.
    let descriptor = try FileSystem.call(.open, path) {
      open(checked, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }
    self.descriptor = descriptor
    var status = stat()
    do {
      try FileSystem.call(.examine, path) { fstat(descriptor, &status) }
      switch FileSystem.kind(mode: status.st_mode) {
      case .file: break
      case .folder: throw FileError(.open, path: path, code: EISDIR)
      case .other: throw FileError(.open, path: path, code: ENXIO)
      }
    } catch {
      close(descriptor)
      throw error
    }
    size = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills the buffer with the bytes from `offset` on; the file having become shorter is an `EIO`.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
      let count = try FileSystem.call(.read, path) {
        pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
      }
      guard count > 0 else { throw FileError(.read, path: path, code: EIO) }
      done += count
    }
  }
}

/// A file being written.
package final class OutputFile {
  package let path: String
  private var descriptor: Int32

  /// A new file; that something is there already is an `EEXIST`. Errors name `finalPath`, where the
  /// file will be once it is complete.
  package init(creating path: String, for finalPath: String? = nil) throws {
    let checked = try FileSystem.checked(path)
    let shown = finalPath ?? path
    self.path = shown
    descriptor = try FileSystem.call(.create, shown) {
      open(checked, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    }
  }

  /// Something that exists and is no regular file.
  init(opening path: String) throws {
    let checked = try FileSystem.checked(path)
    self.path = path
    descriptor = try FileSystem.call(.open, path) { open(checked, O_WRONLY | O_CLOEXEC) }
  }

  deinit { if descriptor >= 0 { _ = closeDescriptor(descriptor) } }

  /// Adds the bytes at the end.
  package func write(_ bytes: UnsafeRawBufferPointer) throws {
    try writeAll(bytes) { start, count, _ in systemWrite(descriptor, start, count) }
  }

  /// Writes the bytes over what is at `offset`; where `write` goes on does not change.
  package func overwrite(_ bytes: [UInt8], at offset: Int) throws {
    try bytes.withUnsafeBytes { bytes in
      try writeAll(bytes) { start, count, done in
        pwrite(descriptor, start, count, off_t(offset + done))
      }
    }
  }

  private func writeAll(
    _ bytes: UnsafeRawBufferPointer, _ call: (UnsafeRawPointer?, Int, _ done: Int) -> Int
  ) throws {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = try FileSystem.call(.write, path) { call(rest.baseAddress, rest.count, done) }
      guard count > 0 else { throw FileError(.write, path: path, code: EIO) }
      done += count
    }
  }

  /// Permission bits, whatever the process's mask.
  package func setMode(_ mode: mode_t) throws {
    try FileSystem.call(.changeMode, path) { fchmod(descriptor, mode) }
  }

  /// Makes the bytes survive a power failure.
  package func synchronize() throws {
    try FileSystem.synchronize(descriptor, path, isFolder: false)
  }

  /// Ends writing; some file systems report only here that bytes were lost.
  package func close() throws {
    let descriptor = descriptor
    self.descriptor = -1
    // After an interruption the descriptor is closed all the same, and may already be another's.
    if closeDescriptor(descriptor) != 0, errno != EINTR {
      throw FileError(.write, path: path, code: errno)
    }
  }
}

/// An open folder, so that what is inside is reached without naming the path again.
final class Folder {
  let path: String
  let descriptor: Int32

  convenience init(_ path: String) throws {
    let checked = try FileSystem.checked(path)
    try self.init(
      path: path,
      descriptor: FileSystem.call(.open, path) {
        open(checked, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      })
  }

  /// A folder inside this one; a symbolic link is refused.
  convenience init(_ name: [CChar], in parent: Folder) throws {
    let path = FileSystem.join(parent.path, FileSystem.text(name))
    try self.init(
      path: path,
      descriptor: FileSystem.call(.open, path) {
        openat(parent.descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
      })
  }

  private init(path: String, descriptor: Int32) throws {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// The names as the system has them, which need not be UTF-8.
  func names() throws -> [[CChar]] {
    let copy = try FileSystem.call(.list, path) {
      openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
    guard let stream = fdopendir(copy) else {
      let code = errno
      close(copy)
      throw FileError(.list, path: path, code: code)
    }
    defer { closedir(stream) }
    var names: [[CChar]] = []
    while true {
      errno = 0
      guard let entry = readdir(stream) else {
        if errno != 0 { throw FileError(.list, path: path, code: errno) }
        return names
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
        name.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: name.pointee)) {
          Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1))
        }
      }
      if name != [46, 0] && name != [46, 46, 0] { names.append(name) }
    }
  }

  /// The entry itself, a symbolic link not followed.
  func status(of name: [CChar]) throws -> stat {
    var status = stat()
    try FileSystem.call(.examine, FileSystem.join(path, FileSystem.text(name))) {
      fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW)
    }
    return status
  }

  /// Removes an entry, a folder with everything in it.
  func remove(_ name: [CChar]) throws {
    let isFolder = FileSystem.kind(mode: try status(of: name).st_mode) == .folder
    if isFolder {
      let folder = try Folder(name, in: self)
      for inner in try folder.names() { try folder.remove(inner) }
    }
    try FileSystem.call(.remove, FileSystem.join(path, FileSystem.text(name))) {
      unlinkat(descriptor, name, isFolder ? AT_REMOVEDIR : 0)
    }
  }

  /// Makes the entry appear in another folder too: files by a hard link, folders with everything in
  /// them, symbolic links by the same destination.
  func carryOver(_ name: [CChar], to destination: Folder) throws {
    let path = FileSystem.join(path, FileSystem.text(name))
    let status = try status(of: name)
    guard FileSystem.kind(mode: status.st_mode) == .folder else {
      try FileSystem.call(.link, path) {
        linkat(descriptor, name, destination.descriptor, name, 0)
      }
      return
    }
    try FileSystem.call(.create, path) { mkdirat(destination.descriptor, name, 0o700) }
    let inner = try Folder(name, in: self)
    let copy = try Folder(name, in: destination)
    for entry in try inner.names() { try inner.carryOver(entry, to: copy) }
    try FileSystem.call(.changeMode, copy.path) {
      fchmod(copy.descriptor, status.st_mode & 0o7777)
    }
    try FileSystem.synchronize(copy.descriptor, copy.path, isFolder: true)
  }
}

/// Temporary siblings, `.NAME.temper-PID`: what a killed process leaves behind can be told from
/// what a living one is still writing.
enum Temporary {
  static func name(for name: String) -> String { ".\(name).temper-\(getpid())" }

  /// Removes the temporaries beside `target` whose process is gone, and this process's own.
  ///
  /// What cannot be removed (another user's, say) stays: it is no reason not to save.
  static func removeAbandoned(beside target: String) {
    let (parent, name) = FileSystem.split(target)
    guard let folder = try? Folder(parent), let entries = try? folder.names() else { return }
    let prefix = Array(".\(name).temper-".utf8CString.dropLast())
    for entry in entries where entry.starts(with: prefix) {
      let suffix = FileSystem.text(Array(entry.dropFirst(prefix.count)))
      guard let process = Int32(suffix), process > 0 else { continue }
      // ESRCH alone says that there is no such process; EPERM means another user's.
      if process == getpid() || (kill(process, 0) == -1 && errno == ESRCH) {
        try? folder.remove(entry)
      }
    }
  }
}

private func systemWrite(_ descriptor: Int32, _ start: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, start, count)
}

private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
