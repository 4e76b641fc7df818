/// Random numbers as a function of a key and a counter: Philox4x32-10.
///
/// There is no hidden state: the same key and counter give the same four words, in any order, on any thread. Every random
/// choice of the project (initial weights, the order of batches, dropout, sampling) is such a call, so that each can be
/// replayed alone.
///
/// Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
public struct CounterGenerator: Sendable {
  /// The key. Different keys give unrelated sequences.
  public let key: UInt64

  /// A generator with the given key.
  public init(key: UInt64) { self.key = key }

  /// A generator for one use of a seed: the initial weights and the order of batches must not share their numbers.
  public init(seed: UInt64, stream: Stream) {
    // The stream is mixed into the key by one call with a key of its own.
    let mixed = CounterGenerator(key: 0x7465_6d70_6572).words(
      UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32), stream.rawValue, 0)
    key = UInt64(mixed.0) | UInt64(mixed.1) << 32
  }

  /// What a sequence of random numbers is used for.
  public enum Stream: UInt32, Sendable {
    case weights = 1
    case order = 2
    case dropout = 3
    case sampling = 4
    case checks = 5
  }

  /// The four random words at a counter.
  @inlinable @inline(__always)
  public func words(
    _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var (x0, x1, x2, x3) = (a, b, c, d)
    var k0 = UInt32(truncatingIfNeeded: key)
    var k1 = UInt32(truncatingIfNeeded: key >> 32)
    for _ in 0..<10 {
      let p0 = UInt64(x0) &* 0xD251_1F53
      let p1 = UInt64(x2) &* 0xCD9E_8D57
      (x0, x1, x2, x3) = (
        UInt32(truncatingIfNeeded: p1 >> 32) ^ x1 ^ k0, UInt32(truncatingIfNeeded: p1),
        UInt32(truncatingIfNeeded: p0 >> 32) ^ x3 ^ k1, UInt32(truncatingIfNeeded: p0)
      )
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return (x0, x1, x2, x3)
  }

  /// A number in the open interval (0, 1), from 32 random bits.
  @inlinable @inline(__always)
  public static func unit(_ word: UInt32) -> Double { (Double(word) + 0.5) * 0x1p-32 }

  /// A whole number in 0..<bound, drawn without bias.
  public func below(_ bound: UInt32, at counter: UInt64) -> UInt32 {
    precondition(bound > 0, "nothing lies below zero")
    // Lemire's method: the high word of a product, with the few values that would be favoured drawn again.
    var attempt: UInt32 = 0
    let threshold = (0 &- bound) % bound
    while true {
      let word = words(
        UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), attempt, 1
      ).0
      let product = UInt64(word) * UInt64(bound)
      if UInt32(truncatingIfNeeded: product) >= threshold { return UInt32(product >> 32) }
      attempt += 1
    }
  }

  /// Two independent numbers of the standard normal distribution (Box-Muller).
  public func normals(at counter: UInt64) -> (Double, Double) {
    let w = words(
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), 0, 2)
    let radius = (-2 * Double.logarithm(Self.unit(w.0))).squareRoot()
    let angle = 2 * Double.pi * Self.unit(w.1)
    return (radius * angle.cosine, radius * angle.sine)
  }
}
