import Testing
import Text
import Transformer
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

@Suite("Replayed draws, attention maps, the next character")
struct DrawReplayTests {
  @Test(
    "A replay has the numbers of the draw",
    arguments: [
      Sampling(), Sampling(temperature: 0), Sampling(temperature: 1.7, topK: 4),
      Sampling(temperature: 1, topP: 0.8, repetitionPenalty: 1.4),
    ])
  func replay(sampling: Sampling) throws {
    let model = try randomModel(characters: twelveCharacters, context: 16)
    let generator = try Generator(
      model, prompt: "a cab", sampling: sampling, seed: 7, length: 40)
    let characters = Array(generator)
    for number in [1, 2, 11, 17, 40] {
      let replay = try DrawReplay(
        model, prompt: "a cab", drawn: characters.prefix(number).map(\.token),
        sampling: sampling, seed: 7)
      let drawn = characters[number - 1]
      #expect(replay.number == number && replay.chosen.token == drawn.token)
      #expect(replay.entropy == drawn.entropy)
      #expect(abs(log(replay.chosen.probability) - drawn.logProbability) < 1e-9)
      #expect(abs(log(replay.chosen.modelProbability) - drawn.modelLogProbability) < 1e-6)
      #expect(
        replay.chosen.noise
          == GumbelNoise(seed: 7).value(of: Int(drawn.token), at: number - 1))
      if let second = replay.runnerUp { #expect(replay.chosen.value >= second.value) }
      #expect(replay.flips.token(at: sampling.temperature) == Int(drawn.token))
      let before = 5 + number - 1
      let text = ["a", " ", "c", "a", "b"] + characters.map(\.text)
      #expect(
        replay.seen
          == text[0..<before].suffix(DecodingState.window(after: before, context: 16)))
      #expect(replay.attention.count == 2)
      for weights in replay.attention {
        #expect(abs(weights.reduce(0, +) - 1) < 1e-4)
      }
      let json = replay.json
      #expect(json["flips"]?.arrayValue?.count == replay.flips.intervals.count)
      #expect(json["chosen"]?["token"]?.intValue == Int(drawn.token))
    }
    #expect(throws: ReplayError.nothingDrawn) {
      try DrawReplay(model, prompt: "a", drawn: [], sampling: sampling, seed: 7)
    }
    let other: Int32 = characters[0].token == 0 ? 1 : 0
    #expect(throws: ReplayError.drawsAnother(number: 1)) {
      try DrawReplay(model, prompt: "a cab", drawn: [other], sampling: sampling, seed: 7)
    }
  }

  @Test("Attention is causal, sums to one, and differs from layer to layer")
  func attention() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let map = try AttentionMap("abcdefghi", model: model)
    #expect(map.leftOut == 1 && map.characters.joined() == "bcdefghi")
    #expect(map.weights.count == 2)
    for layer in map.weights {
      for (query, row) in layer.enumerated() {
        #expect(row.count == query + 1)
        #expect(abs(row.reduce(0, +) - 1) < 1e-5)
      }
    }
    #expect(map.weights[0][0] == [1] && map.weights[0] != map.weights[1])
    // What follows changes nothing before it.
    let longer = try AttentionMap("abcd", model: model)
    let shorter = try AttentionMap("abc", model: model)
    for (a, b) in zip(longer.weights, shorter.weights) {
      for (x, y) in zip(a[2], b[2]) { #expect(abs(x - y) < 1e-5) }
    }
    #expect(map.json["layers"]?[1]?[3]?.arrayValue?.count == 4)
    #expect(throws: TextError.self) { try AttentionMap("", model: model) }
    let page = AttentionLayout.page(map, model: "m").document.markup
    #expect(page.contains("looks at") && page.contains("Layer 2"))
  }

  @Test("Heat maps keep to the width, wide characters too")
  func attentionLayout() throws {
    for (characters, text) in [
      (["a", "b", "\n"], "abba\nba"), (["中", "文", "a"], "中文a中文文文中中"),
    ] {
      let model = try randomModel(characters: characters, context: 16)
      let map = try AttentionMap(text, model: model)
      for width in [20, 80] {
        let shown = AttentionLayout.output(map, width: width).map {
          if case .text(let text, _) = $0 { text } else { "" }
        }.joined()
        for line in shown.split(separator: "\n").filter({ $0.contains("▀") }) {
          #expect(Display.width(of: String(line)) <= width)
        }
      }
    }
  }

  @Test("dp/dT and dH/dT are the derivatives")
  func slopes() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let step = 1e-5
    for temperature in [0.4, 1, 2.5] {
      let next = try NextCharacter(
        after: "a bad", model: model,
        temperatures: [temperature - step, temperature, temperature + step])
      let (low, here, high) = (
        next.distributions[0], next.distributions[1], next.distributions[2]
      )
      for token in here.slopes.indices {
        let difference = (high.probabilities[token] - low.probabilities[token]) / (2 * step)
        #expect(abs(here.slopes[token] - difference) < 1e-6)
      }
      #expect(abs(here.slopes.reduce(0, +)) < 1e-9)
      let slope = try #require(here.entropySlope)
      #expect(abs(slope - (high.entropy - low.entropy) / (2 * step)) < 1e-5)
      #expect(slope >= 0 && abs(here.effectiveChoices - exp(here.entropy)) < 1e-12)
    }
    let zero = try NextCharacter(after: "", model: model, temperatures: [0])
    #expect(zero.distributions[0].entropySlope == nil && zero.distributions[0].slopes.isEmpty)
    #expect(zero.json["temperatures"]?[0]?["characters"]?.arrayValue?.count == 12)
  }

  @Test("/why and /attention in a session")
  func session() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    #expect(session.say("/why 1").shown.contains("no text to explain"))
    #expect(session.say("/attention").shown.contains("no text to look at"))
    let text = session.say("abc").generated
    for number in [1, 7, 30] {
      let reply = session.say("/why \(number)")
      #expect(reply.next == .continue)
      #expect(reply.shown.contains("Character \(number), "))
      #expect(reply.shown.contains("<- T = 0.8"))
    }
    #expect(session.say("/why 31").shown.contains("30 generated characters"))
    for word in ["0", "x", "-1"] { #expect(session.say("/why \(word)").next == .failed) }
    // More of the same text counts on; other settings begin anew.
    _ = session.say("/more 5")
    #expect(session.say("/why 35").next == .continue)
    _ = session.say("/t 1.2")
    _ = session.say("/more 5")
    #expect(session.say("/why 5").shown.contains("<- T = 1.2"))
    #expect(session.say("/why 6").next == .failed)
    #expect(session.say("/attention").shown.contains("Layer 1"))
    #expect(session.say("/attention a b").shown.contains("Layer 1"))
    #expect(session.say("/next \(text)").shown.contains("dH/dT"))
  }

  @Test("A calibrated temperature is written into the folder and found again")
  func ownTemperature() throws {
    try ModelFolderFixture.withFolder { path in
      let model = try randomModel(characters: twelveCharacters, context: 8)
      try ModelFolder.save(
        ModelFolder.Contents(
          parameters: model.model.parameters, vocabulary: model.vocabulary,
          generationDefaults: ModelFolder.GenerationDefaults(topK: 7)), to: path)
      #expect(try ModelFolder.load(path).temperature == 0.8)
      try ModelFolder.setTemperature(0.73, of: path)
      #expect(try ModelFolder.load(path).temperature == 0.73)
      let defaults = try #require(try ModelFolder.inspect(path).generationDefaults)
      #expect(defaults.temperature == 0.73 && defaults.topK == 7)
    }
  }
}
