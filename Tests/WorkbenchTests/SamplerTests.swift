import Testing
import Transformer
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

@Suite struct SamplerTests {
  /// Twelve logits whose rarest probability at T = 0.5 still gives a hundred draws in a million.
  static let logits: [Float] = [
    0.3, -1.2, 1.9, 0.0, 0.7, -0.4, 1.1, -2.0, 0.9, -0.8, 1.5, 0.3,
  ]

  func softmax(_ logits: [Float], _ temperature: Double) -> [Double] {
    let weights = logits.map { exp(Double($0) / temperature) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  @Test(arguments: [0.5, 1, 2]) func aMillionDrawsFollowSoftmax(temperature: Double) throws {
    let matrix = row(Self.logits)
    var sampler = try Sampler(
      Sampling(temperature: temperature), seed: 20_240_517, vocabularySize: Self.logits.count)
    let draws = 1_000_000
    var counts = [Int](repeating: 0, count: Self.logits.count)
    for index in 0..<draws {
      counts[Int(try sampler.choose(matrix[0], index: index).token)] += 1
    }
    let chiSquared = zip(counts, softmax(Self.logits, temperature)).reduce(0.0) { sum, pair in
      let expected = pair.1 * Double(draws)
      let difference = Double(pair.0) - expected
      return sum + difference * difference / expected
    }
    // With 11 degrees of freedom, 31.264 is exceeded with probability 0.001.
    #expect(chiSquared < 31.264, "chi-squared at T = \(temperature)")
  }

  /// Draws by different seeds at one place are as independent as those at different places.
  @Test func drawsOverSeedsFollowSoftmax() throws {
    let matrix = row(Self.logits)
    let draws = 100_000
    var counts = [Int](repeating: 0, count: Self.logits.count)
    for seed in 0..<draws {
      var sampler = try Sampler(
        Sampling(temperature: 1), seed: UInt64(seed), vocabularySize: Self.logits.count)
      counts[Int(try sampler.choose(matrix[0], index: 3).token)] += 1
    }
    let chiSquared = zip(counts, softmax(Self.logits, 1)).reduce(0.0) { sum, pair in
      let expected = pair.1 * Double(draws)
      return sum + (Double(pair.0) - expected) * (Double(pair.0) - expected) / expected
    }
    #expect(chiSquared < 31.264)
  }

  @Test func theNoiseHasTheGumbelDistribution() {
    let noise = GumbelNoise(seed: 5)
    var sum = 0.0
    var squares = 0.0
    let (places, tokens) = (2_000, 50)
    for index in 0..<places {
      for token in 0..<tokens {
        let g = noise.value(of: token, at: index)
        sum += g
        squares += g * g
      }
    }
    let count = Double(places * tokens)
    let mean = sum / count
    // Euler's constant and π²/6; the tolerances are about four standard errors.
    #expect(abs(mean - 0.577_215_66) < 0.017)
    #expect(abs(squares / count - mean * mean - 1.644_934_07) < 0.04)
  }

  @Test func theNoiseIsAFunctionOfSeedPlaceAndCharacter() {
    let noise = GumbelNoise(seed: 7)
    let values = (0..<40).map { noise.value(of: $0 % 8, at: $0 / 8) }
    for i in values.indices.reversed() {
      #expect(GumbelNoise(seed: 7).value(of: i % 8, at: i / 8) == values[i])
    }
    #expect(Set(values).count == values.count)
    #expect(noise.value(of: 0, at: 0) != GumbelNoise(seed: 8).value(of: 0, at: 0))
    // Places beyond 32 bits are places of their own.
    #expect(noise.value(of: 0, at: 1 << 32) != noise.value(of: 0, at: 0))
  }

  /// Seeds that people wrote down must go on giving the same texts.
  @Test func aSeedGivesTheSameDrawsForEver() throws {
    let matrix = row(Self.logits)
    var sampler = try Sampler(Sampling(temperature: 1), seed: 42, vocabularySize: 12)
    let tokens = try (0..<16).map { try sampler.choose(matrix[0], index: $0).token }
    #expect(tokens == [3, 10, 8, 4, 10, 11, 11, 10, 2, 2, 6, 10, 0, 3, 2, 2])
  }

  /// The draw leaves out logarithms that cannot matter; this compares it with the plain formula.
  @Test func theDrawIsTheArgmaxOfThePerturbedLogits() throws {
    var numbers = TestNumbers(seed: 11)
    for trial in 0..<4_000 {
      let count = 1 + numbers.below(80)
      let scale = numbers.element(of: [0.001, 1, 5, 100])
      var logits = (0..<count).map { _ in Float(numbers.normal() * scale) }
      if count > 2, trial % 3 == 0 { logits[numbers.below(count - 1) + 1] = -.infinity }
      if count > 2, trial % 5 == 0 { logits[0] = logits[1] }
      guard logits.contains(where: { $0 > -.infinity }) else { continue }
      let maximum = Double(logits.reduce(-.infinity) { max($0, $1) })
      let matrix = row(logits)
      for temperature in [1e-300, 1e-6, 0.1, 0.8, 1, 3, 1e9, 1e300] {
        let seed = UInt64(trial)
        var sampler = try Sampler(
          Sampling(temperature: temperature), seed: seed, vocabularySize: count)
        let noise = GumbelNoise(seed: seed)
        var best = -Double.infinity
        var winner = 0
        for i in 0..<count {
          let value = (Double(logits[i]) - maximum) / temperature + noise.value(of: i, at: trial)
          if value > best { (best, winner) = (value, i) }
        }
        let draw = try sampler.choose(matrix[0], index: trial)
        #expect(Int(draw.token) == winner, "trial \(trial), T = \(temperature)")
        #expect(draw.logProbability.isFinite && draw.logProbability <= 0)
        #expect(draw.entropy.isFinite && draw.entropy >= 0)
      }
    }
  }

  /// z / T + g is a line in 1 / T, so with the noise fixed a character that wins at two
  /// temperatures wins between them.
  @Test func theNoiseIsTheSameAtEveryTemperature() throws {
    let matrix = row(Self.logits)
    let temperatures = (1...60).map { Double($0) * 0.05 }
    for index in 0..<500 {
      var seen: [Int32] = []
      for temperature in temperatures {
        var sampler = try Sampler(
          Sampling(temperature: temperature), seed: 3, vocabularySize: Self.logits.count)
        let token = try sampler.choose(matrix[0], index: index).token
        if seen.last != token { seen.append(token) }
      }
      #expect(Set(seen).count == seen.count, "a character came back at place \(index)")
    }
  }

  @Test func temperatureZeroIsArgmaxAndTiesGoToTheLowerToken() throws {
    var numbers = TestNumbers(seed: 2)
    for trial in 0..<500 {
      let logits = (0..<17).map { _ in Float(numbers.below(6)) }
      var sampler = try Sampler(
        Sampling(temperature: 0), seed: UInt64(trial), vocabularySize: logits.count)
      let matrix = row(logits)
      let draw = try sampler.choose(matrix[0], index: trial)
      #expect(Int(draw.token) == logits.firstIndex(of: logits.max() ?? 0))
      #expect(draw.logProbability == 0 && draw.entropy == 0)
      let own = log(softmax(logits, 1)[Int(draw.token)])
      #expect(abs(draw.modelLogProbability - own) < 1e-12)
    }
  }

  @Test func probabilitiesAndEntropyAreThoseOfTheDistribution() throws {
    let matrix = row(Self.logits)
    for temperature in [0.25, 0.8, 1, 2.5] {
      var sampler = try Sampler(
        Sampling(temperature: temperature), seed: 9, vocabularySize: Self.logits.count)
      let p = softmax(Self.logits, temperature)
      let entropy = -p.reduce(0) { $0 + $1 * log($1) }
      for (a, b) in zip(try sampler.distribution(matrix[0]), p) { #expect(abs(a - b) < 1e-14) }
      let draw = try sampler.choose(matrix[0], index: 0)
      #expect(abs(draw.logProbability - log(p[Int(draw.token)])) < 1e-13)
      #expect(
        abs(draw.modelLogProbability - log(softmax(Self.logits, 1)[Int(draw.token)])) < 1e-13)
      #expect(abs(draw.entropy - entropy) < 1e-13)
    }
  }

  @Test func extremeLogitsAreDrawnFromWithoutOverflow() throws {
    let rows: [[Float]] = [
      [1e30, -1e30, 0], [.greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1],
      [-.infinity, -3e38, -.infinity], [1000, 1001, 1002], [0, 0, 0], [1e-38, -1e-38, 0],
    ]
    for logits in rows {
      let matrix = row(logits)
      for temperature in [0, .leastNonzeroMagnitude, 1e-30, 1, 1e30, .greatestFiniteMagnitude] {
        for index in 0..<50 {
          var sampler = try Sampler(
            Sampling(temperature: temperature, topK: 3, topP: 0.999, minP: 1e-9), seed: 1,
            vocabularySize: logits.count)
          let draw = try sampler.choose(matrix[0], index: index)
          #expect(logits[Int(draw.token)] > -.infinity)
          #expect(draw.logProbability.isFinite && draw.entropy.isFinite)
          let sum = try sampler.distribution(matrix[0]).reduce(0, +)
          #expect(abs(sum - 1) < 1e-12)
        }
      }
    }
  }

  @Test func logitsThatAreNotFiniteAreRefusedAtEveryPlace() throws {
    for sampling in [Sampling(), Sampling(temperature: 0), Sampling(topK: 2, topP: 0.9, minP: 0.1)]
    {
      var sampler = try Sampler(sampling, seed: 1, vocabularySize: 5)
      for position in 0..<5 {
        for bad in [Float.nan, -.nan, .signalingNaN, .infinity] {
          var logits: [Float] = [1, 2, -.infinity, 4, 5]
          logits[position] = bad
          let matrix = row(logits)
          #expect(throws: SamplingError.noDistribution(index: 6)) {
            try sampler.choose(matrix[0], index: 6)
          }
        }
      }
      let nothing = row([Float](repeating: -.infinity, count: 5))
      #expect(throws: SamplingError.noDistribution(index: 0)) {
        try sampler.distribution(nothing[0])
      }
    }
  }
}

@Suite struct SamplingTests {
  @Test func defaultsAreAllowed() throws {
    try Sampling().validate()
    try Sampling(
      temperature: 0, topK: 10, topP: 0.01, minP: 0.99, repetitionPenalty: 2, repetitionWindow: 0
    ).validate()
  }

  @Test(arguments: [
    ("temperature", Sampling(temperature: -0.1)), ("temperature", Sampling(temperature: .nan)),
    ("temperature", Sampling(temperature: .infinity)), ("top-k", Sampling(topK: -1)),
    ("top-p", Sampling(topP: 0)), ("top-p", Sampling(topP: 1.01)), ("top-p", Sampling(topP: .nan)),
    ("min-p", Sampling(minP: -0.1)), ("min-p", Sampling(minP: 1)), ("min-p", Sampling(minP: .nan)),
    ("repetition-penalty", Sampling(repetitionPenalty: 0)),
    ("repetition-penalty", Sampling(repetitionPenalty: .infinity)),
    ("repetition-penalty", Sampling(repetitionPenalty: .nan)),
    ("repetition-penalty", Sampling(repetitionPenalty: 1e-300)),
    ("repetition-penalty", Sampling(repetitionPenalty: 1e308)),
    ("repetition-window", Sampling(repetitionWindow: -1)),
  ])
  func aSettingOutOfRangeIsNamed(option: String, sampling: Sampling) {
    let error = #expect(throws: SamplingError.self) { try sampling.validate() }
    guard case .outOfRange(option, _, _) = error else {
      Issue.record("\(option) was not named: \(String(describing: error))")
      return
    }
    #expect(throws: SamplingError.self) { try Sampler(sampling, seed: 0, vocabularySize: 3) }
  }
}
