/// Logits of a teacher, whose probabilities at a temperature are part of what is learnt.
///
/// The objective becomes w H + (1 - w) T² KL(q || p), where H is the objective on the right characters, q = softmax(teacher / T) and
/// p = softmax(z / T). The gradient of the second part by z is T (p - q): T² makes up for the 1/T of each of the two softmaxes, so that w
/// means the same at every temperature.
///
/// Source: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015).
public struct SoftTargets<Scalar: Real>: Sendable {
  /// (rows, vocabulary size): the teacher's logits; used up, like the model's own.
  public let logits: Matrix<Scalar>
  /// T, above 0.
  public let temperature: Double
  /// w, the share of the right characters in the objective, 0...1.
  public let hardWeight: Double
  /// Room for two rows.
  let scratch: Matrix<Scalar>

  public init(logits: Matrix<Scalar>, temperature: Double, hardWeight: Double) {
    self.logits = logits
    self.temperature = temperature
    self.hardWeight = hardWeight
    scratch = Matrix(rows: 2, columns: logits.columns)
  }
}

package enum Distillation {
  /// The sum over the rows of T² KL(q || p), in nats. The teacher's logits are replaced by `scale` times its gradient by `student`.
  ///
  /// - Parameters:
  ///   - student: (rows, vocabulary size), read only.
  ///   - scratch: (2, vocabulary size), overwritten.
  package static func forwardBackward<Scalar: Real>(
    student: Matrix<Scalar>, replacingByGradient teacher: Matrix<Scalar>, temperature: Double,
    scale: Scalar, scratch: Matrix<Scalar>
  ) -> Double {
    precondition(
      student.rows == teacher.rows && student.columns == teacher.columns, "shapes differ")
    let divisor = Scalar(temperature)
    var sum = 0.0
    for row in 0..<student.rows {
      let (q, p, difference) = (teacher[row], scratch[0], scratch[1])
      // (z - max) / T: dividing first could overflow.
      let (zMaximum, tMaximum) = (student[row].maximum, q.maximum)
      for i in 0..<p.count {
        p[i] = (student[row][i] - zMaximum) / divisor
        q[i] = (q[i] - tMaximum) / divisor
        difference[i] = q[i] - p[i]
      }
      // Σ q (ln q - ln p) = Σ q (teacher - z) / T - (ln Z of the one less that of the other).
      let logZ = Softmax.logSumExp(replacingBySoftmax: p)
      let teacherLogZ = Softmax.logSumExp(replacingBySoftmax: q)
      var mean: Scalar = 0
      for i in 0..<p.count where q[i] > 0 { mean += q[i] * difference[i] }
      sum += temperature * temperature * Double(mean - teacherLogZ + logZ)
      for i in 0..<p.count { q[i] = scale * divisor * (p[i] - q[i]) }
    }
    return sum
  }
}
