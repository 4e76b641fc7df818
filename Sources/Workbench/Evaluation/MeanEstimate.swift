/// The mean of a measure over independent texts, with the interval that Student's t gives it.
///
/// The interval is mean ± t s / sqrt(n), where s is the standard deviation of the n values (with
/// n - 1) and t the 97.5% quantile of Student's distribution with n - 1 degrees of freedom: 95 of
/// 100 intervals made so hold the true mean, if values are about normal. Source: Student, "The
/// Probable Error of a Mean" (1908).
public struct MeanEstimate: Sendable, Equatable {
  public let mean: Double
  /// Half the width of the 95% interval; nil of fewer than two values.
  public let halfWidth: Double?
  /// How many values there are.
  public let count: Int

  /// Nil without values.
  public init?(_ values: [Double]) {
    guard let mean = values.mean({ $0 }) else { return nil }
    self.mean = mean
    count = values.count
    guard values.count > 1 else {
      halfWidth = nil
      return
    }
    let freedom = values.count - 1
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(freedom)
    halfWidth =
      Self.studentQuantile(degreesOfFreedom: freedom)
      * (variance / Double(values.count)).squareRoot()
  }

  /// The interval, cut off where the measure cannot be.
  public func interval(within bounds: ClosedRange<Double>) -> ClosedRange<Double>? {
    halfWidth.map { half in
      let low = min(max(mean - half, bounds.lowerBound), bounds.upperBound)
      return low...max(low, min(mean + half, bounds.upperBound))
    }
  }

  /// The 97.5% quantile of Student's t distribution.
  ///
  /// Small degrees of freedom from the table of the distribution, the others from its expansion
  /// around the normal quantile, which there is right to 1e-4. Source: Abramowitz and Stegun,
  /// "Handbook of Mathematical Functions", 26.7.5.
  static func studentQuantile(degreesOfFreedom: Int) -> Double {
    let table = [
      12.7062, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.30600, 2.26216, 2.22814,
    ]
    guard degreesOfFreedom > table.count else { return table[max(degreesOfFreedom, 1) - 1] }
    let n = Double(degreesOfFreedom)
    let z = 1.959_963_984_540_054
    let (z3, z5, z7) = (z * z * z, z * z * z * z * z, z * z * z * z * z * z * z)
    let first = (z3 + z) / (4 * n)
    let second = (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n)
    let third = (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n)
    return z + first + second + third
  }
}
