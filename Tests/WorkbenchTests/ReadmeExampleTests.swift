import Foundation
import Testing
import Workbench

@Suite struct ReadmeExampleTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private static func lines(of path: String) throws -> [String] {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
      .components(separatedBy: "\n")
  }

  /// The lines after the first one that is `start`, up to the next that is `end`.
  private static func lines(from start: String, to end: String, in lines: [String]) throws
    -> [String]
  {
    let first = try #require(lines.firstIndex(of: start), "no line is \(start)")
    let rest = lines[(first + 1)...]
    let last = try #require(rest.firstIndex(of: end), "no line after it is \(end)")
    return Array(rest[..<last])
  }

  @Test func readmeShowsTheExampleThatIsCompiled() throws {
    let readme = try Self.lines(of: "README.md")
    let marker = try #require(readme.firstIndex { $0.hasPrefix("<!-- example:") })
    let shown = try Self.lines(
      from: "```swift", to: "```", in: Array(readme[(marker + 1)...]))
    let source = try Self.lines(of: "Tests/WorkbenchTests/ReadmeExample.swift")
    let compiled = try Self.lines(
      from: "  // The example begins.", to: "  // The example ends.", in: source)
    #expect(compiled.allSatisfy { $0.hasPrefix("  ") })
    #expect(source.first == "import Workbench")
    #expect(shown == ["import Workbench", ""] + compiled.map { String($0.dropFirst(2)) })
    #expect(shown.count <= 15)
  }

  /// The example names the folder as seen from the package's root, which is where `swift test` runs.
  @Test(.enabled(if: ModelFolder.holdsModel("weights/fables"), "weights/fables is not here"))
  func theExampleRuns() throws {
    let text = try readmeExample()
    #expect(text.hasPrefix("Once "))
    let model = try ModelFolder.load("weights/fables")
    let characters = try model.vocabulary.encode(text)
    #expect(characters.count == "Once ".count + 200)
    let again = try readmeExample()
    #expect(text == again)
  }
}
