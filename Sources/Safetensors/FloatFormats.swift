/// Conversions between `Float` and the floating-point formats of files (all little-endian).
enum FloatFormats {
  static func fromF32(_ bytes: UnsafeRawBufferPointer, _ floats: UnsafeMutableBufferPointer<Float>)
  {
    for index in floats.indices {
      let bits = bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)
      floats[index] = Float(bitPattern: UInt32(littleEndian: bits))
    }
  }

  /// BF16 is the upper half of a `Float`.
  static func fromBF16(_ bytes: UnsafeRawBufferPointer, _ floats: UnsafeMutableBufferPointer<Float>)
  {
    for index in floats.indices {
      let bits = bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
      floats[index] = Float(bitPattern: UInt32(UInt16(littleEndian: bits)) << 16)
    }
  }

  static func fromF16(_ bytes: UnsafeRawBufferPointer, _ floats: UnsafeMutableBufferPointer<Float>)
  {
    for index in floats.indices {
      let bits = bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
      floats[index] = float(halfPrecision: UInt16(littleEndian: bits))
    }
  }

  static func fromF64(_ bytes: UnsafeRawBufferPointer, _ floats: UnsafeMutableBufferPointer<Float>)
  {
    for index in floats.indices {
      let bits = bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
      floats[index] = Float(Double(bitPattern: UInt64(littleEndian: bits)))
    }
  }

  /// IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. `Float16` does not exist
  /// on every platform.
  static func float(halfPrecision bits: UInt16) -> Float {
    let exponent = Int(bits >> 10 & 0x1F)
    let fraction = UInt32(bits & 0x3FF)
    let magnitude: Float =
      switch exponent {
      case 0: Float(fraction) * 0x1p-24
      case 0x1F: fraction == 0 ? .infinity : .nan
      default: Float(bitPattern: UInt32(exponent + 112) << 23 | fraction << 13)
      }
    return bits >> 15 == 0 ? magnitude : -magnitude
  }

  /// The nearest BF16, ties to even. Near the largest `Float` this is infinite.
  static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    // Adding could carry a NaN's fraction into the exponent and make it a number.
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }
}

extension UnsafeMutableBufferPointer<Float> {
  /// The first NaN or infinity; the common answer, none, takes no branch per element.
  var firstIndexNotFinite: Int? {
    var largest: UInt32 = 0
    for value in self { largest = Swift.max(largest, value.bitPattern & 0x7FFF_FFFF) }
    return largest < 0x7F80_0000 ? nil : firstIndex { !$0.isFinite }
  }
}
