#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Losses of the logits, with the derivative of each by the logits.
extension SoftmaxLaboratory {
  /// A loss in nats and dL/dz.
  package struct Loss: Sendable {
    package let value: Double
    package let gradient: [Double]
  }

  /// 1 at the target, else 0.
  private var oneHot: [Double] { logits.indices.map { $0 == target ? 1 : 0 } }

  /// ln Σ exp(z) - z_y, whose gradient is p - y.
  package var crossEntropy: Loss {
    Loss(
      value: -logProbabilities()[target], gradient: zip(probabilities(), oneHot).map { $0 - $1 })
  }

  /// -Σ t ln p with t = (1 - ε) y + ε / K, whose gradient is p - t. A masked logit has no share in ε: K counts the others.
  package func labelSmoothing(_ epsilon: Double) -> Loss {
    let classes = Double(logits.count { $0.isFinite })
    let targets = logits.indices.map { i in
      logits[i].isFinite ? (1 - epsilon) * oneHot[i] + epsilon / classes : 0
    }
    let loss = zip(targets, logProbabilities()).reduce(0) { $1.0 == 0 ? $0 : $0 - $1.0 * $1.1 }
    return Loss(value: loss, gradient: zip(probabilities(), targets).map { $0 - $1 })
  }

  /// λ (ln Z)², whose gradient is 2 λ ln Z p.
  package func zLoss(_ weight: Double) -> Loss {
    let logZ = logSumExp
    return Loss(
      value: weight * logZ * logZ, gradient: probabilities().map { 2 * weight * logZ * $0 })
  }

  /// λ Σ z² over logits that are not masked, whose gradient is 2 λ z.
  package func squares(_ weight: Double) -> Loss {
    let finite = logits.map { $0.isFinite ? $0 : 0 }
    return Loss(
      value: weight * finite.reduce(0) { $0 + $1 * $1 }, gradient: finite.map { 2 * weight * $0 })
  }

  /// T² KL(q || p) with q = softmax(teacher / T) and p = softmax(z / T), whose gradient is T (p - q).
  ///
  /// Without T² the gradient would shrink as 1/T², because soft targets differ less and the logits are divided by T.
  ///
  /// Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015).
  package func distillation(
    teacher: [Double], temperature: Double
  ) throws(LaboratoryError) -> Loss {
    guard teacher.count == logits.count else { throw .target(teacher.count, count: logits.count) }
    guard temperature > 0, temperature.isFinite else { throw .temperature(temperature) }
    let other = try SoftmaxLaboratory(teacher)
    let divergence = Self.divergence(
      from: other.logProbabilities(at: temperature), to: logProbabilities(at: temperature))
    let (q, p) = (other.probabilities(at: temperature), probabilities(at: temperature))
    return Loss(
      value: temperature * temperature * divergence,
      gradient: zip(p, q).map { temperature * ($0 - $1) })
  }

  /// KL(q || p) = Σ q (ln q - ln p); infinite where p leaves out what q has.
  package static func divergence(from q: [Double], to p: [Double]) -> Double {
    max(0, zip(q, p).reduce(0) { $1.0 == -.infinity ? $0 : $0 + exp($1.0) * ($1.0 - $1.1) })
  }

  /// KL(p || uniform) over the logits that are not masked: ln K - H(p).
  package var divergenceFromUniform: Double {
    max(0, log(Double(logits.count { $0.isFinite })) - entropy())
  }

  /// ½ Σ_S (z_j² - τ²) + ½ - z_y over the support S of sparsemax, whose gradient is sparsemax(z) - y.
  ///
  /// It is 0 once the target leads all others by 1: being right with a margin costs nothing.
  package var sparsemaxLoss: Loss {
    // The loss is unchanged by a shift of all logits; moving the target's to 0 keeps squares small.
    let p = sparsemax
    let z = logits.map { $0 - logits[target] }
    guard let best = p.indices.max(by: { p[$0] < p[$1] }) else {
      return Loss(value: 0, gradient: p)
    }
    let threshold = z[best] - p[best]
    // z² - τ² = (z - τ)(z + τ), and z - τ is p.
    let sum = z.indices.reduce(0) { p[$1] > 0 ? $0 + p[$1] * (z[$1] + threshold) : $0 }
    return Loss(value: max(0, 0.5 * sum + 0.5), gradient: zip(p, oneHot).map { $0 - $1 })
  }

  /// ln(1 + (K - 1) e^-m): the loss when the right one of K leads all others by m.
  package static func marginLoss(classes: Int, margin: Double) -> Double {
    let others = Double(classes - 1)
    return margin >= 0
      ? log1p(others * exp(-margin)) : -margin + log(exp(margin) + others)
  }
}
