import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What softmax makes of some logits, and everything that follows from it, in double precision.
///
/// Logits may be -inf, which is how attention masks: they have probability 0. What has no answer is an error when the laboratory is
/// set up, so that no value below is NaN.
package struct SoftmaxLaboratory: Sendable {
  /// Matrices of logits by logits are computed and shown.
  package static let largestCount = 256

  package let logits: [Double]
  /// What each logit stands for, for show.
  package let labels: [String]
  package let temperatures: [Double]
  /// The right answer, counted from 0.
  package let target: Int

  /// - Parameter target: the right answer; nil for the first logit that is not masked.
  /// - Throws: `LaboratoryError` for what has no softmax.
  package init(
    _ logits: [Double], labels: [String]? = nil, temperatures: [Double] = [0, 0.5, 1, 2],
    target: Int? = nil
  ) throws(LaboratoryError) {
    guard !logits.isEmpty else { throw .noLogits }
    guard logits.count <= Self.largestCount else {
      throw .tooMany(count: logits.count, limit: Self.largestCount)
    }
    if let position = logits.firstIndex(where: \.isNaN) { throw .notANumber(position: position) }
    if let position = logits.firstIndex(of: .infinity) { throw .infinite(position: position) }
    guard let first = logits.firstIndex(where: \.isFinite) else {
      throw .allMasked(count: logits.count)
    }
    for temperature in temperatures where !(temperature >= 0 && temperature.isFinite) {
      throw .temperature(temperature)
    }
    if let target {
      guard logits.indices.contains(target) else {
        throw .target(target, count: logits.count)
      }
      guard logits[target].isFinite else { throw .maskedTarget(target) }
    }
    self.logits = logits
    self.labels = labels ?? logits.map { $0.shortest }
    self.temperatures = temperatures
    self.target = target ?? first
  }

  /// The largest logit.
  package var maximum: Double { logits.reduce(-.infinity, max) }

  // MARK: - Distributions

  /// softmax(z / T). Temperature 0 is a branch of its own: certainty of the first among the largest.
  package func probabilities(at temperature: Double = 1) -> [Double] {
    logProbabilities(at: temperature).map { exp($0) }
  }

  /// (z - max) / T - ln Σ exp((z - max) / T); -inf where the probability is 0.
  ///
  /// Subtracting before dividing keeps a small T from overflowing.
  package func logProbabilities(at temperature: Double = 1) -> [Double] {
    guard temperature > 0 else {
      let best = logits.firstIndex(of: maximum)
      return logits.indices.map { $0 == best ? 0 : -.infinity }
    }
    let exponents = logits.map { ($0 - maximum) / temperature }
    let logSum = log(exponents.reduce(0) { $0 + exp($1) })
    return exponents.map { $0 - logSum }
  }

  /// -Σ p ln p in nats, 0 ln 0 being 0.
  package func entropy(at temperature: Double = 1) -> Double {
    Self.entropy(logProbabilities(at: temperature))
  }

  static func entropy(_ logProbabilities: [Double]) -> Double {
    // Adding 0 turns -0 into 0.
    max(0, -logProbabilities.reduce(0) { $1 == -.infinity ? $0 : $0 + exp($1) * $1 }) + 0
  }

  /// ln Σ exp(z).
  package var logSumExp: Double {
    maximum + log(logits.reduce(0) { $0 + exp($1 - maximum) })
  }

  package var sparsemax: [Double] { normalized(by: .sparsemax) }
  package var entmax15: [Double] { normalized(by: .entmax15) }

  private func normalized(by normalizer: Normalizer) -> [Double] {
    let row = Matrix<Double>(rows: 1, columns: logits.count)
    for (i, logit) in logits.enumerated() { row[0][i] = logit }
    normalizer.apply(row[0])
    return row.elements
  }

  /// The same probabilities from logits read one after another, in tiles of `tile`.
  package func onlineProbabilities(tile: Int) -> [Double] {
    var all = OnlineSoftmax<Double>()
    for start in stride(from: 0, to: logits.count, by: max(1, tile)) {
      var part = OnlineSoftmax<Double>()
      for z in logits[start..<min(start + max(1, tile), logits.count)] { part.add(z) }
      all.merge(part)
    }
    return logits.map { all.probability(of: $0) }
  }

  // MARK: - Derivatives

  /// dp_i/dz_j = p_i (δ_ij - p_j): diag(p) - p pᵀ. It is the Hessian of the cross-entropy, too.
  package var jacobian: [[Double]] {
    let p = probabilities()
    // 1 - p loses its digits near 1; the sum of the others does not.
    return p.indices.map { i in
      let others = p.indices.reduce(0) { $1 == i ? $0 : $0 + p[$1] }
      return p.indices.map { j in i == j ? p[i] * others : -p[i] * p[j] }
    }
  }

  /// The eigenvalues of the Hessian, rising; the least is 0, because moving all logits together changes nothing.
  package var hessianEigenvalues: [Double] { SymmetricEigenvalues.of(jacobian) }

  /// ½ Σ |dp_i/dz_j|, which is 1 - Σ p²: the chance that two draws differ.
  package var totalChange: Double {
    jacobian.reduce(0) { $0 + $1.reduce(0) { $0 + abs($1) } } / 2
  }

  /// dp_i/dT = p_i (E[z] - z_i) / T²; a masked logit stays at 0.
  package func temperatureDerivative(at temperature: Double) -> [Double] {
    let p = probabilities(at: temperature)
    // Logits count from the largest, so that their mean cannot overflow.
    let mean = zip(p, logits).reduce(0) { $1.0 == 0 ? $0 : $0 + $1.0 * ($1.1 - maximum) }
    return zip(p, logits).map { p, z in
      p == 0 ? 0 : p * (mean - (z - maximum)) / temperature / temperature
    }
  }
}
