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

@Suite("Calibration")
struct CalibrationTests {
  @Test("The expected calibration error of a toy")
  func expectedCalibrationError() {
    // Bins 0...0.5 and 0.5...1: 2/5 |0 - .25| + 3/5 |1 - .68333| = .29.
    var reliability = Reliability(bins: 2)
    let outcomes = [false, false, true, true, true]
    for (confidence, outcome) in zip([0.25, 0.25, 0.55, 0.75, 0.75], outcomes) {
      reliability.add(confidence: confidence, isRight: outcome)
    }
    #expect(abs(reliability.expectedCalibrationError - 0.29) < 1e-12)
    #expect(reliability.bins.map(\.count) == [2, 3])
    #expect(reliability.bins[0].accuracy == 0 && reliability.bins[1].accuracy == 1)
    var edges = Reliability()
    for confidence in [0, 0.1, 1] { edges.add(confidence: confidence, isRight: true) }
    #expect(edges.bins.map(\.count) == [1, 1, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(Reliability().expectedCalibrationError == 0)
  }

  @Test("Two characters by hand: T = 1 / ln 3")
  func fitByHand() throws {
    // Ahead by 1 and right three times in four: e^β / (e^β + 1) = 3/4.
    let fit = TemperatureFit(
      logits: Array(repeating: [1, 0], count: 4), targets: [0, 0, 1, 0])
    let temperature = 1 / log(3.0)
    #expect(abs(fit.temperature - temperature) < 1e-9)
    #expect(abs(fit.loss - (0.75 * log(4.0 / 3) + 0.25 * log(4.0))) < 1e-12)
    // Var z = 3/16 for each of four.
    let error = temperature * temperature / (4 * 3.0 / 16).squareRoot()
    #expect(abs(try #require(fit.standardError) - error) < 1e-8)
    #expect(!fit.isAtLimit && fit.characters == 4)
  }

  /// Logits that a temperature of about 1 / sharpness explains.
  func random(_ seed: UInt64, sharpness: Double) -> (logits: [[Float]], targets: [Int]) {
    var numbers = TestNumbers(seed: seed)
    let logits = (0..<400).map { _ in (0..<7).map { _ in Float(2 * numbers.normal()) } }
    let targets = logits.map { row -> Int in
      var best = (token: 0, value: -Double.infinity)
      for (token, z) in row.enumerated() {
        let value = sharpness * Double(z) - log(-log(numbers.unit()))
        if value > best.value { best = (token, value) }
      }
      return best.token
    }
    return (logits, targets)
  }

  func loss(_ data: (logits: [[Float]], targets: [Int]), _ temperature: Double) -> Double {
    zip(data.logits, data.targets).reduce(0) { sum, next in
      let z = next.0.map { Double($0) / temperature }
      let maximum = z.max() ?? 0
      return sum + maximum + log(z.reduce(0) { $0 + exp($1 - maximum) }) - z[next.1]
    } / Double(data.targets.count)
  }

  @Test("Newton's method agrees with a fine grid", arguments: [0.3, 1, 2.5])
  func newtonAgreesWithGrid(sharpness: Double) {
    let data = random(3, sharpness: sharpness)
    let fit = TemperatureFit(logits: data.logits, targets: data.targets)
    #expect(abs(fit.temperature * sharpness - 1) < 0.3)
    // Coarse, then fine around the best.
    var (center, step) = (fit.temperature * 1.3, fit.temperature * 0.02)
    while step > 1e-6 {
      let grid = (-40...40).map { center + Double($0) * step }.filter { $0 > 0.01 }
      center = grid.min { loss(data, $0) < loss(data, $1) } ?? center
      step /= 20
    }
    #expect(abs(fit.temperature - center) < 1e-4)
    #expect(abs(fit.loss - loss(data, fit.temperature)) < 1e-9)
  }

  @Test("Logits times s: the temperature times s", arguments: [0.01, 0.5, 4, 64, 1000])
  func scaling(scale: Float) {
    let data = random(4, sharpness: 1)
    let one = TemperatureFit(logits: data.logits, targets: data.targets)
    let scaled = TemperatureFit(
      logits: data.logits.map { $0.map { $0 * scale } }, targets: data.targets)
    #expect(abs(scaled.temperature / (one.temperature * Double(scale)) - 1) < 1e-5)
    #expect(abs(scaled.loss - one.loss) < 1e-6)
  }

  @Test("No mistake, or nothing but mistakes: a limit, and no trap")
  func limits() {
    let perfect = TemperatureFit(logits: [[3, 0], [0, 2]], targets: [0, 1])
    #expect(perfect.isAtLimit && perfect.temperature < 0.1 && perfect.standardError == nil)
    let wrong = TemperatureFit(logits: [[3, 0], [0, 2]], targets: [1, 0])
    #expect(wrong.isAtLimit && wrong.temperature > 100)
    let undecided = TemperatureFit(logits: [[1, 1], [0, 0]], targets: [1, 0])
    #expect(undecided.temperature == 1 && undecided.standardError == nil)
    #expect(abs(undecided.loss - log(2.0)) < 1e-12)
  }

  @Test("A model: what the evaluator says at T = 1, and no worse at the fitted temperature")
  func ofAModel() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8, seed: 2)
    var numbers = TestNumbers(seed: 9)
    let tokens = (0..<403).map { _ in Int32(numbers.below(12)) }
    let found = try Calibration(model, tokens: tokens, threads: 1, matchingEntropy: false)
    let second = Array(tokens[201...])
    let evaluation = Evaluator(model.configuration, threads: 1)
      .evaluate(model.model, tokens: second)
    #expect(found.characters == evaluation.characters && found.fit.characters == 200)
    #expect(abs(found.loss - evaluation.loss) < 1e-5)
    // Noise: every character as likely as any other is best, so a high temperature.
    #expect(found.fit.temperature > 2)
    #expect(found.lossAtBestTemperature < found.loss)
    let counted = found.reliability.bins.reduce(0) { $0 + $1.count }
    #expect(counted == found.characters)
    #expect(
      found.reliabilityAtBestTemperature.expectedCalibrationError
        < found.reliability.expectedCalibrationError)
    let two = try Calibration(model, tokens: tokens, threads: 2, matchingEntropy: false)
    #expect(two.fit == found.fit && two.loss == found.loss)
    #expect(throws: TextError.self) {
      try Calibration(model, tokens: [0, 1, 2], threads: 1, matchingEntropy: false)
    }
  }

  @Test("The text's entropy meets the loss")
  func entropyMatch() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8, seed: 2)
    let text =
      Generator.context(of: [], in: model.vocabulary)
      + (try Generator(model, prompt: "", seed: 8, length: 400).map(\.token))
    let found = try Calibration(model, tokens: text, threads: 1)
    let match = try #require(found.entropyMatch)
    if !match.isAtLimit { #expect(abs(match.entropy - found.loss) < 0.1) }
    #expect(found.json["ece"]?.doubleValue != nil)
    #expect(found.json["reliability"]?.arrayValue?.count == 10)
    #expect(CalibrationLayout.page(found, model: "a<b").document.markup.contains("a&lt;b"))
  }

  @Test("A text drawn at T = 0.5 is found to have been")
  func fitOfAText() throws {
    let model = try randomModel(characters: twelveCharacters, context: 64, seed: 5)
    let text = try Generator(
      model, prompt: "a", sampling: Sampling(temperature: 0.5), seed: 1, length: 60
    ).map(\.text).joined()
    let fit = try Scoring.fitTemperature("a" + text, model: model)
    let error = try #require(fit.standardError)
    #expect(abs(fit.temperature - 0.5) < 4 * error + 0.05)
    let score = try Scoring.score("a" + text, model: model, temperature: fit.temperature)
    #expect(abs(score.loss - fit.loss) < 1e-6)
    for factor in [0.98, 1.02] {
      let other = try Scoring.score(
        "a" + text, model: model, temperature: factor * fit.temperature)
      #expect(other.loss > fit.loss)
    }
  }
}
