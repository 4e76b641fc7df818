import Transformer

/// The noise that decides what a seed draws: independent numbers of the standard Gumbel
/// distribution, one for each place in the text and character.
///
/// If g_i are such numbers, then argmax_i (z_i / T + g_i) is i with probability softmax(z / T)_i:
/// the Gumbel-max rule (Gumbel 1954; Maddison, Tarlow and Minka, "A* sampling", 2014). The noise
/// depends on nothing else, not on the temperature and not on the prompt, so that temperatures are
/// compared on equal terms.
public struct GumbelNoise: Sendable {
  private let generator: CounterGenerator

  /// The noise of a seed.
  public init(seed: UInt64) { generator = CounterGenerator(seed: seed, stream: .sampling) }

  /// The noise of one character.
  /// - Parameters:
  ///   - token: the character.
  ///   - index: the place among the generated characters, from 0.
  public func value(of token: Int, at index: Int) -> Double {
    let counter = UInt64(truncatingIfNeeded: index)
    let words = generator.words(
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
      UInt32(truncatingIfNeeded: token / 4), 0)
    let four = SIMD4(words.0, words.1, words.2, words.3)
    return Self.gumbel(CounterGenerator.unit(four[token % 4]))
  }

  /// u of tokens 0..<u.count, each in the open interval (0, 1).
  func uniforms(at index: Int, into u: inout [Double]) {
    Double.uniforms(generator, at: UInt64(truncatingIfNeeded: index), into: &u)
  }

  /// -ln(-ln u): between -3.2 and 22.9 for the u that `uniforms` gives.
  @inline(__always)
  static func gumbel(_ u: Double) -> Double { -Double.logarithm(-Double.logarithm(u)) }
}
