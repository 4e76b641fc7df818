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
    Self.gumbel(uniforms(block: token / 4, at: index)[token % 4])
  }

  /// u of tokens 4 · block ..< 4 · block + 4, each in the open interval (0, 1).
  @inline(__always)
  func uniforms(block: Int, at index: Int) -> SIMD4<Double> {
    let counter = UInt64(truncatingIfNeeded: index)
    let words = generator.words(
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
      UInt32(truncatingIfNeeded: block), 0)
    return SIMD4(
      CounterGenerator.unit(words.0), CounterGenerator.unit(words.1),
      CounterGenerator.unit(words.2), CounterGenerator.unit(words.3))
  }

  /// -ln(-ln u): between -3.2 and 22.9 for the u that `uniforms` gives.
  @inline(__always)
  static func gumbel(_ u: Double) -> Double { -Double.logarithm(-Double.logarithm(u)) }
}
