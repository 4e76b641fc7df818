#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reading text files, and finding them in folders.
package enum TextFile {
  /// The largest file that is read as one text: 2 GiB. Also what ends the reading of a device that
  /// never ends.
  package static let limit = 1 << 31

  /// What tells two paths to the same file.
  struct Identity: Hashable {
    let device: UInt64
    let file: UInt64
  }

  /// A whole file's bytes. Pipes are read to their end.
  ///
  /// - Throws: `TextError.isDirectory`, `.tooLarge` or `.unreadable` with the system's reason.
  package static func read(_ path: String) throws(TextError) -> [UInt8] {
    try readIdentified(path).bytes
  }

  /// A whole text file, normalized.
  ///
  /// - Throws: as `read(_:)`, and `TextError.invalidUTF8`.
  package static func text(at path: String) throws(TextError) -> String {
    let bytes = try Normalization.normalize(read(path), source: path)
    return String(decoding: bytes, as: UTF8.self)
  }

  static func readIdentified(
    _ path: String
  ) throws(TextError) -> (bytes: [UInt8], identity: Identity) {
    try check(path)
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
    guard descriptor >= 0 else { throw failure(path, errno) }
    defer { _ = close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path, errno) }
    if isDirectory(status) { throw TextError.isDirectory(path: path) }
    guard Int(status.st_size) <= limit else { throw TextError.tooLarge(path: path, limit: limit) }

    // One byte more than the size says, so that the end is seen without another buffer.
    var bytes: [UInt8] = []
    var room = max(Int(status.st_size) + 1, 1 << 16)
    var problem: Int32 = 0
    var isAtEnd = false
    while !isAtEnd {
      var filled = bytes.count
      let old = bytes
      bytes = []
      bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        _ = buffer.initialize(from: old)
        while filled < room {
          let got = Self.fill(descriptor, buffer, from: filled)
          if got > 0 {
            filled += got
          } else if got == 0 {
            isAtEnd = true
            break
          } else if errno != EINTR {
            problem = errno
            isAtEnd = true
            break
          }
        }
        count = filled
      }
      room = min(room * 2, limit + 1)
      if bytes.count > limit { throw TextError.tooLarge(path: path, limit: limit) }
    }
    if problem != 0 { throw failure(path, problem) }
    return (bytes, identity(status))
  }

  private static func fill(
    _ descriptor: Int32, _ buffer: UnsafeMutableBufferPointer<UInt8>, from offset: Int
  ) -> Int {
    guard let base = buffer.baseAddress else { return 0 }
    // Linux reads at most 0x7FFFF000 bytes at once, Darwin refuses more than Int32.max.
    let count = min(buffer.count - offset, 1 << 30)
    return Int(System.read(descriptor, base + offset, count))
  }

  /// The files a list of paths names: a file is itself, a folder is the text files in it.
  ///
  /// Folders are searched to any depth for `.txt`, `.md` and `.text`, in the order of their names'
  /// bytes; hidden files and folders, and symbolic links to folders (which may go round), are
  /// passed over.
  ///
  /// - Throws: `TextError.unreadable`, or `.noTextFiles` for a folder without any.
  package static func expand(_ paths: [String]) throws(TextError) -> [String] {
    var files: [String] = []
    for path in paths {
      try check(path)
      var status = stat()
      guard stat(path, &status) == 0 else { throw failure(path, errno) }
      guard isDirectory(status) else {
        files.append(path)
        continue
      }
      let before = files.count
      try search(path, into: &files)
      if files.count == before { throw TextError.noTextFiles(folder: path) }
    }
    return files
  }

  private static func search(_ root: String, into files: inout [String]) throws(TextError) {
    // A list of what is left to do instead of recursion: a tree may be deeper than the stack.
    var pending = [(path: root, isFolder: true)]
    while let (path, isFolder) = pending.popLast() {
      guard isFolder else {
        files.append(path)
        continue
      }
      var inside: [(path: String, isFolder: Bool)] = []
      let names = try names(in: path)
      // A model's card and files say nothing of the text that the folder around them holds.
      if names.contains("model.safetensors"), path != root { continue }
      for name in names where !name.hasPrefix(".") {
        let child = path.hasSuffix("/") ? path + name : path + "/" + name
        var link = stat()
        guard lstat(child, &link) == 0 else { throw failure(child, errno) }
        if isDirectory(link) {
          inside.append((child, true))
        } else if isText(name) {
          var status = stat()
          guard stat(child, &status) == 0 else { throw failure(child, errno) }
          // Only plain files: opening a pipe that happens to lie there would wait for ever.
          if status.st_mode & S_IFMT == S_IFREG { inside.append((child, false)) }
        }
      }
      inside.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
      pending += inside.reversed()
    }
  }

  private static func names(in folder: String) throws(TextError) -> [String] {
    guard let directory = opendir(folder) else { throw failure(folder, errno) }
    defer { closedir(directory) }
    var names: [String] = []
    errno = 0
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
        let capacity = MemoryLayout.size(ofValue: field.pointee)
        return field.withMemoryRebound(to: UInt8.self, capacity: capacity) { bytes in
          String(decoding: UnsafeBufferPointer(start: bytes, count: strlen(bytes)), as: UTF8.self)
        }
      }
      names.append(name)
      errno = 0
    }
    // A listing that ends early for another reason would be a corpus with silent holes.
    guard errno == 0 else { throw failure(folder, errno) }
    return names
  }

  private static func isText(_ name: String) -> Bool {
    let name = name.lowercased()
    return [".txt", ".md", ".text"].contains { name.hasSuffix($0) }
  }

  private static func isDirectory(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFDIR }

  private static func identity(_ status: stat) -> Identity {
    Identity(
      device: UInt64(truncatingIfNeeded: status.st_dev),
      file: UInt64(truncatingIfNeeded: status.st_ino))
  }

  /// A NUL would end the path early and open another file than the one named.
  private static func check(_ path: String) throws(TextError) {
    if path.utf8.contains(0) {
      throw TextError.unreadable(path: path, reason: "the name contains a NUL character")
    }
  }

  private static func failure(_ path: String, _ code: Int32) -> TextError {
    .unreadable(path: path, reason: String(cString: strerror(code)))
  }
}

/// The system's `read`, whose name the functions above would hide.
private enum System {
  static func read(_ descriptor: Int32, _ buffer: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int
  {
    #if canImport(Glibc)
      Glibc.read(descriptor, buffer, count)
    #elseif canImport(Musl)
      Musl.read(descriptor, buffer, count)
    #else
      Darwin.read(descriptor, buffer, count)
    #endif
  }
}
