import CKernels

/// One step of Adam with decoupled weight decay: with g = `gradientScale` · gradient,
///
///     m = β₁ m + (1 - β₁) g      v = β₂ v + (1 - β₂) g²      w = kept · w - rate · m / (root · √v + ε)
package struct AdamStep {
  private let numbers: temper_adamw_step

  package init(
    beta1: Double, beta2: Double, gradientScale: Double, kept: Double, rate: Double, root: Double,
    epsilon: Double
  ) {
    numbers = temper_adamw_step(
      beta1: Float(beta1), beta2: Float(beta2), gradient_scale: Float(gradientScale),
      kept: Float(kept), rate: Float(rate), root: Float(root), epsilon: Float(epsilon))
  }

  /// - Parameters:
  ///   - weights: w, updated.
  ///   - first, second: the moments m and v, updated.
  /// - Precondition: all have the same count.
  package func update(
    _ weights: Row<Float>, gradient: Row<Float>, first: Row<Float>, second: Row<Float>
  ) {
    let count = weights.count
    precondition(
      gradient.count == count && first.count == count && second.count == count,
      "rows of a step of Adam differ in length")
    withUnsafePointer(to: numbers) {
      temper_adamw($0, gradient.base, first.base, second.base, weights.base, count)
    }
  }
}
