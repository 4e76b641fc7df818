import Foundation
import Safetensors
import Testing

@Suite struct FileSystemTests {
  private func text(_ path: String) throws -> String {
    String(decoding: try FileSystem.read(path, maximumBytes: 1000), as: UTF8.self)
  }

  private func names(_ folder: String) throws -> [String] { try FileSystem.names(in: folder) }

  private func put(_ text: String, _ path: String) throws {
    try FileSystem.replaceFile(path, with: Array(text.utf8))
  }

  private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  private struct Failure: Error {}

  // MARK: - Files

  @Test func readingHasALimit() throws {
    try withTemporaryFolder { folder in
      try put("12345", folder + "/f")
      #expect(try FileSystem.read(folder + "/f", maximumBytes: 5).count == 5)
      #expect(throws: FileError(.read, path: folder + "/f", code: EFBIG)) {
        try FileSystem.read(folder + "/f", maximumBytes: 4)
      }
    }
  }

  @Test func replacingAFile() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/f"
      try put("old", path)
      try #require(chmod(path, 0o640) == 0)
      try put("new", path)
      #expect(try text(path) == "new")
      #expect(try mode(path) == 0o640)
      #expect(throws: Failure.self) {
        try FileSystem.replaceFile(path) { file in
          try Array("half".utf8).withUnsafeBytes { try file.write($0) }
          throw Failure()
        }
      }
      #expect(try text(path) == "new")
      #expect(try names(folder) == ["f"])
      #expect(throws: FileError(.write, path: folder, code: EISDIR)) { try put("x", folder) }
    }
  }

  @Test func replacingAFileThroughALink() throws {
    try withTemporaryFolder { folder in
      try FileSystem.createFolders(folder + "/a/b")
      try put("old", folder + "/a/b/f")
      try #require(symlink("a/b/f", folder + "/link") == 0)
      try put("new", folder + "/link")
      #expect(try text(folder + "/a/b/f") == "new")
      #expect(try names(folder) == ["a", "link"])
      try #require(symlink("a/later", folder + "/dangling") == 0)
      try put("made", folder + "/dangling")
      #expect(try text(folder + "/a/later") == "made")
      try #require(symlink("loop", folder + "/loop") == 0)
      #expect(throws: FileError.self) { try put("x", folder + "/loop") }
    }
  }

  @Test func whatIsNoRegularFileIsWrittenDirectly() throws {
    try put("nobody reads this", "/dev/null")
    #expect(try FileSystem.kind(of: "/dev/null") == .other)
  }

  @Test(arguments: [
    ("a", ".", "a"), ("a/b", "a", "b"), ("/a", "/", "a"), ("/a/b/", "/a", "b"),
    ("a//b//", "a", "b"), ("./a", ".", "a"), ("/", "/", ""),
  ])
  func splitting(path: String, parent: String, name: String) {
    #expect(FileSystem.split(path) == (parent, name))
  }

  @Test func errorsShowNoControlCharacters() {
    let error = FileError(.open, path: "/a\u{1B}[2Jb", code: ENOENT)
    #expect(error.description == "cannot open /a\\u{1B}[2Jb: No such file or directory")
  }

  // MARK: - Folders

  @Test func aNewFolder() throws {
    try withTemporaryFolder { folder in
      let target = try AtomicFolder(folder + "/model")
      try target.replace { new in
        try new.write("config.json", Array("{}".utf8))
        try new.write("trainer/state.json", Array("1".utf8))
        var tensors = SafetensorsWriter()
        tensors.add("t", shape: [1], floats: [1])
        try new.write("model.safetensors", tensors)
        #expect(try FileSystem.kind(of: folder + "/model") == nil)
      }
      #expect(try names(folder) == ["model"])
      #expect(try names(folder + "/model") == ["config.json", "model.safetensors", "trainer"])
      #expect(try text(folder + "/model/trainer/state.json") == "1")
      #expect(try SafetensorsFile(path: folder + "/model/model.safetensors").verifyChecksum())
    }
  }

  @Test func replacingAFolder() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/model"
      let target = try AtomicFolder(path)
      try target.replace { new in
        try new.write("config.json", Array("old".utf8))
        try new.write("trainer/a", Array("old".utf8))
        try new.write("trainer/b", Array("old".utf8))
        try new.write("stale", Array("old".utf8))
      }
      // What a person may have done to the folder.
      try put("mine", path + "/notes.txt")
      try FileSystem.createFolders(path + "/more/inside")
      try put("mine too", path + "/more/inside/f")
      try #require(symlink("nowhere", path + "/link") == 0)
      try #require(chmod(path, 0o750) == 0)
      try #require(chmod(path + "/config.json", 0o600) == 0)

      try target.replace(dropping: ["stale"]) { new in
        try new.write("config.json", Array("new".utf8))
        try new.write("trainer/a", Array("new".utf8))
        #expect(try new.keep("trainer/b"))
        #expect(try !new.keep("trainer/c"))
        #expect(try text(path + "/config.json") == "old")
      }
      #expect(try names(folder) == ["model"])
      #expect(
        try names(path) == ["config.json", "link", "more", "notes.txt", "trainer"])
      #expect(try text(path + "/config.json") == "new")
      #expect(try text(path + "/trainer/a") == "new")
      #expect(try text(path + "/trainer/b") == "old")
      #expect(try text(path + "/notes.txt") == "mine")
      #expect(try text(path + "/more/inside/f") == "mine too")
      #expect(try mode(path) == 0o750)
      #expect(try mode(path + "/config.json") == 0o600)
    }
  }

  @Test func aFailedBuildKeepsTheOldFolder() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/model"
      let target = try AtomicFolder(path)
      #expect(throws: Failure.self) { try target.replace { _ in throw Failure() } }
      #expect(try names(folder) == [])
      try target.replace { try $0.write("f", Array("old".utf8)) }
      #expect(throws: Failure.self) {
        try target.replace { new in
          try new.write("f", Array("new".utf8))
          throw Failure()
        }
      }
      // Errors name the path that the person knows.
      #expect(throws: FileError(.create, path: path + "/f", code: EEXIST)) {
        try target.replace { new in
          try new.write("f", Array("new".utf8))
          try new.write("f", Array("again".utf8))
        }
      }
      var tensors = SafetensorsWriter()
      tensors.add("t", shape: [1], floats: [.nan])
      #expect(
        throws: SafetensorsError.notFinite(
          file: path + "/model.safetensors", tensor: "t", index: 0)
      ) {
        try target.replace { try $0.write("model.safetensors", tensors) }
      }
      #expect(try text(path + "/f") == "old")
      #expect(try names(path) == ["f"])
      #expect(try names(folder) == ["model"])
    }
  }

  @Test func linksAreFollowed() throws {
    try withTemporaryFolder { folder in
      try FileSystem.createFolders(folder + "/real/model")
      try #require(symlink("real/model", folder + "/link") == 0)
      try #require(symlink("real/later", folder + "/dangling") == 0)
      try AtomicFolder(folder + "/link/").replace { try $0.write("f", [0x61]) }
      try AtomicFolder(folder + "/dangling").replace { try $0.write("f", [0x62]) }
      #expect(try text(folder + "/real/model/f") == "a")
      #expect(try text(folder + "/real/later/f") == "b")
      #expect(try names(folder) == ["dangling", "link", "real"])
      #expect(try names(folder + "/real") == ["later", "model"])
    }
  }

  @Test func whatCannotBeReplaced() throws {
    try withTemporaryFolder { folder in
      try put("x", folder + "/f")
      #expect(throws: FileError(.replace, path: folder + "/f", code: ENOTDIR)) {
        try AtomicFolder(folder + "/f").replace { _ in }
      }
      #expect(throws: FileError(.resolve, path: folder + "/no", code: ENOENT)) {
        try AtomicFolder(folder + "/no/model")
      }
      #expect(throws: FileError.self) { try AtomicFolder("/") }
      #expect(try names(folder) == ["f"])
    }
  }

  @Test func temporariesOfDeadProcessesAreRemoved() throws {
    try withTemporaryFolder { folder in
      let dead = 999_999_999  // beyond the largest process number of Linux and macOS
      let alive = getppid()
      for name in [
        ".model.temper-\(dead)", ".model.temper-\(alive)", ".model.temper-\(getpid())",
        ".model.temper-x", ".model.temper-", ".other.temper-\(dead)", "model.temper-\(dead)",
      ] {
        try FileSystem.createFolders(folder + "/" + name + "/trainer")
        try put("x", folder + "/" + name + "/trainer/f")
      }
      try AtomicFolder(folder + "/model").replace { try $0.write("f", [0x61]) }
      #expect(
        try names(folder)
          == [
            ".model.temper-", ".model.temper-\(alive)", ".model.temper-x",
            ".other.temper-\(dead)", "model", "model.temper-\(dead)",
          ].sorted())
    }
  }

  @Test func readersSeeTheOldFolderOrTheNewOne() async throws {
    let folder =
      FileManager.default.temporaryDirectory.path + "/temper-tests-" + UUID().uuidString
    try FileSystem.createFolders(folder)
    defer { try? FileSystem.remove(folder) }
    let path = folder + "/model"
    let target = try AtomicFolder(path)
    try target.replace { new in
      for name in ["f", "g"] { try new.write(name, [UInt8](repeating: 0, count: 100)) }
    }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for round in 1...200 {
          let bytes = [UInt8](repeating: UInt8(round % 256), count: 100)
          try target.replace { new in
            try new.write("f", bytes)
            try new.write("g", bytes)
          }
        }
      }
      group.addTask {
        for _ in 0..<2000 {
          let bytes = try AtomicFolder.reading(path) {
            try FileSystem.read(path + "/f", maximumBytes: 1000)
              + FileSystem.read(path + "/g", maximumBytes: 1000)
          }
          #expect(bytes.count == 200 && Set(bytes).count == 1)
        }
      }
      try await group.waitForAll()
    }
  }

  // MARK: - Lock

  @Test func theSecondLockIsRefused() throws {
    try withTemporaryFolder { folder in
      let target = try AtomicFolder(folder + "/model")
      var lock: FolderLock? = try FolderLock(target)
      #expect(lock?.path == target.path)
      #expect(throws: FolderInUse(path: target.path, process: getpid())) {
        try FolderLock(AtomicFolder(folder + "/model"))
      }
      // A save replaces the folder, not the lock.
      try target.replace { try $0.write("f", [0x61]) }
      #expect(throws: FolderInUse.self) { try FolderLock(target) }
      #expect(throws: Never.self) { try FolderLock(AtomicFolder(folder + "/other")) }
      lock = nil
      #expect(try names(folder) == ["model"])
      #expect(throws: Never.self) { try FolderLock(target) }
    }
  }

  @Test func aLockFileLeftBehindDoesNoHarm() throws {
    try withTemporaryFolder { folder in
      try put("123\n", folder + "/.model.temper-lock")
      let target = try AtomicFolder(folder + "/model")
      let lock = try FolderLock(target)
      try target.replace { try $0.write("f", [0x61]) }
      #expect(try text(folder + "/.model.temper-lock") == "\(getpid())\n")
      _ = lock
    }
  }
}
