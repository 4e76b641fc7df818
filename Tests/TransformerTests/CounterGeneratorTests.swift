import TestSupport
import Testing
import Transformer

@Suite struct CounterGeneratorTests {
  struct Vector: Sendable, CustomTestStringConvertible {
    let counter: [UInt32]
    let key: [UInt32]
    let words: [UInt32]
    var testDescription: String { "key \(key)" }
  }

  /// The known answers for Philox4x32-10 in Random123's `kat_vectors`.
  static let knownAnswers = [
    Vector(
      counter: [0, 0, 0, 0], key: [0, 0],
      words: [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
    Vector(
      counter: [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF],
      key: [0xFFFF_FFFF, 0xFFFF_FFFF],
      words: [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]),
    Vector(
      counter: [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344],
      key: [0xA409_3822, 0x299F_31D0],
      words: [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]),
  ]

  @Test(arguments: knownAnswers)
  func knownAnswer(_ vector: Vector) {
    let generator = CounterGenerator(key: UInt64(vector.key[0]) | UInt64(vector.key[1]) << 32)
    let c = vector.counter
    let words = generator.words(c[0], c[1], c[2], c[3])
    #expect([words.0, words.1, words.2, words.3] == vector.words)
  }

  @Test func unitIntervalIsOpen() {
    #expect(CounterGenerator.unit(0) == 0x1p-33)
    #expect(CounterGenerator.unit(.max) == 1 - 0x1p-33)
    #expect(CounterGenerator.unit(1 << 31) == 0.5 + 0x1p-33)
  }

  // MARK: - Whole numbers

  @Test(arguments: [1, 2, 3, 5, 7, 10, 64, 100, 257] as [UInt32], [1, 2] as [UInt64])
  func belowIsEven(bound: UInt32, seed: UInt64) {
    let generator = CounterGenerator(seed: seed, stream: .checks)
    var counts = [Int](repeating: 0, count: Int(bound))
    let draws = 20_000
    for counter in 0..<draws { counts[Int(generator.below(bound, at: UInt64(counter)))] += 1 }
    let expected = [Double](repeating: Double(draws) / Double(bound), count: Int(bound))
    let statistic = chiSquared(observed: counts, expected: expected)
    #expect(statistic <= chiSquaredBound(degreesOfFreedom: Int(bound) - 1))
  }

  /// Where the bias of a remainder or a product is large: of 2^32 words, 3 · 2^30 values get one or
  /// two each.
  @Test func belowIsEvenForLargeBounds() {
    let generator = CounterGenerator(seed: 5, stream: .checks)
    let third: UInt32 = 1 << 30
    var counts = [0, 0, 0]
    var remainders = [0, 0, 0]
    for counter in 0..<30_000 {
      let value = generator.below(3 * third, at: UInt64(counter) << 20)
      counts[Int(value / third)] += 1
      remainders[Int(value % 3)] += 1
    }
    let expected = [10_000.0, 10_000, 10_000]
    let bound = chiSquaredBound(degreesOfFreedom: 2)
    #expect(chiSquared(observed: counts, expected: expected) <= bound)
    #expect(chiSquared(observed: remainders, expected: expected) <= bound)
    #expect((0..<1000).allSatisfy { generator.below(.max, at: $0) < .max })
  }

  // MARK: - Normal numbers

  /// The first four moments, each within five of its own standard deviations, and the tails.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func normalsHaveTheirMoments(seed: UInt64) {
    let generator = CounterGenerator(seed: seed, stream: .weights)
    let pairs = (0..<50_000).map { generator.normals(at: $0) }
    let values = pairs.flatMap { [$0.0, $0.1] }
    let n = Double(values.count)
    func moment(_ power: Int) -> Double {
      values.reduce(0) { sum, x in sum + (0..<power).reduce(1) { p, _ in p * x } } / n
    }
    let root = n.squareRoot()
    #expect(abs(moment(1)) <= 5 * 1 / root)
    #expect(abs(moment(2) - 1) <= 5 * 2.0.squareRoot() / root)
    #expect(abs(moment(3)) <= 5 * 15.0.squareRoot() / root)
    #expect(abs(moment(4) - 3) <= 5 * 96.0.squareRoot() / root)
    let correlation = pairs.reduce(0) { $0 + $1.0 * $1.1 } / Double(pairs.count)
    #expect(abs(correlation) <= 5 / Double(pairs.count).squareRoot())
    let beyondTwo = Double(values.count { abs($0) > 2 }) / n
    #expect(abs(beyondTwo - 0.0455003) <= 5 * (0.0455 * 0.9545 / n).squareRoot())
    #expect(values.allSatisfy { abs($0) < 7 })
  }

  // MARK: - Streams

  @Test func seedsAndStreamsDiffer() {
    let streams: [CounterGenerator.Stream] = [.weights, .order, .dropout, .sampling, .checks]
    let seeds = (0..<500).map { UInt64($0) } + (0..<64).map { UInt64.max << UInt64($0) }
    let keys = Set(seeds).flatMap { seed in
      streams.map { CounterGenerator(seed: seed, stream: $0).key }
    }
    #expect(Set(keys).count == keys.count)
    #expect(
      CounterGenerator(seed: 7, stream: .order).key
        == CounterGenerator(seed: 7, stream: .order).key)
  }

  @Test func neighbouringCountersAreUnrelated() {
    let generator = CounterGenerator(seed: 1, stream: .sampling)
    // Of 32 bits, 16 change on average: 5 standard deviations of the mean of 1000 are 0.45.
    let changed = (0..<1000 as Range<UInt32>).map {
      (generator.words($0, 0, 0, 0).0 ^ generator.words($0 + 1, 0, 0, 0).0).nonzeroBitCount
    }
    #expect(abs(Double(changed.reduce(0, +)) / 1000 - 16) < 0.45)
  }

  /// Many counters at once have the words that each has alone.
  @Test(arguments: [1, 4, 31, 32, 33, 65, 200], [0, 1, 0xFFFF_FFFF, 0x1_2345_6789_ABCD])
  func uniformsAreThoseOfEachCounter(count: Int, index: UInt64) {
    let generator = CounterGenerator(seed: 3, stream: .sampling)
    var u = [Double](repeating: 0, count: count)
    Double.uniforms(generator, at: index, into: &u)
    for i in 0..<count {
      let words = generator.words(
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), UInt32(i / 4), 0
      )
      let word = [words.0, words.1, words.2, words.3][i % 4]
      #expect(u[i] == CounterGenerator.unit(word))
    }
  }

  /// The race of sampling, against loops.
  @Test(arguments: [1, 2, 7, 8, 9, 16, 65, 200])
  func theSoonestAndThoseWithinALimit(count: Int) {
    var random = SeededValues(seed: UInt64(count))
    for _ in 0..<50 {
      // Few different values, so that some are equal.
      let u = (0..<count).map { _ in Double(random.whole(1..<8)) / 8 }
      let weights = (0..<count).map { _ in Double(random.whole(0..<4)) }
      let times = zip(u, weights).map { (1 - $0) / $1 }
      let least = times.reduce(.infinity) { min($0, $1) }
      let (winner, next) = Double.soonest(u, weights: weights)
      #expect(winner == (least < .infinity ? times.firstIndex(of: least) : 0))
      #expect(next == (count > 1 ? times.sorted()[1] : .infinity))
      let limit = Double(random.whole(0..<4)) / 8
      var found: [Int] = []
      while let next = Double.next(
        from: (found.last ?? -1) + 1, u, within: limit, weights: weights)
      { found.append(next) }
      #expect(found == u.indices.filter { 1 - u[$0] <= limit * weights[$0] })
    }
  }
}
