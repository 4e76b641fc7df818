import Testing
import Text
import Workbench

@Suite("Session: texts")
struct SessionTests {
  @Test("A prompt is continued, and the seed is told")
  func promptIsContinued() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let reply = session.say("ab")
    #expect(reply.next == .continue)
    #expect(reply.output.first == .text("ab", .prompt))
    #expect(Array(reply.generated).count == 30)
    #expect(reply.output.last == .text("seed 101 · 30 characters\n", .remark))
    let expected = try Generator(
      SessionFixture.model(), prompt: "ab", seed: 101, length: 30
    ).map(\.text).joined()
    #expect(reply.generated == expected)
  }

  @Test("Text arrives character by character")
  func textStreams() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let pieces = session.say("ab").output.filter {
      if case .text(_, .generated) = $0 { true } else { false }
    }
    #expect(pieces.count == 30)
  }

  @Test("The line after a text starts on a line of its own", arguments: 0..<20)
  func remarkStartsALine(seed: UInt64) throws {
    var session = SessionFixture.session(try SessionFixture.model())
    _ = session.say("/seed \(seed)")
    let reply = session.say("a")
    let ending = reply.generated.hasSuffix("\n") ? "" : "\n"
    #expect(reply.shown == "a\(reply.generated)\(ending)seed \(seed) · 30 characters\n")
  }

  @Test("Seeds are fresh unless one is set")
  func seeds() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let first = session.say("ab")
    let second = session.say("ab")
    #expect(first.generated != second.generated)
    #expect(second.shown.contains("seed 102"))
    #expect(session.say("/seed 7").shown == "seed 7\n")
    let third = session.say("ab")
    #expect(third.shown.contains("seed 7 ·"))
    #expect(session.say("ab").generated == third.generated)
    #expect(session.say("/seed random").shown == "seed random\n")
    #expect(session.say("ab").shown.contains("seed 103"))
  }

  @Test("/again gives the same text, and with another temperature one from the same noise")
  func again() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    #expect(session.say("/again").next == .failed)
    let first = session.say("ab")
    let second = session.say("/again")
    #expect(second.output == first.output)
    _ = session.say("/t 0")
    #expect(session.say("/again").generated != first.generated)
    _ = session.say("/t 0.8")
    #expect(session.say("/again").generated == first.generated)
    _ = session.say("/seed 9")
    #expect(session.say("/again").shown.contains("seed 9 ·"))
  }

  @Test("/more goes on as a longer text would have", arguments: [1, 7, 30])
  func more(length: Int) throws {
    let model = try SessionFixture.model()
    var session = SessionFixture.session(model)
    #expect(session.say("/more").next == .failed)
    let first = session.say("ab").generated
    let second = session.say("/more \(length)").generated
    let third = session.say("/more").generated
    let whole = try Generator(model, prompt: "ab", seed: 101, length: 60 + length)
      .map(\.text).joined()
    #expect(first + second + third == whole)
  }

  @Test("/more goes on where a text was stopped")
  func moreAfterInterruption() throws {
    let model = try SessionFixture.model()
    var session = SessionFixture.session(model)
    let patience = Patience(12)
    let first = session.say("ab", shouldStop: { patience.isOver })
    #expect(first.next == .continue)
    #expect(first.generated.count == 12)
    #expect(first.shown.contains("stopped after 12 characters"))
    let second = session.say("/more 18").generated
    #expect(second.count == 18)
    let whole = try Generator(model, prompt: "ab", seed: 101, length: 30).map(\.text).joined()
    #expect(first.generated + second == whole)
    #expect(session.say("/again").generated == whole)
  }

  @Test("/more with other settings goes on from the same text")
  func moreWithOtherSettings() throws {
    let model = try SessionFixture.model()
    var session = SessionFixture.session(model)
    let first = session.say("ab").generated
    _ = session.say("/t 0")
    let second = session.say("/more")
    let expected = try Generator(
      model, prompt: "ab" + first, sampling: Sampling(temperature: 0), seed: 102, length: 30
    ).map(\.text).joined()
    #expect(second.generated == expected)
    #expect(second.shown.contains("seed 102"))
  }

  @Test("A stop text ends a text and is not shown; /more goes on behind it")
  func stopText() throws {
    let model = try SessionFixture.model()
    var session = SessionFixture.session(model, settings: SessionSettings(length: 2000, seed: 4))
    let whole = session.say("ab").generated
    #expect(session.say("/set stop c").shown == "stop c\n")
    let reply = session.say("ab")
    #expect(reply.generated == whole.prefix { $0 != "c" })
    #expect(reply.shown.contains("then the stop text"))
    let more = session.say("/more")
    #expect(more.generated.hasPrefix("c"))
    #expect(!more.generated.dropFirst().contains("c"))
    // A stop text that is set later holds from the next /more on, and those after it go on with the same text.
    _ = session.say("/set stop off")
    _ = session.say("ab")
    _ = session.say("/set stop abcabc")
    let (one, two) = (session.say("/more 9").generated, session.say("/more 4").generated)
    let other = try Generator(
      model, prompt: "ab" + whole, seed: 4, length: 13, stop: ["abcabc"])
    #expect(one + two == other.map(\.text).joined())
    #expect(session.say("/why 13").next == .continue)
    #expect(session.say("/set stop off").shown == "stop off\n")
    #expect(session.say("ab").generated == whole)
  }

  @Test("Characters that the model lacks are replaced, which is told")
  func substitutions() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    let reply = session.say("a’B")
    #expect(reply.output.first == .text("’ is read as ', B is read as b\n", .remark))
    #expect(reply.output.dropFirst().first == .text("a'b", .prompt))
    let failure = session.say("a字")
    #expect(failure.next == .failed)
    #expect(failure.shown.contains("字"))
    // The text before is still there.
    #expect(session.say("/more").next == .continue)
  }

  @Test("Line breaks are typed as escapes, slashes doubled, and empty lines do nothing")
  func lines() throws {
    var session = SessionFixture.session(
      try SessionFixture.model(["\n", "/", "\\", "a", "n", " "]))
    #expect(session.say("a\\n\\na").output.first == .text("a\n\na", .prompt))
    #expect(session.say("a\\\\na").output.first == .text("a\\na", .prompt))
    #expect(session.say("//a").output.first == .text("/a", .prompt))
    #expect(session.say(" a ").output.first == .text(" a ", .prompt))
    #expect(session.say("a\r\n").output.first == .text("a", .prompt))
    for line in ["", "  ", "\t", "\n", "\r\n"] {
      let reply = session.say(line)
      #expect(reply.output.isEmpty && reply.next == .continue)
    }
  }

  @Test("Probabilities come with the text when it is to be coloured")
  func color() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    #expect(session.say("/color").shown == "color off\n")
    #expect(session.say("/color on").shown.hasPrefix("color on\nexpected"))
    for piece in session.say("ab").output {
      guard case .text(_, .generated(let probability)) = piece else { continue }
      #expect((0...1).contains(try #require(probability)))
    }
    _ = session.say("/color off")
    #expect(session.say("ab").output.contains { $0.isGenerated(probability: nil) })
  }
}

extension SessionOutput {
  fileprivate func isGenerated(probability expected: Double?) -> Bool {
    if case .text(_, .generated(expected)) = self { true } else { false }
  }
}
