import Testing
import Workbench

/// The conversation with lines that come from a file or a pipe.
@Suite("temper from a pipe", .serialized)
struct PipeTests {
  let fixture: ModelFixture

  init() throws { fixture = try ModelFixture() }

  private func continuation(_ prompt: String, seed: UInt64, length: Int) throws -> String {
    let text = try Generator(fixture.model, prompt: prompt, seed: seed, length: length)
      .map(\.text).joined()
    return prompt + text + (text.hasSuffix("\n") ? "" : "\n")
  }

  @Test("No greeting, no prompt, no colour: replies only", arguments: [[], ["repl"]])
  func replies(arguments: [String]) throws {
    let result = try fixture.run(
      arguments + ["--length", "20", "--seed", "3"], input: "hello\n\n/t 0\n中文",
      environment: ["NO_COLOR": ""])
    let greedy = try Generator(
      fixture.model, prompt: "中文", sampling: Sampling(temperature: 0), seed: 3, length: 20
    ).map(\.text).joined()
    let expected =
      try continuation("hello", seed: 3, length: 20) + "seed 3 · 20 characters\ntemperature 0\n"
      + "中文" + greedy + (greedy.hasSuffix("\n") ? "" : "\n") + "seed 3 · 20 characters\n"
    #expect(result.code == 0)
    #expect(result.output == expected)
    #expect(result.errors.isEmpty)
  }

  @Test("The first error stops it with exit code 1")
  func firstErrorStops() throws {
    let result = try fixture.run(
      ["--length", "5"], input: "/t 0.5\n/temprature 1\n/t 0.6\n")
    #expect(result.code == 1)
    #expect(result.output == "temperature 0.5\n")
    #expect(
      result.errors
        == "temper: line 2: there is no command /temprature; did you mean /temperature?\n")
  }

  @Test("--keep-going goes on, and still ends with 1")
  func keepGoing() throws {
    let result = try fixture.run(
      ["--keep-going", "--length", "5"], input: "/t 0.5\n/nonsense\n/t 0.6\nЖ\n/t 0.7\n")
    #expect(result.code == 1)
    #expect(result.output == "temperature 0.5\ntemperature 0.6\ntemperature 0.7\n")
    #expect(result.errors.split(separator: "\n").count == 2)
  }

  @Test("/quit leaves, the end too")
  func quit() throws {
    let result = try fixture.run([], input: "/t 0.5\n/quit\n/nonsense\n")
    #expect(result.code == 0 && result.output == "temperature 0.5\n")
    #expect(try fixture.run([], input: "").code == 0)
  }

  @Test("A line that is not UTF-8 is an error that names it")
  func invalidUTF8() throws {
    // A file keeps what a string cannot hold.
    let result = try Program.run(
      [], inputBytes: Array("/t 1\n/t ".utf8) + [0xC3, 0x28, 0x0A],
      environment: ["TEMPER_MODEL": fixture.path], in: fixture.folder)
    #expect(result.code == 1)
    #expect(result.output == "temperature 1\n")
    #expect(result.errors == "temper: standard input, line 2: not valid UTF-8\n")
  }

  @Test("A long line is a prompt like any other")
  func longLine() throws {
    let line = String(repeating: "hello ", count: 100_000)
    let result = try fixture.run(["--length", "5", "--seed", "1"], input: line + "\n")
    #expect(result.code == 0)
    #expect(result.output.hasPrefix(line))
  }

  @Test("Models are saved, listed and loaded")
  func models() throws {
    let path = fixture.folder.file("saved")
    let result = try fixture.run(
      ["--length", "5", "--seed", "1"],
      input: "hello\n/save \(path)\n/load \(path)\n/again\n/models\n")
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.output.contains("saved to \(path)\nsaved: "))
    let lines = result.output.split(separator: "\n")
    #expect(lines.count { $0.hasPrefix("hello") } == 2)
    #expect(result.output.contains("tiny"))
    let again = try fixture.run([], input: "/save \(path)\n")
    #expect(again.code == 1 && again.errors.contains("--force"))
    #expect(try fixture.run([], input: "/save \(path) --force\n").code == 0)
  }
}
