import Transformer

/// Adam with decoupled weight decay.
///
/// Concretely, at step t = 1, 2, ..., with gradient g: m = β₁ m + (1 - β₁) g, v = β₂ v + (1 - β₂) g²,
/// w = w - η λ w - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε).
///
/// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (2017); the same numbers as PyTorch's `AdamW`.
package enum AdamW {
  /// ε.
  static let epsilon = 1e-8

  /// - Parameters:
  ///   - first, second: the moments m and v, zero before the first step.
  ///   - decay: λ for these weights.
  package static func update(
    _ weights: Row<Float>, gradient: Row<Float>, first: Row<Float>, second: Row<Float>,
    _ step: OptimizerStep, decay: Double
  ) {
    let correction1 = 1 - power(step.beta1, step.step + 1)
    let correction2 = 1 - power(step.beta2, step.step + 1)
    AdamStep(
      beta1: step.beta1, beta2: step.beta2, gradientScale: step.gradientScale,
      kept: 1 - step.adamRate * decay, rate: step.adamRate / correction1,
      root: 1 / correction2.squareRoot(), epsilon: epsilon
    ).update(weights, gradient: gradient, first: first, second: second)
  }

  /// x to the power of n, for n >= 0, by repeated squaring.
  private static func power(_ x: Double, _ n: Int) -> Double {
    var (result, base, exponent) = (1.0, x, n)
    while exponent > 0 {
      if exponent & 1 == 1 { result *= base }
      base *= base
      exponent >>= 1
    }
    return result
  }
}
