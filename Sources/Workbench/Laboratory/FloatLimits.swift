#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Where the exponential leaves a number format, found by halving an interval.
package enum FloatLimits {
  /// The largest float whose exponential is finite.
  package static var largestFinite: Float { boundary(0, 100) { expf($0).isFinite } }
  /// The least float whose exponential is not zero.
  package static var leastNonZero: Float { -boundary(0, 200) { expf(-$0) > 0 } }
  /// ln of the largest finite number of half precision, 65504: five bits of exponent and ten of fraction.
  package static var largestHalf: Double { log((2 - 0x1p-10) * 0x1p15) }

  /// exp in half precision, as far as the range goes.
  package static func half(exp x: Double) -> Double { x > largestHalf ? .infinity : exp(x) }

  /// The last of the floats from `low` to `high` for which `holds`, which is true up to some point.
  private static func boundary(_ low: Float, _ high: Float, _ holds: (Float) -> Bool) -> Float {
    var (inside, outside) = (low, high)
    while inside.nextUp < outside {
      let middle = inside + (outside - inside) / 2
      if holds(middle) { inside = middle } else { outside = middle }
    }
    return inside
  }
}
