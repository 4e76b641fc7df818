/// Dropout by a mask that is a function of where an element is, never stored.
///
/// Each element is kept with probability 1 - rate and then multiplied by 1 / (1 - rate). The mask of a step, site, row and column comes
/// from the counter generator, so `apply` serves forward and backward: y = m x, dL/dx = m dL/dy. Rates are exact to 1/65536.
///
/// Source: Srivastava et al., "Dropout" (2014).
public struct Dropout: Sendable {
  /// The share of elements set to zero, in 0..<1.
  public let rate: Double
  /// Where the masks come from.
  private let generator: CounterGenerator
  private let step: UInt32

  /// The masks of one training step.
  public init(rate: Double, seed: UInt64, step: Int) {
    precondition(rate >= 0 && rate < 1, "a dropout rate is at least 0 and less than 1")
    self.rate = rate
    self.generator = CounterGenerator(seed: seed, stream: .dropout)
    self.step = UInt32(truncatingIfNeeded: step)
  }

  /// Multiplies `x` by the mask of `site`.
  /// - Parameter firstRow: the position of x's first row in the whole batch, so that shards have masks of their own.
  package func apply<Scalar: Real>(to x: Matrix<Scalar>, site: Int, firstRow: Int) {
    Probes.current?.enter(.dropout)
    defer { Probes.current?.leave() }
    guard rate > 0 else { return }
    let threshold = UInt32((rate * 65536).rounded())
    Scalar.drop(
      x, below: threshold, kept: Scalar(1 / (1 - Double(threshold) / 65536)), generator: generator,
      firstRow: UInt32(truncatingIfNeeded: firstRow), site: UInt32(truncatingIfNeeded: site),
      step: step)
  }
}

extension Real {
  public static func drop(
    _ x: Matrix<Self>, below threshold: UInt32, kept: Self, generator: CounterGenerator,
    firstRow: UInt32, site: UInt32, step: UInt32
  ) {
    for r in 0..<x.rows {
      let row = x[r]
      // One call gives eight elements their 16 random bits each.
      for first in Swift.stride(from: 0, to: row.count, by: 8) {
        let w = generator.words(
          UInt32(truncatingIfNeeded: first), firstRow &+ UInt32(truncatingIfNeeded: r), site, step)
        let bits = SIMD8<UInt32>(
          w.0 & 0xFFFF, w.0 >> 16, w.1 & 0xFFFF, w.1 >> 16,
          w.2 & 0xFFFF, w.2 >> 16, w.3 & 0xFFFF, w.3 >> 16)
        for i in 0..<min(8, row.count - first) {
          row[first + i] *= bits[i] < threshold ? 0 : kept
        }
      }
    }
  }
}
