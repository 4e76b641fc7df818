#if canImport(Darwin)
  import Darwin
#else
  import CRename
  import Glibc
#endif

/// A folder that is only ever replaced as a whole: whoever looks sees the old one or the new one.
///
/// The new folder is built beside the old one as `.NAME.temper-PID`, every file and folder flushed
/// to disk, and then exchanged with it in one step (`renameat2` with `RENAME_EXCHANGE`,
/// `renamex_np` with `RENAME_SWAP`). The path is resolved once: symbolic links are followed, and it
/// stays right when the current directory is the folder itself. One process at a time may replace a
/// folder: see `FolderLock`.
package struct AtomicFolder: Sendable {
  /// Absolute, symbolic links followed.
  package let path: String

  /// The folder at the path, which need not exist yet; the one above it must.
  package init(_ path: String) throws {
    self.path = try FileSystem.resolve(path)
    guard self.path != "/" else { throw FileError(.replace, path: path, code: EBUSY) }
  }

  /// Throws what `replace` would, as far as it can be known before: a file is there, or a file system of its own.
  package func check() throws { _ = try existing() }

  /// The folder that is to be replaced; nil if there is none yet.
  private func existing() throws -> stat? {
    guard let existing = try FileSystem.status(of: path) else { return nil }
    guard FileSystem.kind(mode: existing.st_mode) == .folder else {
      throw FileError(.replace, path: path, code: ENOTDIR)
    }
    let parent = try FileSystem.status(of: FileSystem.split(path).parent)
    if let parent, parent.st_dev != existing.st_dev {
      throw FileError(.replace, path: path, code: EBUSY)
    }
    return existing
  }

  /// Builds the folder anew and puts it in place.
  ///
  /// `build` writes the new contents. Entries of the old folder that `build` did not make, and that
  /// are not in `dropping`, are carried over (as hard links), so that a person's own files survive.
  /// Names in `dropping` are entries at the top. The old folder's mode is kept, and the modes of
  /// files that are written again. When anything fails, the old folder is untouched and the
  /// temporary one is removed; unless all that fails is the flush after the exchange: then the new folder is in place, and the old one
  /// stays beside it until the next save.
  package func replace(
    dropping: Set<String> = [], _ build: (FolderBuilder) throws -> Void
  ) throws {
    let existing = try existing()
    Temporary.removeAbandoned(beside: path)
    let (parent, name) = FileSystem.split(path)
    let temporary = FileSystem.join(parent, Temporary.name(for: name))
    try FileSystem.createFolder(temporary)
    do {
      let old = existing == nil ? nil : try Folder(path)
      let builder = FolderBuilder(temporary: temporary, target: path)
      try build(builder)
      let new = try Folder(temporary)
      if let old { try carryOver(from: old, to: new, dropping: dropping) }
      for folder in builder.folders.sorted() { try FileSystem.synchronizeFolder(folder) }
      if let existing {
        try FileSystem.call(.changeMode, temporary) {
          fchmod(new.descriptor, existing.st_mode & 0o7777)
        }
      }
      try FileSystem.synchronize(new.descriptor, temporary, isFolder: true)
      if existing == nil {
        try FileSystem.rename(temporary, to: path)
      } else {
        try exchange(temporary)
      }
    } catch {
      try? FileSystem.remove(temporary)
      guard let error = error as? FileError, error.path.hasPrefix(temporary) else { throw error }
      // The person knows the folder by its own name, not by the temporary one.
      throw FileError(
        error.operation, path: path + error.path.dropFirst(temporary.count), code: error.code)
    }
    // Until the exchange is known to be on disk, the old folder must not go: after a power failure
    // its name may stand for it again.
    try FileSystem.synchronizeFolder(parent)
    // The new folder is in place whether or not this succeeds; the next save tries again.
    if existing != nil { try? FileSystem.remove(temporary) }
  }

  /// Runs `body`, which reads files of the folder, and again if the folder was replaced meanwhile,
  /// so that what it gives comes from one folder: files opened one after the other could be of two.
  package static func reading<Result>(_ path: String, _ body: () throws -> Result) throws -> Result
  {
    func identity() throws -> [Int] {
      guard let status = try FileSystem.status(of: path) else { return [] }
      #if canImport(Darwin)
        let changed = status.st_ctimespec
      #else
        let changed = status.st_ctim
      #endif
      return [Int(status.st_dev), Int(status.st_ino), changed.tv_sec, changed.tv_nsec]
    }
    var before = try identity()
    for _ in 0..<100 {
      let result = Swift.Result { try body() }
      let after = try identity()
      if after == before { return try result.get() }
      before = after
    }
    throw FileError(.read, path: path, code: EBUSY)
  }

  private func carryOver(from old: Folder, to new: Folder, dropping: Set<String>) throws {
    let made = Set(try new.names())
    for name in try old.names()
    where !made.contains(name) && !dropping.contains(FileSystem.text(name)) {
      try old.carryOver(name, to: new)
    }
  }

  private func exchange(_ temporary: String) throws {
    #if canImport(Darwin)
      try FileSystem.call(.replace, path) {
        renamex_np(temporary, path, UInt32(RENAME_SWAP))
      }
    #else
      try FileSystem.call(.replace, path) {
        renameat2(AT_FDCWD, temporary, AT_FDCWD, path, 1 << 1)  // RENAME_EXCHANGE
      }
    #endif
  }
}

/// Writes the contents of a folder that `AtomicFolder.replace` is about to put in place.
package final class FolderBuilder {
  private let temporary: String
  private let target: String
  /// Folders made inside, to be flushed to disk when everything is written.
  fileprivate private(set) var folders: Set<String> = []

  fileprivate init(temporary: String, target: String) {
    self.temporary = temporary
    self.target = target
  }

  /// Writes a file; a name such as "trainer/state.json" makes the folder too. Errors name the path
  /// the file would have had.
  package func write(_ name: String, _ bytes: [UInt8]) throws {
    try write(name) { file in try bytes.withUnsafeBytes { try file.write($0) } }
  }

  /// Writes a safetensors file; gives the checksum stored in it.
  @discardableResult
  package func write(_ name: String, _ tensors: SafetensorsWriter) throws -> String {
    var checksum = ""
    try write(name) { checksum = try tensors.write(to: $0) }
    return checksum
  }

  package func write(_ name: String, _ body: (OutputFile) throws -> Void) throws {
    let finalPath = FileSystem.join(target, name)
    let file = try OutputFile(creating: try makeRoom(for: name), for: finalPath)
    if let mode = try FileSystem.status(of: finalPath)?.st_mode,
      FileSystem.kind(mode: mode) == .file
    {
      try file.setMode(mode & 0o777)
    }
    try body(file)
    try file.synchronize()
    try file.close()
  }

  /// Takes a file or folder of the old folder over as it is; false when there is none.
  ///
  /// Only needed for what `dropping` names or for part of a folder that is otherwise written anew.
  @discardableResult
  package func keep(_ name: String) throws -> Bool {
    let source = FileSystem.join(target, name)
    guard try FileSystem.status(of: source) != nil else { return false }
    let path = try makeRoom(for: name)
    let entry = FileSystem.split(name).name
    try Folder(FileSystem.split(source).parent)
      .carryOver(Array(entry.utf8CString), to: Folder(FileSystem.split(path).parent))
    return true
  }

  private func makeRoom(for name: String) throws -> String {
    let path = FileSystem.join(temporary, name)
    let parent = FileSystem.split(path).parent
    if parent != temporary {
      try FileSystem.createFolders(parent)
      folders.insert(parent)
    }
    return path
  }
}
