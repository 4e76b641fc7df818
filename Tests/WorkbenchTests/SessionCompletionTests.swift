import Testing
import Workbench

@Suite("Session: completion")
struct SessionCompletionTests {
  private func session() throws -> Session {
    SessionFixture.session(try SessionFixture.model()) {
      $0.entries = { folder in
        switch folder {
        case "": ["notes.txt", "my book.txt", "novels/", ".hidden"]
        case "novels/": ["one.txt", "two.txt", "drafts/"]
        default: []
        }
      }
      $0.models = {
        [.init(name: "fables", path: "/w/fables"), .init(name: "yuyan", path: "/w/y")]
      }
    }
  }

  private func candidates(_ line: String, cursor: Int? = nil) throws -> [String] {
    try session().completions(for: line, cursor: cursor ?? line.utf8.count).candidates
  }

  @Test(
    "The word before the cursor is completed",
    arguments: [
      ("/te", ["/temperature"]), ("/s", ["/save", "/score", "/seed", "/set", "/show", "/softmax"]),
      ("/set te", ["temperature"]), ("/set to", ["top-k", "top-p"]),
      ("/set temperature ", ["0", "0.5", "0.8", "1", "1.2"]),
      ("/set temperature 0.8 t", ["top-k", "top-p"]), ("/set color o", ["off", "on"]),
      ("/set seed r", ["random"]), ("/set color=o", ["off", "on"]), ("/color o", ["off", "on"]),
      ("/t 1", ["1", "1.2"]), ("/help comp", ["compare"]),
      (
        "/help rep",
        [
          "repetition-penalty", "repetition-window",
        ]
      ),
      ("/train n", ["notes.txt", "novels/"]),
      (
        "/train novels/",
        [
          "novels/drafts/", "novels/one.txt", "novels/two.txt",
        ]
      ),
      ("/train my", ["my\\ book.txt"]), ("/train my\\ b", ["my\\ book.txt"]),
      ("/train notes.txt nov", ["novels/"]), ("/train .", [".hidden"]),
      ("/load n", ["novels/"]), ("/load f", ["fables"]), ("/save nov", ["novels/"]),
      ("/save x -", ["--force"]),
      ("te", []), ("//te", []), ("", []), ("/nothing x", []), ("/again ", []), ("/score a", []),
      ("/color on o", []), ("/load fables f", []),
    ])
  func completes(line: String, expected: [String]) throws {
    #expect(try candidates(line) == expected)
  }

  @Test("Only what is before the cursor counts")
  func cursor() throws {
    let completion = try session().completions(for: "/temp 0.8", cursor: 3)
    #expect(completion.replaced == 3 && completion.candidates == ["/temperature"])
    for cursor in [-5, 0, 1000] {
      _ = try session().completions(for: "/temp 中文", cursor: cursor)
    }
  }

  @Test("A setting is offered once")
  func settingOnce() throws {
    let offered = try candidates("/set top-k 5 seed=3 ")
    #expect(offered.count == 8 && !offered.contains("top-k") && !offered.contains("seed"))
  }

  @Test("A completed path reads as the file's name")
  func pathsRoundTrip() throws {
    var requests: [SessionEnvironment.TrainingRequest] = []
    var session = SessionFixture.session(try SessionFixture.model()) {
      $0.train = { request, model, _, _ in
        requests.append(request)
        return model
      }
      $0.entries = { _ in ["it's \"a\\b\" 中.txt"] }
    }
    let path = try #require(session.completions(for: "/train it", cursor: 9).candidates.first)
    _ = session.say("/train \(path)")
    #expect(requests == [.init(paths: ["it's \"a\\b\" 中.txt"])])
  }

  @Test(
    "Words are as far apart as slips are many",
    arguments: [
      ("", "", 0), ("abc", "", 3), ("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1),
      ("abc", "ab", 1), ("abc", "xabc", 1), ("abc", "axc", 1), ("ca", "abc", 3),
      ("kitten", "sitting", 3),
    ])
  func distance(first: String, second: String, expected: Int) {
    #expect(Suggestion.distance(first, second) == expected)
    #expect(Suggestion.distance(second, first) == expected)
  }
}
