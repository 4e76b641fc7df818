import Testing
import Transformer
import Workbench

@Suite("Flip temperatures")
struct FlipTemperatureTests {
  /// What is drawn at a temperature.
  func drawn(
    _ logits: Matrix<Float>, _ sampling: Sampling, at temperature: Double, seed: UInt64, index: Int,
    history: [Int32] = []
  ) throws -> Int {
    var sampling = sampling
    sampling.temperature = temperature
    var sampler = try Sampler(sampling, seed: seed, vocabularySize: logits.columns)
    return try withExtendedLifetime(logits) {
      Int(try sampler.choose(logits[0], index: index, history: history).token)
    }
  }

  func flips(
    _ values: [Float], _ sampling: Sampling = Sampling(), seed: UInt64, index: Int
  ) throws -> FlipTemperatures {
    let logits = row(values)
    var sampler = try Sampler(sampling, seed: seed, vocabularySize: values.count)
    // A row does not keep its matrix.
    return try withExtendedLifetime(logits) { try sampler.flips(logits[0], index: index) }
  }

  /// 10,000 contexts in all, in which logits repeat and are missing, at every kind of filter.
  @Test("Flips are exact: both sides of each, and nothing else in a sweep", arguments: 0..<20)
  func exact(batch: Int) throws {
    var numbers = TestNumbers(seed: UInt64(batch + 1))
    for trial in 0..<500 {
      let count = 2 + numbers.below(40)
      let spread = numbers.element(of: [0.01, 1, 3, 30])
      var values = (0..<count).map { _ in Float(numbers.normal() * spread) }
      if trial % 5 == 1 { for i in values.indices { values[i] = values[i].rounded() } }
      if trial % 7 == 2 { values[numbers.below(count)] = -.infinity }
      if !values.contains(where: { $0 > -.infinity }) { values[0] = 0 }
      let sampling: Sampling =
        switch trial % 4 {
        case 0: Sampling()
        case 1: Sampling(topK: 1 + numbers.below(count))
        case 2: Sampling(topP: 0.2 + 0.7 * numbers.unit(), minP: 0.01)
        default: Sampling(topK: 10, repetitionPenalty: 1.5)
        }
      let history = (0..<6).map { _ in Int32(numbers.below(count)) }
      let logits = row(values)
      let (seed, index) = (UInt64(batch * 1000 + trial), trial)
      var sampler = try Sampler(sampling, seed: seed, vocabularySize: count)
      let flips = try sampler.flips(logits[0], index: index, history: history)

      func check(_ temperature: Double, _ expected: Int) throws {
        let token = try drawn(
          logits, sampling, at: temperature, seed: seed, index: index, history: history)
        #expect(token == expected, "batch \(batch), trial \(trial), T = \(temperature)")
      }
      var below: FlipTemperatures.Interval?
      for interval in flips.intervals {
        #expect(interval.lowest <= interval.highest)
        #expect(interval.lowest == below.map { $0.highest.nextUp } ?? 0)
        #expect(interval.token != below?.token)
        try check(interval.lowest, interval.token)
        if interval.highest < .infinity { try check(interval.highest, interval.token) }
        below = interval
      }
      #expect(flips.intervals.last?.highest == .infinity)
      for step in 0..<1000 {
        let temperature = 4 * (Double(step) + numbers.unit()) / 1000
        try check(temperature, flips.token(at: temperature))
      }
      try check(1000, flips.token(at: 1000))
      withExtendedLifetime(logits) {}
    }
  }

  @Test("Two characters part where their lines cross")
  func byHand() throws {
    let noise = GumbelNoise(seed: 5)
    for index in 0..<200 {
      let (g0, g1) = (noise.value(of: 0, at: index), noise.value(of: 1, at: index))
      let flips = try flips([2, 0.5], seed: 5, index: index)
      if g1 > g0 {
        #expect(flips.intervals.map(\.token) == [0, 1])
        let crossing = 1.5 / (g1 - g0)
        #expect(abs(flips.intervals[1].lowest - crossing) <= 1e-12 * crossing)
      } else {
        #expect(flips.intervals == [.init(token: 0, lowest: 0, highest: .infinity)])
      }
    }
  }

  @Test("Equal logits: the lower token at T = 0, the larger noise above")
  func ties() throws {
    let noise = GumbelNoise(seed: 1)
    for index in 0..<50 {
      let flips = try flips([1, 1], seed: 1, index: index)
      let isLower = noise.value(of: 0, at: index) > noise.value(of: 1, at: index)
      #expect(flips.intervals.map(\.token) == (isLower ? [0] : [0, 1]))
      #expect(flips.intervals[0].highest == (isLower ? .infinity : 0))
      #expect(flips.token(at: 0) == 0 && flips.token(at: 1e-300) == (isLower ? 0 : 1))
    }
  }

  @Test("A filter that leaves one character leaves no flip; damaged logits are refused")
  func edges() throws {
    let one = try flips([0, 2, 1], Sampling(topK: 1), seed: 1, index: 0)
    #expect(one.intervals == [.init(token: 1, lowest: 0, highest: .infinity)])
    #expect(throws: SamplingError.noDistribution(index: 3)) {
      try flips([0, .nan, 1], seed: 1, index: 3)
    }
  }
}
