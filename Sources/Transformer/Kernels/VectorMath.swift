#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

// Exponentials and sums over consecutive scalars. The `Float` versions take sixteen at a time: the
// compiler turns a SIMD16 into as many vector registers as the target has. Four separate running
// sums would do the same to the result as these sixteen: a fixed order, whatever the machine.

private typealias Vector = SIMD16<Float>

/// exp(x) of sixteen floats, with a relative error below 3e-7.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, so exp(x) = 2^n exp(r). Adding 1.5 · 2^23 rounds x / ln 2 to the integer n in
/// the low bits of the sum, exp(r) is its polynomial of degree 6, and n is added to the exponent bits.
///
/// Edge Cases: below -87.33 (the smallest normal result) the result is 0; above 88.37 it is that of 88.37; NaN stays NaN.
@inline(__always)
private func exponential(_ argument: Vector) -> Vector {
  let low: Float = -87.33
  let high: Float = 88.37
  var x = argument.replacing(with: low, where: argument .< low)
  x.replace(with: high, where: x .> high)
  let shifter = Vector(repeating: 12_582_912)
  let shifted = x * 1.442_695_04 + shifter
  let n = shifted - shifter
  let r = (x - n * 0.693_359_375) + n * 2.121_944_4e-4
  var polynomial = Vector(repeating: 1.388_888_9e-3)
  polynomial = polynomial * r + 8.333_333_3e-3
  polynomial = polynomial * r + 4.166_666_6e-2
  polynomial = polynomial * r + 1.666_666_6e-1
  polynomial = polynomial * r + 0.5
  polynomial = (polynomial * r) * r + r + 1
  let exponent = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< 23
  let scaled = unsafeBitCast(polynomial, to: SIMD16<Int32>.self) &+ exponent
  var result = unsafeBitCast(scaled, to: Vector.self)
  result.replace(with: 0, where: argument .< low)
  // The addition to the exponent bits would turn a NaN with a payload into a number.
  return result.replacing(with: argument, where: argument .!= argument)
}

@inline(__always)
private func load(_ pointer: UnsafePointer<Float>) -> Vector {
  UnsafeRawPointer(pointer).loadUnaligned(as: Vector.self)
}

@inline(__always)
private func store(_ vector: Vector, to pointer: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(pointer).storeBytes(of: vector, as: Vector.self)
}

/// The first `count` of sixteen elements, the rest filled up with `padding`.
@inline(__always)
private func load(_ pointer: UnsafePointer<Float>, count: Int, padding: Float) -> Vector {
  var vector = Vector(repeating: padding)
  for i in 0..<count { vector[i] = pointer[i] }
  return vector
}

extension Float: Real {
  public static func exponentials(
    _ x: UnsafePointer<Float>, minus shift: Float, into y: UnsafeMutablePointer<Float>, count: Int
  ) -> Float {
    var sums = Vector(repeating: 0)
    let whole = count & ~15
    var i = 0
    while i < whole {
      let e = exponential(load(x + i) - shift)
      store(e, to: y + i)
      sums += e
      i += 16
    }
    if i < count {
      let e = exponential(load(x + i, count: count - i, padding: -.infinity) - shift)
      for j in i..<count { y[j] = e[j - i] }
      sums += e
    }
    return sums.sum()
  }

  public static func sigmoids(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int
  ) {
    let one = Vector(repeating: 1)
    let whole = count & ~15
    var i = 0
    while i < whole {
      store(one / (one + exponential(-load(x + i))), to: y + i)
      i += 16
    }
    if i < count {
      let s = one / (one + exponential(-load(x + i, count: count - i, padding: 0)))
      for j in i..<count { y[j] = s[j - i] }
    }
  }

  public static func sumOfProducts(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int
  ) -> Float {
    var sums = Vector(repeating: 0)
    let whole = count & ~15
    var i = 0
    while i < whole {
      sums += load(x + i) * load(y + i)
      i += 16
    }
    var sum = sums.sum()
    while i < count {
      sum += x[i] * y[i]
      i += 1
    }
    return sum
  }

  public static func sumOfProducts(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ z: UnsafePointer<Float>, count: Int
  ) -> Float {
    var sums = Vector(repeating: 0)
    let whole = count & ~15
    var i = 0
    while i < whole {
      sums += load(x + i) * load(y + i) * load(z + i)
      i += 16
    }
    var sum = sums.sum()
    while i < count {
      sum += x[i] * y[i] * z[i]
      i += 1
    }
    return sum
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
