import Foundation
import Safetensors
import Testing
import Text
import Transformer
import Workbench

private typealias Fixture = ModelFolderFixture

@Suite struct ModelFolderSavingTests {
  @Test func foldersAboveAreMade() throws {
    try Fixture.withFolder { path in
      let deep = path + "/a/b/c"
      try ModelFolder.save(try Fixture.contents(), to: deep + "/")
      #expect(try ModelFolder.load(deep).name == "c")
      #expect(ModelFolder.holdsModel(deep))
      #expect(!ModelFolder.holdsModel(path))
      #expect(try FileSystem.names(in: path + "/a/b") == ["c"])
    }
  }

  /// A value in the very last tensor that cannot be stored: everything before it was written
  /// already.
  @Test(arguments: [ModelFolder.Precision.float32, .bfloat16])
  func aFailingSaveKeepsTheOldModel(precision: ModelFolder.Precision) throws {
    try Fixture.withFolder { path in
      var contents = try Fixture.contents()
      contents.trainer = Fixture.trainer(contents.parameters.configuration)
      try ModelFolder.save(contents, to: path)
      let old = try Fixture.files(path)
      contents.precision = precision
      contents.parameters = contents.parameters.copy()
      let last = try #require(contents.parameters.entries.last)
      // The largest float is too large for BF16.
      contents.parameters.elements[last.range.upperBound - 1] =
        precision == .float32 ? .nan : .greatestFiniteMagnitude
      #expect(
        throws: ModelFolderError.cannotStore(
          path: path, tensor: last.name, index: last.count - 1)
      ) { try ModelFolder.save(contents, to: path) }
      #expect(try Fixture.files(path) == old)
      #expect(try FileSystem.names(in: FileSystem.split(path).parent) == ["model"])

      // The trainer's numbers are written last of all.
      contents = try Fixture.contents(seed: 3)
      contents.trainer = Fixture.trainer(contents.parameters.configuration)
      let values = try #require(contents.trainer?.tensors.last?.values)
      values.elements[0] = .infinity
      #expect(Fixture.message { try ModelFolder.save(contents, to: path) }.contains("first.moment"))
      #expect(try Fixture.files(path) == old)
    }
  }

  @Test func whereNothingCanBeWritten() throws {
    try Fixture.withFolder { path in
      try Fixture.write([1, 2], path)
      let contents = try Fixture.contents()
      #expect(
        throws: ModelFolderError.cannotSave(
          path: path, cause: FileError(.replace, path: path, code: ENOTDIR))
      ) { try ModelFolder.save(contents, to: path) }
      #expect(
        Fixture.message { try ModelFolder.save(contents, to: path + "/below") }.contains(path))
      #expect(try Fixture.read(path) == [1, 2])
      // A file system that takes no new folders, even from the superuser.
      #if os(Linux)
        let message = Fixture.message { try ModelFolder.save(contents, to: "/proc/temper") }
        #expect(message.contains("/proc/temper: the model was not saved"))
      #endif
    }
    let full = ModelFolderError.cannotSave(
      path: "m", cause: FileError(.write, path: "m/model.safetensors", code: ENOSPC))
    #expect(
      full.description.contains("m/model.safetensors") && full.description.contains("make room"))
  }

  @Test func oneWriterAtATime() throws {
    try Fixture.withFolder { path in
      let contents = try Fixture.contents()
      let lock = try ModelFolder.lock(path)
      #expect(throws: FolderInUse.self) { try ModelFolder.save(contents, to: path) }
      try ModelFolder.save(contents, holding: lock)
      try ModelFolder.save(contents, holding: lock)
      _ = try ModelFolder.load(path)
    }
  }

  @Test func symbolicLinksAreFollowed() throws {
    try Fixture.withFolder { path in
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "elsewhere")
      let contents = try Fixture.contents()
      try ModelFolder.save(contents, to: path)
      try ModelFolder.save(contents, to: path)
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == "elsewhere")
      #expect(try ModelFolder.load(path).name == "elsewhere")
    }
  }

  /// Files of another program's model would change what the new one means to it.
  @Test func whatBelongedToTheOldModelGoes() throws {
    try Fixture.withFolder { path in
      try Fixture.saveLikeTransformers(try Fixture.contents(), to: path)
      for name in ["special_tokens_map.json", "model.safetensors.index.json", "mine.txt"] {
        try Fixture.write(Array("{}".utf8), path + "/" + name)
      }
      try ModelFolder.save(try Fixture.contents(), to: path)
      #expect(
        try FileSystem.names(in: path) == [
          "README.md", "config.json", "generation_config.json", "mine.txt", "model.safetensors",
          "tokenizer.json", "tokenizer_config.json",
        ])
    }
  }

  /// Two models with as many other characters take turns; no reader sees parts of both.
  @Test func readersSeeOneModelOrTheOther() throws {
    try Fixture.withFolder { path in
      let characters = ModelFolderFixture.characters
      let turns = [
        try Fixture.contents(seed: 1, characters: characters),
        try Fixture.contents(seed: 2, characters: characters.map { $0 == "a" ? "b" : $0 }),
      ]
      let models = turns.map { ($0.vocabulary, $0.parameters.bits) }
      try ModelFolder.save(turns[0], to: path)
      // A thread of its own: the tests' threads may all be busy.
      let writer = Thread {
        for turn in 1...60 {
          do {
            try ModelFolder.save(turns[turn % 2], to: path)
          } catch {
            Issue.record(error)
          }
        }
      }
      writer.start()
      var loads = 0
      repeat {
        let model = try ModelFolder.load(path)
        let bits = model.model.parameters.bits
        #expect(models.contains { $0.0 == model.vocabulary && $0.1 == bits })
        loads += 1
      } while !writer.isFinished
      #expect(loads > 1)
    }
  }
}
