import Testing
import Text
import Workbench

@Suite("Session: commands")
struct SessionCommandTests {
  @Test("/set changes several settings at once")
  func setSeveral() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let reply = session.say("/set temperature 0.5 top-k 20 seed=3 --length 12 stop \"b c\" stop d")
    #expect(
      reply.shown == "temperature 0.5, top-k 20, seed 3, length 12, stop b\\ c d\n")
    #expect(
      session.settings
        == SessionSettings(
          sampling: Sampling(temperature: 0.5, topK: 20), length: 12, stop: ["b c", "d"], seed: 3))
  }

  @Test(
    "/set changes nothing if anything is wrong",
    arguments: [
      ("/set temperature 0.5 top-k", "needs a value"),
      ("/set temperature 0.5 top-k x", "whole number"),
      ("/set temperature 0.5 top-k -1", "top-k is -1"),
      ("/set temperature 0.5 top-k 1.5", "whole number"),
      ("/set temperature 0.5 top-p 0", "top-p is 0.0"),
      ("/set temperature 0.5 top-p 1.1", "top-p is 1.1"),
      ("/set temperature 0.5 min-p 1", "min-p is 1.0"),
      ("/set length 5 temperature nan", "has to be a number"),
      ("/set length 5 temperature inf", "has to be a number"),
      ("/set length 5 temperature -0.1", "temperature is -0.1"),
      ("/set length 5 temperature 1e300", "temperature is 1e+300"),
      ("/set temperature 0.5 length 0", "length is 0"),
      ("/set temperature 0.5 length 99999999999", "length is 99999999999"),
      ("/set temperature 0.5 length 99999999999999999999", "whole number"),
      ("/set temperature 0.5 repetition-penalty 0", "repetition-penalty is 0.0"),
      ("/set temperature 0.5 repetition-window -3", "repetition-window is -3"),
      ("/set temperature 0.5 seed -1", "seed is -1"),
      ("/set temperature 0.5 seed 18446744073709551616", "seed is"),
      ("/set temperature 0.5 color blue", "color is blue"),
      ("/set temperature 0.5 stop \"\"", "stop is empty"),
      ("/set temperature 0.5 stop 中Z", "\"Z\""),
      ("/set temperature 0.5 stop \"a", "closing"),
      ("/set temperature 0.5 tempo 3", "no setting tempo"),
    ])
  func setIsAllOrNothing(line: String, message: String) throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let reply = session.say(line)
    #expect(reply.next == .failed)
    #expect(reply.shown.contains(message), "\(reply.shown)")
    #expect(session.settings == SessionSettings(length: 30))
  }

  @Test(
    "What was meant is guessed",
    arguments: [
      ("/temprature 1", "/temperature"), ("/tmeperature 1", "/temperature"), ("/hepl", "/help"),
      ("/SCOER a", "/score"), ("/agian", "/again"), ("/top-k 3", "/set top-k"),
      ("/comp", "/compare"),
      ("/set temprature 1", "temperature"), ("/set topk 3", "top-k"),
      ("/set repetition_penalty 2", "repetition-penalty"), ("/help tempratur", "/help temperature"),
    ])
  func suggestions(line: String, suggestion: String) throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let reply = session.say(line)
    #expect(reply.next == .failed)
    #expect(reply.suggestion == suggestion)
  }

  @Test("Nothing is guessed from far away", arguments: ["/xyzzy", "/", "/ set", "/日本", "/\u{301}"])
  func noSuggestion(line: String) throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let reply = session.say(line)
    #expect(reply.next == .failed && reply.suggestion == nil)
    #expect(reply.shown.contains("/help"))
  }

  @Test(
    "Arguments are counted",
    arguments: [
      "/again x", "/show x", "/quit now", "/models all", "/help a b", "/temperature 1 2", "/train",
      "/load", "/load a b", "/save", "/save --force", "/save a b", "/save a b c", "/score",
      "/more x", "/more 0", "/more 5 5", "/seed 1 2", "/color on on",
    ])
  func arguments(line: String) throws {
    var session = SessionFixture.session(try SessionFixture.model())
    _ = session.say("a")
    #expect(session.say(line).next == .failed)
  }

  @Test("/temperature, /t and /seed set and show")
  func shortForms() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    #expect(session.say("/temperature").shown == "temperature 0.8\n")
    #expect(session.say("/temperature 1.25").shown == "temperature 1.25\n")
    #expect(session.say("/t 1").shown == "temperature 1\n")
    #expect(session.say("/t").shown == "temperature 1\n")
    #expect(session.say("/seed").shown == "seed random\n")
    #expect(session.say("/seed 18446744073709551615").next == .continue)
    #expect(session.settings.seed == .max)
  }

  @Test("/show tells every setting and the model")
  func show() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    _ = session.say("a")
    let shown = session.say("/show").shown
    #expect(shown.hasPrefix("tiny: "))
    for name in [
      "temperature", "top-k", "top-p", "min-p", "repetition-penalty", "repetition-window", "length",
      "stop", "seed", "color",
    ] {
      #expect(shown.contains("\n  \(name) "))
    }
    #expect(shown.contains("(last 101)"))
    #expect(session.say("/set").shown == shown)
  }

  @Test("/help lists everything, and tells about everything it lists")
  func help() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let overview = session.say("/help").shown
    let topics = overview.split(separator: "\n").compactMap { line -> Substring? in
      line.hasPrefix("  ") ? line.split(separator: " ").first : nil
    }
    #expect(topics.count == 29)
    for topic in topics {
      let reply = session.say("/help \(topic)")
      #expect(reply.next == .continue && !reply.output.isEmpty)
      for line in reply.shown.split(separator: "\n") { #expect(line.count < 80) }
    }
    for line in overview.split(separator: "\n") { #expect(line.count < 80) }
    #expect(session.say("/help compare").shown.hasPrefix("/compare X X ... [xN]\n"))
    #expect(session.say("/?").shown == overview)
  }

  @Test("/compare shows the last prompt at each temperature, from the same noise")
  func compare() throws {
    let model = try SessionFixture.model()
    var session = SessionFixture.session(model)
    let text = session.say("ab").generated
    let shown = session.say("/compare 0 0.8 1.5").shown
    #expect(shown.hasPrefix("ab\nT = 0 "))
    #expect(shown.contains("T = 0.8"))
    #expect(shown.contains("T = 1.5\n"))
    #expect(shown.contains("entropy 0.000"))
    #expect(shown.contains("loss 0.000"))
    #expect(shown.contains("seed 101 · "))
    // The column at the temperature in use starts like the text that was just seen.
    let firstWords = text.prefix { $0 != "\n" && $0 != " " }.prefix(8)
    #expect(shown.contains(firstWords))
    #expect(session.say("/compare").shown.contains("T = 0.2"))
    #expect(session.say("/compare x").next == .failed)
    #expect(session.say("/compare -1").next == .failed)
    #expect(session.say("/compare nan").next == .failed)
    #expect(session.say("/more").next == .continue)
  }

  @Test("/compare says why texts part, and measures several")
  func compareSeveral() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let one = session.say("/compare 0 1.5").shown
    #expect(one.contains("T = 0 takes ") && one.contains("cross at T = "))
    #expect(!one.contains("Over "))
    let several = session.say("/compare 0 1 2 x6").shown
    #expect(several.contains("Over 6 texts at each temperature\n"))
    #expect(several.contains("entropy, bits a character") && several.contains("▁"))
    #expect(!several.contains("longest copy"))
    var shared = SessionFixture.session(try SessionFixture.model()) { $0.threads = 2 }
    #expect(shared.say("/compare 0 1.5").shown == one)
    #expect(shared.say("/compare 0 1 2 x6").shown == several)
    let patience = Patience(10)
    let stopped = session.say("/compare 0 1 x6", shouldStop: { patience.isOver })
    #expect(stopped.next == .continue && !stopped.shown.contains("Over "))
    for word in ["x", "x0", "x1.5", "x-1", "x1001", "8x"] {
      #expect(session.say("/compare 0 1 \(word)").next == .failed)
    }
    for line in several.split(separator: "\n") { #expect(line.count <= 80) }
  }

  @Test("/compare stacks the texts where columns would be too narrow")
  func compareStacks() throws {
    var session = SessionFixture.session(try SessionFixture.model()) { $0.width = { 40 } }
    let shown = session.say("/compare 0.2 0.8 1.5").shown
    let lines = shown.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.filter { $0.hasPrefix("T = ") && !$0.contains("takes") }.count == 3)
    #expect(shown.contains("entropy") && !shown.contains("T = 0.2  "))
  }

  @Test("/compare works before any prompt, and without a text")
  func compareAtOnce() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    #expect(session.say("/compare 1").next == .continue)
    #expect(session.say("/compare 1", shouldStop: { true }).shown.contains("entropy -"))
  }

  @Test("/next shows distributions that sum to one, sharper at lower temperatures")
  func next() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let shown = session.say("/next ab").shown
    #expect(shown.hasPrefix("The next character after ab\n"))
    let lines = shown.split(separator: "\n").map(String.init)
    let rows = lines.filter { $0.contains("%") }
    #expect(rows.count == SessionFixture.characters.count)
    // Four columns: 0.5, 0.8, 1, 1.5.
    let values = rows.map { row in
      row.split(separator: " ").compactMap { word in
        word.hasSuffix("%") ? Double(word.dropLast()) : nil
      }
    }
    #expect(values.allSatisfy { $0.count == 4 })
    for column in 0..<4 {
      let sum = values.reduce(0) { $0 + $1[column] }
      #expect(abs(sum - 100) < 0.6)
      #expect(zip(values, values.dropFirst()).allSatisfy { $0[column] >= $1[column] })
    }
    #expect(values[0][0] >= values[0][3])
    let entropies = lines.first { $0.hasPrefix("  entropy") }?
      .split(separator: " ").compactMap { Double($0) }
    #expect(entropies == entropies?.sorted())
    #expect(session.say("/next 字").next == .failed)
    _ = session.say("ab")
    let afterText = session.say("/next").shown
    #expect(afterText.hasPrefix("The next character after …"))
  }

  @Test("/next in a narrow terminal shows fewer temperatures", arguments: [1, 20, 40, 60, 200])
  func nextIsNarrow(width: Int) throws {
    var session = SessionFixture.session(try SessionFixture.model()) { $0.width = { width } }
    for line in session.say("/next").shown.split(separator: "\n") {
      #expect(Display.width(of: String(line)) <= max(width, 34))
    }
  }

  @Test("/score tells the loss that the library computes")
  func score() throws {
    let model = try SessionFixture.model()
    var session = SessionFixture.session(model)
    let reply = session.say("/score abba\\n中文")
    let score = try Scoring.score("abba\n中文", model: model)
    #expect(reply.generated == "abba\n中文")
    #expect(reply.shown.contains("loss \(score.loss.decimals(4)) nats"))
    #expect(session.say("/score a").next == .failed)
    #expect(session.say("/score a’b").next == .failed)
  }

  @Test("/quit leaves", arguments: ["/quit", "/q", "/exit", "/QUIT"])
  func quit(line: String) throws {
    var session = SessionFixture.session(try SessionFixture.model())
    #expect(session.say(line).next == .quit)
  }

  @Test("/models, /load and /save")
  func models() throws {
    struct Missing: Error {}
    let other = try SessionFixture.model(["a", "z"], name: "other")
    var saved: [(name: String, path: String, replacing: Bool)] = []
    var session = SessionFixture.session(try SessionFixture.model()) {
      $0.models = {
        [.init(name: "other", path: "/models/other"), .init(name: "tiny", path: "/models/tiny")]
      }
      $0.load = { name in
        guard name == "other" else {
          throw ModelFolderError.notFound(name: name, source: nil, places: [])
        }
        return other
      }
      $0.save = { model, path, replacing in saved.append((model.name, path, replacing)) }
    }
    #expect(
      session.say("/models").shown == "  other  /models/other\n* tiny   /models/tiny\n")
    _ = session.say("a")
    let failure = session.say("/load othre")
    #expect(failure.suggestion == "/load other")
    #expect(session.model.name == "tiny")
    #expect(session.say("/load other").shown.hasPrefix("other: "))
    #expect(session.model.name == "other")
    #expect(session.say("/again").next == .continue)
    #expect(session.say("/save \"my folder\"").shown == "saved to my folder\n")
    #expect(session.say("/save x --force").next == .continue)
    #expect(saved.map(\.path) == ["my folder", "x"])
    #expect(saved.map(\.replacing) == [false, true])
  }

  @Test("/train changes to the model that comes out")
  func train() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    #expect(session.say("/train notes.txt").next == .failed)

    let trained = try SessionFixture.model(name: "trained", seed: 9)
    var requests: [SessionEnvironment.TrainingRequest] = []
    session = SessionFixture.session(try SessionFixture.model()) {
      $0.save = { _, _, _ in }
      $0.train = { request, model, shouldStop, emit in
        requests.append(request)
        #expect((model.name == "tiny") == (requests.count == 1) && !shouldStop())
        emit(.progress("step 1"))
        return trained
      }
    }
    let before = session.say("ab")
    let reply = session.say("/train notes.txt \"more notes\" steps 50")
    #expect(reply.output.contains(.progress("step 1")))
    #expect(session.model.name == "trained" && session.hasUnsavedTraining)
    #expect(requests == [.init(paths: ["notes.txt", "more notes"], steps: 50)])
    #expect(session.say("/again").generated != before.generated)
    _ = session.say("/save folder")
    #expect(!session.hasUnsavedTraining)
    for line in [
      "/train steps", "/train --steps 5", "/train a steps x", "/train a steps 0",
      "/train a minutes -1", "/train a minutes nan", "/train a steps",
    ] {
      #expect(session.say(line).next == (line == "/train steps" ? .continue : .failed), "\(line)")
    }
  }

  @Test("A model that was trained and not saved is not given up unasked")
  func unsavedTraining() throws {
    let (trained, other) = (
      try SessionFixture.model(name: "trained", seed: 9), try SessionFixture.model(name: "other")
    )
    var session = SessionFixture.session(try SessionFixture.model()) {
      $0.load = { _ in other }
      $0.train = { _, _, _, _ in trained }
    }
    _ = session.say("/train notes.txt")
    let refused = session.say("/load other")
    #expect(refused.next == .failed && refused.shown.contains("/load other --force"))
    #expect(session.model.name == "trained" && session.hasUnsavedTraining)
    #expect(session.say("/load other model").next == .failed)
    #expect(session.say("/load other --force").next == .continue)
    #expect(session.model.name == "other" && !session.hasUnsavedTraining)
    #expect(session.say("/load other").next == .continue)
  }

  @Test("A training that fails leaves everything as it was")
  func trainFails() throws {
    struct Trouble: Error, CustomStringConvertible { let description = "out of coal" }
    var session = SessionFixture.session(try SessionFixture.model()) {
      $0.train = { _, _, _, _ in throw Trouble() }
    }
    let reply = session.say("/train notes.txt")
    #expect(reply.next == .failed && reply.shown == "out of coal")
    #expect(session.model.name == "tiny" && !session.hasUnsavedTraining)
  }

  @Test("A word for a command gets a hint")
  func hint() throws {
    var session = SessionFixture.session(
      try SessionFixture.model(["e", "h", "i", "l", "p", "q", "t", "u", "x"]))
    #expect(session.say("quit").shown.contains("/quit"))
    #expect(session.say("help").shown.contains("/help"))
  }

  @Test("Any line gets an answer")
  func anything() throws {
    var session = SessionFixture.session(
      try SessionFixture.model(), settings: SessionSettings(length: 3))
    let parts = [
      "/", "\\", "\"", "'", " ", "set", "help", "=", "stop", "\u{0}", "\u{1B}[2J", "中",
      "temperature",
      "-1", "1e999", "\u{301}", "more", "next", "score", "\t", "a", "compare", "\u{202E}", "train",
    ]
    var state: UInt64 = 88_172_645_463_325_252
    for _ in 0..<3000 {
      var line = ""
      for _ in 0..<5 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        line += parts[Int(state % UInt64(parts.count))]
      }
      let reply = session.say(line)
      let lastIsFailure = if case .failure? = reply.output.last { true } else { false }
      #expect((reply.next == .failed) == lastIsFailure, "\(line)")
      _ = session.completions(for: line, cursor: Int(state % 12))
    }
  }
}
