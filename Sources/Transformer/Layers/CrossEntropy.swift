/// What training minimises, as a function of the logits. The plain loss has both terms at zero.
public struct Objective: Sendable, Equatable {
  /// ε of label smoothing: the target distribution is 1 - ε on the right character plus ε spread evenly over all.
  public var labelSmoothing: Double
  /// λ of the z-loss λ (ln Z)², which keeps the softmax's denominator Z near 1.
  public var zLoss: Double

  public init(labelSmoothing: Double = 0, zLoss: Double = 0) {
    self.labelSmoothing = labelSmoothing
    self.zLoss = zLoss
  }
}

/// The summed losses of some characters, in nats.
public struct LossSums: Sendable, Equatable {
  /// Σ ln Z - z_y, the plain loss.
  public var loss = 0.0
  /// Σ of what is trained, label smoothing and z-loss included.
  public var objective = 0.0
  /// Σ of what label smoothing adds to the plain loss.
  public var smoothing = 0.0
  /// Σ λ (ln Z)².
  public var zLoss = 0.0
  /// Σ T² KL(teacher || model), where there is a teacher.
  public var distillation = 0.0

  static func += (sums: inout LossSums, more: LossSums) {
    sums.loss += more.loss
    sums.objective += more.objective
    sums.smoothing += more.smoothing
    sums.zLoss += more.zLoss
    sums.distillation += more.distillation
  }
}

/// Softmax and cross-entropy in one: the loss of a row of logits z with the right character y.
///
/// Concretely, with ln Z = ln Σ_j exp(z_j): the plain loss is ln Z - z_y, in nats. The objective that is trained is
/// ln Z - Σ_j t_j z_j + λ (ln Z)², where t is the smoothed target. No probability is ever taken the logarithm of.
package enum CrossEntropy {
  /// The sums of the rows, whose logits are replaced by the objective's gradient.
  ///
  /// d ln Z/dz_i = p_i, so dL/dz_i = scale (p_i (1 + 2 λ ln Z) - t_i): for the plain loss p - y.
  ///
  /// - Parameters:
  ///   - logits: (rows, vocabulary size).
  ///   - targets: the right character of each row.
  ///   - scale: what the gradient is multiplied by: 1 / (characters in the batch) makes it that of the mean.
  package static func forwardBackward<Scalar: Real>(
    replacingByGradient logits: Matrix<Scalar>, targets: [Int32], objective: Objective,
    scale: Scalar
  ) -> LossSums {
    Probes.current?.enter(.crossEntropy)
    defer { Probes.current?.leave() }
    let smoothing = Scalar(objective.labelSmoothing)
    let zLoss = Scalar(objective.zLoss)
    let spread = smoothing / Scalar(logits.columns)
    var sums = LossSums()
    for row in 0..<logits.rows {
      let (z, y) = (logits[row], Int(targets[row]))
      precondition(y >= 0 && y < z.count, "a target outside of the vocabulary")
      let zOfTarget = z[y]
      var zOfAll: Scalar = 0
      if smoothing > 0 { for i in 0..<z.count { zOfAll += z[i] } }
      let logZ = Softmax.logSumExp(replacingBySoftmax: z)
      let factor = scale * (1 + 2 * zLoss * logZ)
      let shift = scale * spread
      for i in 0..<z.count { z[i] = factor * z[i] - shift }
      z[y] -= scale * (1 - smoothing)
      sums.loss += Double(logZ - zOfTarget)
      sums.smoothing += Double(smoothing * zOfTarget - spread * zOfAll)
      sums.zLoss += Double(zLoss * logZ * logZ)
      sums.objective += Double(
        logZ - (1 - smoothing) * zOfTarget - spread * zOfAll + zLoss * logZ * logZ)
    }
    return sums
  }
}
