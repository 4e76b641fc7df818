import Foundation
import Safetensors
import Testing
import Text
import Transformer
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The commands, with files and pipes around them.
@Suite("temper's commands", .serialized)
struct CommandTests {
  let fixture: ModelFixture

  init() throws { fixture = try ModelFixture() }

  // MARK: generate

  @Test("generate prints the text to standard output and the seed to standard error")
  func generate() throws {
    let result = try fixture.run(["generate", "--prompt", "hello", "--seed", "5", "--length", "50"])
    let text = try Generator(fixture.model, prompt: "hello", seed: 5, length: 50)
      .map(\.text).joined()
    #expect(result.code == 0)
    #expect(result.output == "hello" + text + (text.hasSuffix("\n") ? "" : "\n"))
    #expect(result.errors == "seed 5\n")
  }

  @Test("Without a seed, each text is another, and its seed gives it again")
  func freshSeeds() throws {
    let first = try fixture.run(["generate", "--length", "60"])
    let second = try fixture.run(["generate", "--length", "60"])
    #expect(first.output != second.output)
    let seed = try #require(first.errors.split(separator: " ").last?.dropLast())
    #expect(
      try fixture.run(["generate", "--length", "60", "--seed", "\(seed)"]).output == first.output)
  }

  @Test("generate --json prints one object")
  func generateJSON() throws {
    let result = try fixture.run([
      "generate", "--prompt", "a’b", "--seed", "18446744073709551615", "--length", "30", "--json",
      "--temperature", "0.7", "--top-k", "9", "--top-p", "0.9", "--min-p", "0.01",
      "--repetition-penalty", "1.1", "--repetition-window", "8",
    ])
    #expect(result.code == 0)
    #expect(result.output.count { $0 == "\n" } == 1)
    #expect(result.errors.contains("’ is read as '"))
    let json = try JSON.parse(result.output)
    #expect(json["prompt"] == "a'b")
    #expect(json["seed"]?.uint64Value == .max)
    #expect(json["temperature"] == 0.7 && json["top_k"] == 9 && json["top_p"] == 0.9)
    let characters = try #require(json["characters"]?.arrayValue)
    #expect(characters.count == 30)
    #expect(characters.compactMap { $0["text"]?.stringValue }.joined() == json["text"]?.stringValue)
    for character in characters {
      #expect(try #require(character["logprob"]?.doubleValue) <= 0)
      #expect(try #require(character["entropy"]?.doubleValue) >= 0)
    }
  }

  @Test("Several samples have the next seeds")
  func samples() throws {
    let result = try fixture.run([
      "generate", "--samples", "3", "--seed", "8", "--length", "10", "--json",
    ])
    let lines = result.output.split(separator: "\n")
    #expect(try lines.map { try JSON.parse(String($0))["seed"]?.intValue } == [8, 9, 10])
    let plain = try fixture.run(["generate", "--samples", "2", "--seed", "8", "--length", "10"])
    #expect(plain.output.hasPrefix("--- 1, seed 8\n"))
    #expect(plain.output.contains("\n--- 2, seed 9\n"))
  }

  @Test("Products in bfloat16: what generate prints is what compare has, and the JSON says so")
  func products() throws {
    let arguments = ["--seed", "8", "--length", "30", "--products", "bfloat16", "--json"]
    let single = try JSON.parse(fixture.run(["generate"] + arguments).output)
    #expect(single["products"]?.stringValue == "bfloat16")
    let several = try fixture.run(["generate", "--samples", "2"] + arguments).output
    let first = try #require(several.split(separator: "\n").first)
    #expect(try JSON.parse(String(first)) == single)
    let report = try JSON.parse(
      fixture.run(["compare", "--temperatures", "0.8"] + arguments).output)
    #expect(report["products"]?.stringValue == "bfloat16")
    #expect(report["columns"]?[0]?["samples"]?[0]?["characters"] == single["characters"])
  }

  @Test("Prompts from files and with escapes, stop texts")
  func prompts() throws {
    let file = try fixture.folder.write("one\r\ntwo", to: "prompt.txt")
    #expect(
      try fixture.run(["generate", "--prompt-file", file, "--length", "5"]).output
        .hasPrefix("one\ntwo"))
    #expect(
      try fixture.run(["generate", "--prompt", "one\\ntwo", "--length", "5"]).output
        .hasPrefix("one\ntwo"))
    let stopped = try fixture.run([
      "generate", "--stop", "e", "--stop", "\\n", "--length", "500", "--seed", "1", "--json",
    ])
    let text = try #require(try JSON.parse(stopped.output)["text"]?.stringValue)
    #expect(text.count < 500 && !text.contains("e") && !text.contains("\n"))
  }

  @Test("Control characters are replaced unless --raw is given")
  func raw() throws {
    let wild = try ModelFixture(["\n", "\u{1B}", "a", "\u{9B}"])
    let arguments = ["generate", "--length", "300", "--seed", "2", "--temperature", "5"]
    let shown = try wild.run(arguments)
    #expect(!shown.outputBytes.contains(0x1B) && shown.output.contains("␛"))
    let raw = try wild.run(arguments + ["--raw"])
    #expect(raw.outputBytes.contains(0x1B))
    let json = try JSON.parse(try wild.run(arguments + ["--json"]).output)
    #expect(json["text"]?.stringValue == raw.output)
  }

  @Test("An interrupt ends generate with 130")
  func interrupt() throws {
    let result = try fixture.run(["generate", "--length", "9000000"], interrupt: SIGINT)
    #expect(result.code == 130)
    #expect(!result.output.isEmpty)
  }

  @Test("Nobody listening is no failure; a full disk is")
  func outputFailures() throws {
    let result = try fixture.run(["generate", "--length", "1000"], output: .closedPipe)
    #expect(result.code == 0)
    #expect(!result.errors.contains("temper:"))
    #if os(Linux)
      for arguments in [["generate"], ["inspect"], ["--help"], ["generate", "--json"]] {
        let full = try fixture.run(arguments, output: .file("/dev/full"))
        #expect(full.code == 1)
        #expect(full.errors.contains("temper: standard output: cannot be written: No space"))
      }
    #endif
  }

  // MARK: Other commands

  @Test("compare shows columns, or one object")
  func compare() throws {
    let arguments = [
      "compare", "--prompt", "hello", "--seed", "4", "--length", "40", "--temperatures",
      "0,0.8,2",
    ]
    let plain = try fixture.run(arguments)
    #expect(plain.code == 0 && plain.errors.isEmpty)
    #expect(plain.output.hasPrefix("hello\nT = 0 "))
    #expect(plain.output.contains("T = 2\n"))
    let json = try JSON.parse(try fixture.run(arguments + ["--json", "--samples", "2"]).output)
    let columns = try #require(json["columns"]?.arrayValue)
    #expect(columns.compactMap { $0["temperature"]?.doubleValue } == [0, 0.8, 2])
    #expect(columns.allSatisfy { $0["samples"]?.arrayValue?.count == 2 })
    let text = try Generator(fixture.model, prompt: "hello", seed: 4, length: 40)
      .map(\.text).joined()
    #expect(columns[1]["samples"]?[0]?["text"]?.stringValue == text)
    #expect(json["divergences"]?[0]?["crossing"]?["temperature"]?.doubleValue != nil)
    for (column, temperature) in zip(columns, ["0", "0.8", "2"]) {
      let generated = try fixture.run(
        [
          "generate", "--prompt", "hello", "--seed", "4", "--length", "40", "--temperature",
          temperature, "--json",
        ])
      #expect(
        try JSON.parse(generated.output)["text"]?.stringValue
          == column["samples"]?[0]?["text"]?.stringValue)
    }
  }

  @Test("compare writes a page, a figure and a table")
  func compareFiles() throws {
    let corpus = try fixture.folder.write("hello there, hello", to: "corpus.txt")
    let files = ["page.html", "figure.svg", "table.csv"].map { fixture.folder.file($0) }
    let arguments = [
      "compare", "--prompt", "hello", "--seed", "4", "--length", "30", "--temperatures", "0,1",
      "--samples", "4",
    ]
    let result = try fixture.run(
      arguments + [
        "--corpus", corpus, "--html", files[0], "--svg", files[1], "--csv", files[2],
      ])
    #expect(result.code == 0 && result.errors.isEmpty)
    #expect(result.output.contains("Over 4 texts at each temperature\n"))
    #expect(result.output.contains("longest copy") && result.output.contains("written to "))
    let starts = ["<!DOCTYPE html>", "<svg xmlns", "measure,temperature,"]
    for (file, start) in zip(files, starts) {
      let bytes = try FileSystem.read(file, maximumBytes: 1 << 24)
      #expect(String(decoding: bytes, as: UTF8.self).hasPrefix(start))
    }
    // A seed that nobody gave is told: the command on the page makes the page again.
    let page = try TextFile.text(at: files[0])
    #expect(page.split(separator: "<span>--seed</span>").count == 2)
    let drawn = try fixture.run(["compare", "--length", "5", "--json", "--html", files[0]])
    let seed = try #require(try JSON.parse(drawn.output)["seed"]?.intValue)
    #expect(
      try TextFile.text(at: files[0]).contains("<span>--seed</span> <span>\(seed)</span></code>"))
    let without = try fixture.run(arguments)
    #expect(!without.output.contains("longest copy,") && without.output.contains("--corpus FILE"))
    for option in ["--html", "--svg", "--csv"] {
      let lost = try fixture.run(arguments + [option, "nowhere/file"])
      #expect(lost.code == 1 && lost.errors.contains("nowhere/file"))
    }
    let missing = try fixture.run(arguments + ["--corpus", "nowhere.txt"])
    #expect(missing.code == 1 && missing.errors.contains("nowhere.txt"))
    let same = try fixture.run(arguments + ["--html", files[0], "--csv", files[0]])
    #expect(same.code == 64)
  }

  @Test("score tells every character's probability")
  func score() throws {
    let json = try JSON.parse(try fixture.run(["score", "hello 中文", "--json"]).output)
    let expected = try Scoring.score("hello 中文", model: fixture.model)
    #expect(json["loss"]?.doubleValue == expected.loss)
    let characters = try #require(json["characters"]?.arrayValue)
    #expect(characters.count == 8)
    #expect(characters[0]["logprob"]?.isNull == true)
    let file = try fixture.folder.write("hello 中文", to: "text.txt")
    let plain = try fixture.run(["score", "--file", file])
    #expect(plain.output.contains("loss \(expected.loss.decimals(4)) nats"))
  }

  @Test("evaluate measures the held back part, or all")
  func evaluate() throws {
    let text = (0..<300).map { "hello \($0) the fox, " }.joined()
    let file = try fixture.folder.write(text, to: "corpus.txt")
    let all = try JSON.parse(
      try fixture.run(["evaluate", file, "--split", "all", "--json"]).output)
    let tokens = try fixture.model.vocabulary.encode(text)
    let expected = Evaluator(fixture.model.configuration, threads: 1)
      .evaluate(fixture.model.model, tokens: tokens)
    #expect(all["characters"]?.intValue == tokens.count - 1)
    #expect(all["loss"]?.doubleValue == expected.loss)
    let held = try JSON.parse(
      try fixture.run(["evaluate", file, "--json", "--threads", "1"]).output)
    #expect(held["characters"]?.intValue == tokens.count - Int(Double(tokens.count) * 0.9) - 1)
    let strided = try JSON.parse(
      try fixture.run(["evaluate", file, "--json", "--stride", "8"]).output)
    #expect(strided["characters"] == held["characters"])
    #expect(strided["loss"] != held["loss"])
    #expect(try fixture.run(["evaluate", file]).output.hasPrefix("loss "))
    #expect(try fixture.run(["evaluate", file, "--stride", "33"]).code == 64)
  }

  @Test("What a model held back, evaluate does; of one that held nothing back it takes all")
  func evaluateWhatWasHeldBack() throws {
    let text = (0..<300).map { "hello \($0) the fox, " }.joined()
    let file = try fixture.folder.write(text, to: "corpus.txt")
    for (share, part) in [("0", "all"), ("0.3", "validation")] {
      let out = fixture.folder.file("held-\(share)")
      let trained = try fixture.run([
        "train", file, "--out", out, "--layers", "1", "--width", "8", "--head-width", "8",
        "--context", "16", "--batch", "2", "--steps", "3", "--validation", share,
      ])
      #expect(trained.code == 0, "\(trained.errors)")
      let found = try JSON.parse(
        try fixture.run(["evaluate", file, "--model", out, "--json"]).output)
      let held = text.count - Int(Double(text.count) * 0.7)
      #expect(found["split"]?.stringValue == part)
      #expect(found["characters"]?.intValue == (share == "0" ? text.count : held) - 1)
    }
    let told = try fixture.run(["evaluate", file, "--model", fixture.folder.file("held-0")]).output
    #expect(told.contains("held nothing back"))
  }

  @Test(
    "A folder's own files are not replaced by a model unasked, nor is a file that stands for the folder"
  )
  func foreignFiles() throws {
    let text = try fixture.folder.write(String(repeating: "to be or not ", count: 60), to: "a.txt")
    try FileSystem.createFolders(fixture.folder.file("own"))
    let card = try fixture.folder.write("mine", to: "own/README.md")
    let words = try fixture.folder.write("mine", to: "own/vocab.json")
    let shape = [
      "--layers", "1", "--width", "8", "--head-width", "8", "--context", "16", "--steps", "2",
    ]
    let train = ["train", text, "--out", fixture.folder.file("own")] + shape
    let refused = try fixture.run(train)
    #expect(refused.code == 1 && refused.errors.contains("README.md, vocab.json"))
    let said = try fixture.run(["repl"], input: "/save \(fixture.folder.file("own"))\n")
    #expect(said.code == 1 && said.errors.contains("--force replaces them"))
    for file in [card, words] {
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
    }
    #expect(try fixture.run(train + ["--force"]).code == 0)
    let file = try fixture.run(["train", text, "--out", card] + shape)
    #expect(file.code == 1 && !file.output.contains("step"), "\(file.output)")
  }

  @Test("A model that was trained from a pipe is kept when the pipe ends")
  func keptFromAPipe() throws {
    let text = try fixture.folder.write(String(repeating: "to be or not ", count: 60), to: "a.txt")
    let result = try fixture.run(
      ["repl"], input: "/train \(text) steps 3\n/save \(fixture.path)\n")
    #expect(result.code == 1 && result.output.contains("is kept in"), "\(result.output)")
    let kept = fixture.folder.file("state/temper/unsaved")
    #expect(try fixture.run(["generate", "--length", "5", "--model", kept]).code == 0)
  }

  @Test("evaluate --calibrate adds its members, writes a page, and saves the temperature")
  func calibrate() throws {
    // The model's own text, of which it knows how likely it is; at T = 1.3.
    let text = try fixture.run([
      "generate", "--length", "8000", "--temperature", "1.3", "--seed", "1",
    ]).output
    let file = try fixture.folder.write(text, to: "corpus.txt")
    let page = fixture.folder.file("calibration.html")
    let result = try fixture.run([
      "evaluate", file, "--calibrate", "--json", "--html", page, "--save",
    ])
    #expect(result.code == 0, "\(result.errors)")
    let json = try JSON.parse(result.output)
    let temperature = try #require(json["best_temperature"]?.doubleValue)
    // Windows cut off a part of the past that it was drawn from.
    #expect((0.9...2).contains(temperature))
    for key in ["loss", "ece", "loss_at_best_temperature", "ece_at_best_temperature"] {
      #expect(json[key]?.doubleValue != nil)
    }
    #expect(json["reliability"]?.arrayValue?.count == 10)
    #expect(json["entropy_match"]?["samples"]?.intValue == 16)
    let markup = try TextFile.text(at: page)
    #expect(markup.contains("<svg") && markup.contains("<dd>corpus.txt, the part of it that"))
    #expect(try ModelFolder.load(fixture.path).temperature == temperature)
    let generated = try fixture.run(["generate", "--length", "5", "--json", "--seed", "1"])
    #expect(generated.errors == "temperature \(temperature), the model's own\n")
    let sample = try JSON.parse(generated.output)
    #expect(sample["temperature"]?.doubleValue == temperature)
    #expect(try fixture.run(["evaluate", file, "--save"]).code == 64)
  }

  @Test("generate --why, next, attend and score --fit-temperature")
  func explanations() throws {
    let whole = try JSON.parse(
      try fixture.run(["generate", "--prompt", "the ", "--seed", "3", "--length", "9", "--json"])
        .output)
    let why = try JSON.parse(
      try fixture.run([
        "generate", "--prompt", "the ", "--seed", "3", "--length", "9", "--why", "6", "--json",
      ]).output)
    #expect(why["text"] == whole["characters"]?[5]?["text"])
    #expect((why["flips"]?.arrayValue?.count ?? 0) > 0)
    let shown = try fixture.run(["generate", "--seed", "3", "--length", "9", "--why", "6"])
    #expect(shown.output.contains("Character 6, ") && shown.output.contains("<- T = 0.8"))
    #expect(try fixture.run(["generate", "--length", "9", "--why", "10"]).code == 64)

    let next = try JSON.parse(
      try fixture.run(["next", "the fox", "--temperatures", "0,1", "--json"]).output)
    #expect(next["temperatures"]?.arrayValue?.count == 2)
    #expect(try fixture.run(["next", "the fox"]).output.contains("dH/dT"))

    let page = fixture.folder.file("attention.html")
    let map = try JSON.parse(
      try fixture.run(["attend", "the fox", "--json", "--html", page]).output)
    #expect(map["layers"]?[0]?.arrayValue?.count == 7)
    #expect(try TextFile.text(at: page).contains("looks at"))
    let plain = try fixture.run(["attend", "the fox"]).output
    #expect(plain.contains("Layer 1") && !plain.contains("\u{1B}") && !plain.contains("▀"))
    #expect(try fixture.run(["attend", "the", "--layer", "2"]).code == 64)

    let fit = try JSON.parse(
      try fixture.run(["score", "hello the fox", "--fit-temperature", "--json"]).output)
    #expect(fit["fitted_temperature"]?["temperature"]?.doubleValue != nil)
  }

  @Test("inspect tells the shape and that the files are sound")
  func inspect() throws {
    let plain = try fixture.run(["inspect"])
    #expect(plain.code == 0)
    #expect(plain.output.hasPrefix("tiny ("))
    #expect(plain.output.contains("sound"))
    let json = try JSON.parse(try fixture.run(["inspect", fixture.path, "--json"]).output)
    #expect(json["parameters"]?.intValue == fixture.model.configuration.parameterCount)
    #expect(json["vocabulary"]?.arrayValue?.count == ModelFixture.characters.count)
    #expect(json["sound"] == true)
  }

  @Test("gradcheck passes, on a small model and on a trained one's weights")
  func gradcheck() throws {
    let plain = try fixture.run(["gradcheck"])
    #expect(plain.code == 0)
    #expect(plain.output.contains("the gradients are right"))
    let json = try JSON.parse(try fixture.run(["gradcheck", "--json"]).output)
    #expect(json["passed"] == true)
    #expect(try #require(json["worst"]?.doubleValue) <= 1e-6)
    let checks = try #require(json["checks"]?.arrayValue)
    #expect(checks.count == 24)
    #expect(Set(checks.compactMap { $0["dropout"]?.doubleValue }).count == 2)
    let own = try JSON.parse(
      try fixture.run(["gradcheck", "--model", fixture.path, "--json"]).output)
    #expect(own["passed"] == true)
  }

  @Test("Help and version go to standard output")
  func help() throws {
    for arguments in [["--help"], ["help"], ["generate", "--help"], ["--version"]] {
      let result = try fixture.run(arguments)
      #expect(result.code == 0 && !result.output.isEmpty && result.errors.isEmpty)
    }
    let overview = try fixture.run(["--help"]).output
    for command in ["repl", "generate", "compare", "evaluate", "score", "inspect", "gradcheck"] {
      #expect(overview.contains("  \(command) "))
    }
  }

  // MARK: Mistakes

  @Test(
    "Values that make no sense end with 64 and a message, and nothing on standard output",
    arguments: [
      ["generate", "--temperature", "-1"], ["generate", "--temperature", "nan"],
      ["generate", "--temperature", "inf"], ["generate", "--temperature", "1e300"],
      ["generate", "--temperature", "warm"], ["generate", "--top-k", "-1"],
      ["generate", "--top-k", "1.5"], ["generate", "--top-k", "99999999999"],
      ["generate", "--top-k", "99999999999999999999"], ["generate", "--top-p", "0"],
      ["generate", "--top-p", "2"], ["generate", "--top-p", "nan"], ["generate", "--min-p", "1"],
      ["generate", "--min-p", "-0.1"], ["generate", "--min-p", "nan"],
      ["generate", "--repetition-penalty", "0"], ["generate", "--repetition-penalty", "-1"],
      ["generate", "--repetition-penalty", "nan"], ["generate", "--repetition-penalty", "1e9"],
      ["generate", "--repetition-window", "-1"], ["generate", "--length", "0"],
      ["generate", "--length", "-5"], ["generate", "--length", "99999999999"],
      ["generate", "--length", "99999999999999999999"], ["generate", "--samples", "0"],
      ["generate", "--samples", "-2"], ["generate", "--samples", "99999999999"],
      ["generate", "--seed", "-1"], ["generate", "--seed", "18446744073709551616"],
      ["generate", "--seed", "x"], ["generate", "--products", "float8"],
      ["generate", "--stop", ""], ["generate", "--length"],
      ["repl", "--temperature", "nan"], ["--temperature", "-3"], ["repl", "--length", "0"],
      ["compare", "--temperatures", ""], ["compare", "--temperatures", "a"],
      ["compare", "--temperatures", "0.5,,1"], ["compare", "--temperatures", "nan"],
      ["compare", "--temperatures", "-1"], ["compare", "--temperatures", "1e300"],
      ["compare", "--samples", "0"], ["compare", "--length", "0"], ["compare", "--threads", "0"],
      ["compare", "--threads", "-1"], ["compare", "--threads", "100000"],
      ["evaluate", "x", "--stride", "0"], ["evaluate", "x", "--stride", "-1"],
      ["evaluate", "x", "--split", "most"], ["evaluate", "x", "--threads", "nan"],
      ["score", "--temperature", "0", "hello"], ["score", "--temperature", "nan", "hello"],
      ["score", "--temperature", "-1", "hello"],
    ])
  func values(arguments: [String]) throws {
    let result = try fixture.run(arguments)
    #expect(result.code == 64)
    #expect(result.output.isEmpty)
    #expect(result.errors.hasPrefix("temper: "), "\(result.errors)")
    let option = try #require(arguments.last { $0.hasPrefix("--") })
    #expect(result.errors.contains(option), "\(result.errors)")
  }

  @Test(
    "Training settings that make no sense end with 64 before any file is read",
    arguments: [
      ["--steps", "0"], ["--steps", "-5"], ["--steps", "1e3"], ["--minutes", "nan"],
      ["--minutes", "0"], ["--learning-rate", "nan"], ["--learning-rate", "-1"],
      ["--learning-rate", "inf"], ["--width", "0"], ["--width", "99999999999"],
      ["--head-width", "7"], ["--layers", "-1"], ["--context", "0"], ["--batch", "0"],
      ["--dropout", "1"], ["--dropout", "nan"], ["--validation", "1"], ["--beta1", "1"],
      ["--beta2", "-0.5"], ["--clip", "-1"], ["--label-smoothing", "1"], ["--z-loss", "nan"],
      ["--weight-decay", "-1"], ["--warmup", "-1"], ["--target-loss", "0"],
      ["--optimizer", "sgd"], ["--schedule", "step"], ["--preset", "huge"],
      ["--precision", "int8"], ["--seed", "-1"], ["--threads", "0"], ["--eval-every", "-1"],
    ])
  func trainingValues(arguments: [String]) throws {
    let result = try fixture.run(["train", "no-such-file.txt"] + arguments)
    #expect(result.code == 64)
    #expect(result.output.isEmpty)
    #expect(result.errors.hasPrefix("temper: "), "\(result.errors)")
    #expect(result.errors.contains(arguments[0]), "\(result.errors)")
  }

  @Test(
    "A step that would take the machine's memory is refused",
    arguments: [
      ["--batch", "65536", "--context", "65536", "--layers", "1"],
      ["--context", "65536", "--layers", "1", "--batch", "1"],
    ])
  func hugeSteps(arguments: [String]) throws {
    let text = try fixture.folder.write(
      String(repeating: "to be or not ", count: 6000), to: "long.txt")
    let out = fixture.folder.file("huge")
    let result = try fixture.run(["train", text, "--out", out] + arguments)
    #expect(
      result.code == 1 && result.errors.contains("\(arguments[0]) is 65536; it must be at most"))
    #expect(!ModelFolder.holdsModel(out))
  }

  @Test(
    "Wrong usage ends with 64",
    arguments: [
      ["--nonsense"], ["generate", "--nonsense"], ["generate", "extra"], ["score"], ["evaluate"],
      ["score", "a", "--file", "b"], ["generate", "--prompt", "a", "--prompt-file", "b"],
      ["genrate"], ["inspect", "a", "b"],
    ])
  func usage(arguments: [String]) throws {
    let result = try fixture.run(arguments)
    #expect(result.code == 64)
    #expect(result.output.isEmpty && result.errors.hasPrefix("temper: "), "\(result.errors)")
  }

  @Test("A mistyped command is guessed")
  func mistypedCommand() throws {
    #expect(try fixture.run(["genrate"]).errors.contains("did you mean generate?"))
  }

  @Test("What cannot be done ends with 1, one line, and nothing on standard output")
  func failures() throws {
    let missing = fixture.folder.file("missing")
    let empty = try fixture.folder.write("", to: "empty.txt")
    let short = try fixture.folder.write("hello", to: "short.txt")
    let invalid = fixture.folder.file("invalid.txt")
    try FileSystem.replaceFile(invalid, with: Array("hello ".utf8) + [0xFF, 0x61])
    let foreign = try fixture.folder.write("hello Ж", to: "foreign.txt")
    for (arguments, message) in [
      (["generate", "--model", missing], "missing"),
      (["generate", "--prompt", "Ж"], "Ж"),
      (["generate", "--prompt-file", missing], "missing"),
      (["generate", "--prompt-file", fixture.folder.path], "directory"),
      (["generate", "--prompt-file", invalid], "byte 6"),
      (["generate", "--json", "--prompt", "Ж"], "Ж"),
      (["generate", "--stop", "Ж"], "Ж"),
      (["compare", "--prompt", "Ж"], "Ж"),
      (["evaluate", missing], "missing"), (["evaluate", empty], "empty.txt"),
      (["evaluate", short], "--split all"), (["evaluate", invalid], "byte 6"),
      (["evaluate", foreign, "--json"], "foreign.txt:1:7"),
      (["score", "a"], "too few"), (["score", "Ж!"], "Ж"),
      (["score", "--file", missing], "missing"),
      (["inspect", missing], "missing"), (["gradcheck", "--model", missing], "missing"),
      (["repl", "--model", missing], "missing"), (["--model", "\u{1B}[2J"], "[2J"),
    ] {
      let result = try fixture.run(arguments)
      #expect(result.code == 1, "\(arguments)")
      #expect(result.output.isEmpty, "\(arguments)")
      #expect(
        result.errors.hasPrefix("temper: ") && result.errors.contains(message), "\(result.errors)")
      #expect(result.errors.count { $0 == "\n" } == 1, "\(result.errors)")
      #expect(!result.errors.contains("\u{1B}"))
    }
  }
}
