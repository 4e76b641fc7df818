import Testing
import Transformer
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The filters against versions that follow their definitions step by step, without regard to
/// speed.
@Suite struct SamplingFilterTests {
  /// The probabilities to draw with, by the definitions in `Sampling`.
  func reference(_ logits: [Float], _ sampling: Sampling, history: [Int32]) -> [Double] {
    func normalized(_ weights: [Double]) -> [Double] {
      let sum = weights.reduce(0, +)
      return weights.map { $0 / sum }
    }
    let maximum = Double(logits.reduce(-.infinity) { max($0, $1) })
    var p = normalized(logits.map { exp(Double($0) - maximum) })
    /// Survivors, most probable first, of equal ones the lower token first.
    var survivors = p.indices.filter { logits[$0] > -.infinity }.sorted {
      (-logits[$0], $0) < (-logits[$1], $1)
    }
    func renormalize() {
      let kept = Set(survivors)
      p = normalized(p.indices.map { kept.contains($0) ? p[$0] : 0 })
    }
    if sampling.topK > 0 {
      survivors = Array(survivors.prefix(sampling.topK))
      renormalize()
    }
    if sampling.topP < 1 {
      var sum = 0.0
      survivors = Array(
        survivors.prefix { token in
          defer { sum += p[token] }
          return sum < sampling.topP
        })
      renormalize()
    }
    if sampling.minP > 0 {
      let threshold = sampling.minP * p[survivors[0]]
      survivors = survivors.filter { p[$0] >= threshold }
      renormalize()
    }
    let recent = Set(history.suffix(sampling.repetitionWindow))
    var scores = [Double](repeating: -.infinity, count: logits.count)
    for token in survivors {
      let logit = Double(logits[token])
      scores[token] =
        !recent.contains(Int32(token))
        ? logit
        : logit > 0 ? logit / sampling.repetitionPenalty : logit * sampling.repetitionPenalty
    }
    let highest = scores.reduce(-.infinity) { max($0, $1) }
    guard sampling.temperature > 0 else {
      let winner = scores.firstIndex(of: highest)
      return scores.indices.map { $0 == winner ? 1 : 0 }
    }
    return normalized(scores.map { exp(($0 - highest) / sampling.temperature) })
  }

  /// Compares distribution and draw with the reference on one row.
  func check(_ logits: [Float], _ sampling: Sampling, history: [Int32], index: Int) throws {
    let expected = reference(logits, sampling, history: history)
    var sampler = try Sampler(sampling, seed: 77, vocabularySize: logits.count)
    let matrix = row(logits)
    let actual = try sampler.distribution(matrix[0], history: history)
    for token in logits.indices {
      #expect((actual[token] > 0) == (expected[token] > 0), "\(token), \(sampling), \(logits)")
      #expect(abs(actual[token] - expected[token]) < 1e-12)
    }
    let draw = try sampler.choose(matrix[0], index: index, history: history)
    #expect(expected[Int(draw.token)] > 0, "a character that was filtered out was drawn")
    #expect(abs(draw.logProbability - log(expected[Int(draw.token)])) < 1e-9)
    let entropy = -expected.reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }
    #expect(abs(draw.entropy - entropy) < 1e-9)
  }

  /// Logits with ties, some of them -∞.
  func logits(_ numbers: inout TestNumbers) -> [Float] {
    let count = 1 + numbers.below(60)
    let isCoarse = numbers.below(2) == 0
    var logits = (0..<count).map { _ in
      let z = numbers.normal() * 3
      return Float(isCoarse ? z.rounded() : z)
    }
    if numbers.below(4) == 0 { logits[numbers.below(count)] = -.infinity }
    if numbers.below(4) == 0 { logits[numbers.below(count)] = -0.0 }
    if !logits.contains(where: { $0 > -.infinity }) { logits[0] = 0 }
    return logits
  }

  @Test(arguments: ["top-k", "top-p", "min-p", "repetition-penalty", "all"])
  func filtersMatchTheirDefinitions(filter: String) throws {
    var numbers = TestNumbers(seed: 99)
    for trial in 0..<2_000 {
      let logits = logits(&numbers)
      let history = (0..<numbers.below(80)).map { _ in Int32(numbers.below(logits.count)) }
      var sampling = Sampling(temperature: numbers.element(of: [0, 0.3, 0.8, 1, 1.7]))
      let isOn = { (name: String) in filter == name || filter == "all" }
      if isOn("top-k") { sampling.topK = 1 + numbers.below(70) }
      if isOn("top-p") { sampling.topP = numbers.unit() }
      if isOn("min-p") { sampling.minP = numbers.unit() * numbers.element(of: [0.01, 0.3, 1]) }
      if isOn("repetition-penalty") {
        sampling.repetitionPenalty = numbers.element(of: [0.5, 1.1, 1.3, 10])
        sampling.repetitionWindow = numbers.element(of: [0, 1, 5, 64, 1_000])
      }
      try check(logits, sampling, history: history, index: trial)
    }
  }

  /// A row that a person can check: probabilities 0.5, 0.25, 0.125, 0.125.
  static let halves: [Float] = [1, 2, 4, 8].map { -log(Float($0 == 8 ? 4 : $0)) }

  func survivors(_ logits: [Float], _ sampling: Sampling, history: [Int32] = []) throws -> [Int] {
    var sampler = try Sampler(sampling, seed: 0, vocabularySize: logits.count)
    let matrix = row(logits)
    let p = try sampler.distribution(matrix[0], history: history)
    return p.indices.filter { p[$0] > 0 }
  }

  @Test func filtersByHand() throws {
    // Weights 1, 1/2, 1/4, 1/4: probabilities 1/2, 1/4, 1/8, 1/8.
    let z = Self.halves
    #expect(try survivors(z, Sampling(topK: 3)) == [0, 1, 2])
    #expect(try survivors(z, Sampling(topK: 100)) == [0, 1, 2, 3])
    #expect(try survivors(z, Sampling(topP: 0.49)) == [0])
    #expect(try survivors(z, Sampling(topP: 0.6)) == [0, 1])
    #expect(try survivors(z, Sampling(topP: 0.8)) == [0, 1, 2])
    #expect(try survivors(z, Sampling(minP: 0.4)) == [0, 1])
    #expect(try survivors(z, Sampling(minP: 0.2)) == [0, 1, 2, 3])
    // Top-k 2 leaves 2/3 and 1/3, of which 0.6 needs only the first.
    #expect(try survivors(z, Sampling(topK: 2, topP: 0.6)) == [0])
    // Filters do not depend on the temperature.
    #expect(try survivors(z, Sampling(temperature: 50, topP: 0.6)) == [0, 1])
  }

  @Test func thePenaltyIsDividedOrMultipliedOnceForEachCharacter() throws {
    let logits: [Float] = [2, -1, 0.5]
    var sampler = try Sampler(
      Sampling(temperature: 1, repetitionPenalty: 2, repetitionWindow: 4), seed: 0,
      vocabularySize: 3)
    let matrix = row(logits)
    // The 2 at the start is outside of the window of four.
    let p = try sampler.distribution(matrix[0], history: [2, 0, 0, 1, 0])
    let weights = [1, -2, 0.5].map { exp($0) }
    for i in 0..<3 { #expect(abs(p[i] - weights[i] / weights.reduce(0, +)) < 1e-14) }
  }

  @Test func largeVocabulariesAreFilteredAlike() throws {
    var numbers = TestNumbers(seed: 4)
    let logits = (0..<1_814).map { _ in Float(numbers.normal() * 2) }
    for sampling in [
      Sampling(topK: 40), Sampling(topP: 0.95), Sampling(minP: 0.05),
      Sampling(topK: 500, topP: 0.9, minP: 0.001, repetitionPenalty: 1.2),
    ] {
      try check(logits, sampling, history: (0..<100).map { Int32($0 * 7) }, index: 1)
    }
  }
}
