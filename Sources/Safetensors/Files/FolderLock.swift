#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The right to write a folder, held by one process at a time.
///
/// An advisory lock (`flock`) on `.NAME.temper-lock` beside the folder: the folder itself is
/// replaced by every save, so a lock on it would go with the old one. The system releases the lock
/// however the process ends; the file is removed in an orderly end and does no harm otherwise.
package final class FolderLock {
  package let path: String
  private let lockPath: String
  private let descriptor: Int32

  /// Throws `FolderInUse` when another process (or another lock of this one) holds it.
  package init(_ folder: AtomicFolder) throws {
    path = folder.path
    let (parent, name) = FileSystem.split(folder.path)
    let lockPath = FileSystem.join(parent, ".\(name).temper-lock")
    self.lockPath = lockPath
    while true {
      let descriptor = try FileSystem.call(.lock, lockPath) {
        open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
      }
      do {
        try FileSystem.call(.lock, lockPath) { flock(descriptor, LOCK_EX | LOCK_NB) }
        // The holder before may have removed the file between our opening and locking it.
        if try Self.isStillThere(descriptor, lockPath) {
          try Self.record(descriptor, lockPath)
          self.descriptor = descriptor
          return
        }
        close(descriptor)
      } catch let error as FileError {
        let process = Self.holder(descriptor)
        close(descriptor)
        if error.code == EWOULDBLOCK { throw FolderInUse(path: folder.path, process: process) }
        throw error
      }
    }
  }

  deinit {
    unlink(lockPath)
    close(descriptor)
  }

  private static func isStillThere(_ descriptor: Int32, _ lockPath: String) throws -> Bool {
    var held = stat()
    try FileSystem.call(.lock, lockPath) { fstat(descriptor, &held) }
    guard let found = try FileSystem.status(of: lockPath) else { return false }
    return held.st_dev == found.st_dev && held.st_ino == found.st_ino
  }

  /// Tells whoever is refused which process to look for.
  private static func record(_ descriptor: Int32, _ lockPath: String) throws {
    let text = Array("\(getpid())\n".utf8)
    try FileSystem.call(.lock, lockPath) { ftruncate(descriptor, 0) }
    try FileSystem.call(.lock, lockPath) { pwrite(descriptor, text, text.count, 0) }
  }

  private static func holder(_ descriptor: Int32) -> Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    let digits = bytes[..<count].prefix { $0 != 0x0A }
    return Int32(String(decoding: digits, as: UTF8.self))
  }
}
