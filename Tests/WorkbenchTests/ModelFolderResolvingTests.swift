import Foundation
import Safetensors
import Testing
import Workbench

private typealias Fixture = ModelFolderFixture

@Suite struct ModelFolderResolvingTests {
  /// A checkout, an installed program, and somebody's own model:
  /// repository/{weights/{fables,yuyan},.build/x86/release/temper,.build/release ->
  /// x86/release,corpus/deep}, installed/{bin/temper,share/temper/weights/fables},
  /// copied/{temper,weights/fables}, own/model, own/file, own/empty.
  private func withTree(_ body: (String) throws -> Void) throws {
    try Fixture.withFolder { root in
      let manager = FileManager.default
      func folder(_ path: String) throws {
        try manager.createDirectory(atPath: root + "/" + path, withIntermediateDirectories: true)
      }
      func model(_ path: String) throws {
        try folder(path)
        try Fixture.write(Array("{}".utf8), root + "/" + path + "/config.json")
      }
      for path in [
        "repository/weights/fables", "repository/weights/yuyan",
        "installed/share/temper/weights/fables", "copied/weights/fables", "own/model",
      ] { try model(path) }
      for path in [
        "repository/corpus/deep", "repository/.build/x86/release", "installed/bin", "own/empty",
        "elsewhere", "repository/weights/.hidden", "repository/weights/notes",
      ] { try folder(path) }
      for path in [
        "repository/.build/x86/release/temper", "installed/bin/temper", "copied/temper",
        "own/file",
      ] { try Fixture.write([], root + "/" + path) }
      try manager.createSymbolicLink(
        atPath: root + "/repository/.build/release", withDestinationPath: "x86/release")
      try manager.createSymbolicLink(
        atPath: root + "/elsewhere/temper",
        withDestinationPath: root + "/repository/.build/release/temper")
      try body(try FileSystem.resolve(root))
    }
  }

  private func resolve(
    _ root: String, _ explicit: String? = nil, from directory: String = "elsewhere",
    program: String? = nil, environment: [String: String] = [:]
  ) throws -> String {
    let path = try ModelFolder.resolve(
      explicit: explicit, environment: environment, executablePath: program.map { root + "/" + $0 },
      currentDirectory: root + "/" + directory)
    #expect(path.hasPrefix(root + "/"))
    return String(path.dropFirst(root.count + 1))
  }

  @Test func theStandardModel() throws {
    try withTree { root throws in
      #expect(try resolve(root, from: "repository") == "repository/weights/fables")
      #expect(try resolve(root, from: "repository/corpus/deep") == "repository/weights/fables")
      for program in [
        "repository/.build/release/temper", "repository/.build/x86/release/temper",
        "elsewhere/temper",
      ] {
        #expect(try resolve(root, program: program) == "repository/weights/fables")
      }
      #expect(try resolve(root, program: "copied/temper") == "copied/weights/fables")
      #expect(
        try resolve(root, program: "installed/bin/temper")
          == "installed/share/temper/weights/fables")
      // Where one is, its models come first.
      #expect(
        try resolve(root, from: "copied", program: "elsewhere/temper") == "copied/weights/fables")
    }
  }

  @Test func aNamedModel() throws {
    try withTree { root throws in
      #expect(try resolve(root, "model", from: "own") == "own/model")
      #expect(try resolve(root, "own/model", from: ".") == "./own/model")
      #expect(try resolve(root, root + "/own/model") == "own/model")
      #expect(try resolve(root, "yuyan", program: "elsewhere/temper") == "repository/weights/yuyan")
      #expect(
        try resolve(root, program: "elsewhere/temper", environment: ["TEMPER_MODEL": "yuyan"])
          == "repository/weights/yuyan")
      #expect(
        try resolve(root, environment: ["TEMPER_MODEL": root + "/own/model"]) == "own/model")
      #expect(
        try resolve(
          root, "fables", program: "copied/temper", environment: ["TEMPER_MODEL": "yuyan"])
          == "copied/weights/fables")
      #expect(
        try resolve(root, program: "copied/temper", environment: ["TEMPER_MODEL": ""])
          == "copied/weights/fables")
    }
  }

  @Test func whatCannotBeFound() throws {
    try withTree { root throws in
      var message = Fixture.message { _ = try resolve(root, "nothing", program: "copied/temper") }
      for place in ["elsewhere/nothing", "elsewhere/weights/nothing", "copied/weights/nothing"] {
        #expect(message.contains(root + "/" + place))
      }
      message = Fixture.message {
        _ = try resolve(root, environment: ["TEMPER_MODEL": "nothing"])
      }
      #expect(message.contains("TEMPER_MODEL"))
      message = Fixture.message { _ = try resolve(root, "../fables", program: "copied/temper") }
      #expect(!message.contains("weights/../"))
      #expect(throws: ModelFolderError.self) { try resolve(root, "", from: "own/model") }
      #expect(throws: ModelFolderError.notAFolder(path: root + "/own/file")) {
        try resolve(root, "file", from: "own")
      }
      #expect(throws: ModelFolderError.missingFile(path: root + "/own/empty/config.json")) {
        try resolve(root, "empty", from: "own")
      }
    }
  }

  @Test func listing() throws {
    try withTree { root throws in
      func names(_ directory: String, _ program: String?, _ model: String? = nil) -> [String] {
        ModelFolder.available(
          environment: model.map { ["TEMPER_MODEL": $0] } ?? [:],
          executablePath: program.map { root + "/" + $0 }, currentDirectory: root + "/" + directory
        ).map { $0.name + " " + $0.path.dropFirst(root.count + 1) }
      }
      let repository = ["fables repository/weights/fables", "yuyan repository/weights/yuyan"]
      #expect(names("elsewhere", "elsewhere/temper") == repository)
      #expect(names("repository", "repository/.build/release/temper") == repository)
      #expect(
        names("copied", "elsewhere/temper")
          == ["fables copied/weights/fables", "yuyan repository/weights/yuyan"])
      #expect(names("copied", nil, root + "/own/model").last == "model own/model")
    }
  }
}
