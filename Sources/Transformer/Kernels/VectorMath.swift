import CKernels

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

// What a processor does faster on whole vectors. That of `Float` is in CKernels, where the same source serves processors with wide vector
// instructions and those without. The order of additions is fixed.

private typealias Vector = SIMD16<Float>

@inline(__always)
private func load(_ pointer: UnsafePointer<Float>) -> Vector {
  UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self)
}

extension Float: Real {
  public static func exponentials(
    _ x: UnsafePointer<Float>, minus shift: Float, into y: UnsafeMutablePointer<Float>, count: Int
  ) -> Float {
    temper_exponentials(x, shift, y, count)
  }

  public static func sumOfProducts(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int
  ) -> Float {
    temper_dot(x, y, count)
  }

  public static func sumOfProducts(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ z: UnsafePointer<Float>, count: Int
  ) -> Float {
    temper_dot3(x, y, z, count)
  }

  public static func maximum(_ x: UnsafePointer<Float>, count: Int) -> Float {
    precondition(count > 0, "no maximum of nothing")
    var largest = Vector(repeating: x[0])
    let whole = count & ~15
    var i = 0
    while i < whole {
      let v = load(x + i)
      // A comparison with NaN is false, so "not less or equal" lets a NaN in, and nothing gets it out.
      largest.replace(with: v, where: .!(v .<= largest) .& (largest .== largest))
      i += 16
    }
    var maximum = largest[0]
    for lane in 1..<16 where !(largest[lane] <= maximum) && maximum == maximum {
      maximum = largest[lane]
    }
    while i < count {
      if !(x[i] <= maximum) && maximum == maximum { maximum = x[i] }
      i += 1
    }
    return maximum
  }

  public static func logarithm(_ x: Float) -> Float { logf(x) }
  public static func exponential(_ x: Float) -> Float { expf(x) }

  public static func softmax(_ row: Row<Float>) -> (maximum: Float, sum: Float) {
    precondition(row.count > 0, "no softmax of nothing")
    let sums = temper_softmax(row.base, row.count)
    return (sums.maximum, sums.sum)
  }

  public static func softmaxBackward(probabilities p: Row<Float>, gradient dp: Row<Float>) {
    precondition(p.count == dp.count, "lengths differ")
    temper_softmax_backward(p.base, dp.base, p.count)
  }

  public static func rotate(
    _ x: Matrix<Float>, cosines: Matrix<Float>, sines: Matrix<Float>, first: Int, period: Int,
    advance: Int, sign: Float
  ) {
    precondition(
      period > 0 && first >= 0 && (advance == 0 || advance == 1)
        && min(first + x.rows, period) <= min(cosines.rows, sines.rows)
        && 2 * cosines.columns == x.columns && sines.columns == cosines.columns
        && sines.stride == cosines.stride, "shapes do not agree in a rotation")
    temper_rotate(
      x.rows, x.columns / 2, x.base, x.stride, cosines.base, sines.base, cosines.stride, first,
      period, advance, sign)
  }

  public static func drop(
    _ x: Matrix<Float>, below threshold: UInt32, kept: Float, generator: CounterGenerator,
    firstRow: UInt32, site: UInt32, step: UInt32
  ) {
    var mask = temper_dropout(
      key: UInt(generator.key), first_row: firstRow, site: site, step: step,
      threshold: Int32(threshold), kept: kept)
    temper_drop(x.rows, x.columns, x.base, x.stride, &mask)
  }

  public static func normalize(
    _ x: Matrix<Float>, gain: Row<Float>, epsilon: Float, inverse: Row<Float>,
    into y: Matrix<Float>
  ) {
    precondition(
      y.rows == x.rows && y.columns == x.columns && gain.count >= x.columns
        && inverse.count >= x.rows, "shapes do not agree in a normalization")
    temper_normalize(
      x.rows, x.columns, epsilon, x.base, x.stride, gain.base, inverse.base, y.base, y.stride)
  }

  public static func normalizeBackward(
    gradient dy: Matrix<Float>, x: Matrix<Float>, gain: Row<Float>, inverse: Row<Float>,
    into dx: Matrix<Float>, adding: Bool, addingToGain dGain: Row<Float>
  ) {
    precondition(
      dy.rows == x.rows && dy.columns == x.columns && dx.rows == x.rows && dx.columns == x.columns
        && min(gain.count, dGain.count) >= x.columns && inverse.count >= x.rows,
      "shapes do not agree in a normalization's gradient")
    temper_normalize_backward(
      x.rows, x.columns, dy.base, dy.stride, x.base, x.stride, gain.base, inverse.base,
      adding ? 1 : 0, dx.base, dx.stride, dGain.base)
  }

  public static func gate(_ gateUp: Matrix<Float>, into h: Matrix<Float>) {
    precondition(
      gateUp.rows == h.rows && gateUp.columns == 2 * h.columns, "shapes do not agree in a gate")
    temper_gate(h.rows, h.columns, gateUp.base, gateUp.stride, h.base, h.stride)
  }

  public static func gateBackward(
    gradientReplacedByResult dh: Matrix<Float>, replacingByGradient gateUp: Matrix<Float>
  ) {
    precondition(
      gateUp.rows == dh.rows && gateUp.columns == 2 * dh.columns,
      "shapes do not agree in a gate's gradient")
    temper_gate_backward(dh.rows, dh.columns, dh.base, dh.stride, gateUp.base, gateUp.stride)
  }
}

extension Double: Real {
  public static func exponentials(
    _ x: UnsafePointer<Double>, minus shift: Double, into y: UnsafeMutablePointer<Double>,
    count: Int
  ) -> Double {
    var sum = 0.0
    for i in 0..<count {
      y[i] = exp(x[i] - shift)
      sum += y[i]
    }
    return sum
  }

  public static func sumOfProducts(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, count: Int
  ) -> Double {
    var sum = 0.0
    for i in 0..<count { sum += x[i] * y[i] }
    return sum
  }

  public static func sumOfProducts(
    _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, _ z: UnsafePointer<Double>, count: Int
  ) -> Double {
    var sum = 0.0
    for i in 0..<count { sum += x[i] * y[i] * z[i] }
    return sum
  }

  public static func maximum(_ x: UnsafePointer<Double>, count: Int) -> Double {
    precondition(count > 0, "no maximum of nothing")
    var maximum = x[0]
    for i in 1..<count where !(x[i] <= maximum) && maximum == maximum { maximum = x[i] }
    return maximum
  }

  public static func logarithm(_ x: Double) -> Double { log(x) }
  public static func exponential(_ x: Double) -> Double { exp(x) }
}

extension Double {
  /// The cosine of an angle in radians.
  package var cosine: Double { cos(self) }
  /// The sine of an angle in radians.
  package var sine: Double { sin(self) }
  /// self to the power of `exponent`.
  package func raised(to exponent: Double) -> Double { pow(self, exponent) }
}

extension Row<Float> {
  /// Writes the elements into `doubles`, which has as many.
  /// - Returns: the largest, NaN if there is one among them.
  package func widen(into doubles: inout [Double]) -> Float {
    precondition(count > 0 && doubles.count == count, "lengths differ")
    return temper_widen(base, &doubles, count)
  }
}

extension Double {
  /// weights[i] = w_i = exp((z_i - maximum) / temperature), to a relative error of 4e-16; 0 where the exponent is below -708.
  /// - Parameters:
  ///   - z: none above `maximum`; -∞ is allowed, NaN is not.
  ///   - weights: has as many elements.
  /// - Returns: Σ w_i, and Σ w_i ln w_i, of which those that are 0 are no part.
  package static func temperedExponentials(
    of z: [Double], maximum: Double, temperature: Double, into weights: inout [Double]
  ) -> (sum: Double, weighted: Double) {
    precondition(weights.count == z.count, "lengths differ")
    let sums = temper_tempered(z, maximum, temperature, &weights, z.count)
    return (sums.sum, sums.weighted)
  }

  /// The same, and the sums at temperature 1 as well, in less time than one after the other.
  package static func temperedExponentialsTwice(
    of z: [Double], maximum: Double, temperature: Double, into weights: inout [Double]
  ) -> (own: (sum: Double, weighted: Double), tempered: (sum: Double, weighted: Double)) {
    precondition(weights.count == z.count, "lengths differ")
    let sums = temper_tempered_twice(z, maximum, temperature, &weights, z.count)
    return (
      (sums.own.sum, sums.own.weighted), (sums.tempered.sum, sums.tempered.weighted)
    )
  }

  /// u[i] = `CounterGenerator.unit` of the word i % 4 that `generator` has at the counter (lower half of `index`, upper half, i / 4, 0).
  package static func uniforms(
    _ generator: CounterGenerator, at index: UInt64, into u: inout [Double]
  ) {
    temper_uniforms(UInt(generator.key), UInt(index), u.count, &u)
  }

  /// The i of the smallest (1 - u[i]) / weights[i], the first one of equal ones, and the smallest of all others.
  /// - Precondition: u < 1; weights are at least 0.
  package static func soonest(_ u: [Double], weights: [Double]) -> (winner: Int, next: Double) {
    precondition(weights.count == u.count, "lengths differ")
    let race = temper_soonest(u, weights, u.count)
    return (race.winner, race.next)
  }

  /// The first i, from `start` on, with 1 - u[i] ≤ limit · weights[i]; nil if there is none.
  package static func next(
    from start: Int, _ u: [Double], within limit: Double, weights: [Double]
  ) -> Int? {
    precondition(weights.count == u.count && start >= 0, "lengths differ")
    let next = temper_next_within(u, weights, limit, start, u.count)
    return next < u.count ? next : nil
  }
}
