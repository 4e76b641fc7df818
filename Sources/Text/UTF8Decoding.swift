/// UTF-8 as the Unicode Standard defines it (table 3-7, well-formed byte sequences).
enum UTF8Decoding {
  /// The scalar that starts at `offset`, or `nil` if no well-formed sequence does: a continuation
  /// byte by itself, an overlong form, a surrogate, a value above U+10FFFF, a cut sequence.
  @inline(__always)
  static func scalar(in bytes: [UInt8], at offset: Int) -> (value: UInt32, length: Int)? {
    let first = bytes[offset]
    if first < 0x80 { return (UInt32(first), 1) }
    let left = bytes.count - offset
    if first < 0xE0 {
      guard first >= 0xC2, left >= 2 else { return nil }
      let second = bytes[offset + 1]
      guard second & 0xC0 == 0x80 else { return nil }
      return (UInt32(first & 0x1F) << 6 | UInt32(second & 0x3F), 2)
    }
    if first < 0xF0 {
      guard left >= 3 else { return nil }
      let second = bytes[offset + 1]
      let third = bytes[offset + 2]
      guard second & 0xC0 == 0x80, third & 0xC0 == 0x80 else { return nil }
      let value =
        UInt32(first & 0x0F) << 12 | UInt32(second & 0x3F) << 6 | UInt32(third & 0x3F)
      guard value >= 0x800, value < 0xD800 || value > 0xDFFF else { return nil }
      return (value, 3)
    }
    guard first <= 0xF4, left >= 4 else { return nil }
    let second = bytes[offset + 1]
    let third = bytes[offset + 2]
    let fourth = bytes[offset + 3]
    guard second & 0xC0 == 0x80, third & 0xC0 == 0x80, fourth & 0xC0 == 0x80 else { return nil }
    let value =
      UInt32(first & 0x07) << 18 | UInt32(second & 0x3F) << 12 | UInt32(third & 0x3F) << 6
      | UInt32(fourth & 0x3F)
    guard value >= 0x10000, value <= 0x10FFFF else { return nil }
    return (value, 4)
  }

  /// Appends a scalar's UTF-8 bytes.
  static func append(_ scalar: UInt32, to bytes: inout [UInt8]) {
    switch scalar {
    case ..<0x80:
      bytes.append(UInt8(truncatingIfNeeded: scalar))
    case ..<0x800:
      bytes.append(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    case ..<0x10000:
      bytes.append(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    default:
      bytes.append(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
      bytes.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
    }
  }
}
