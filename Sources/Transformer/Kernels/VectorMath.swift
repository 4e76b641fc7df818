import CKernels

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

// Exponentials and sums over consecutive scalars. Those of `Float` are in CKernels, where the same source serves processors with wide vector
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

  public static func sigmoids(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int
  ) {
    temper_sigmoids(x, y, count)
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

  public static func sigmoids(
    _ x: UnsafePointer<Double>, into y: UnsafeMutablePointer<Double>, count: Int
  ) {
    for i in 0..<count { y[i] = 1 / (1 + exp(-x[i])) }
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
}

extension Double {
  /// The cosine of an angle in radians.
  package var cosine: Double { cos(self) }
  /// The sine of an angle in radians.
  package var sine: Double { sin(self) }
  /// self to the power of `exponent`.
  package func raised(to exponent: Double) -> Double { pow(self, exponent) }
}

extension Double {
  /// e to the power of x.
  package static func exponential(_ x: Double) -> Double { exp(x) }
}
