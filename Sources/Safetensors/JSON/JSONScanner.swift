/// Reads JSON tokens one after the other from bytes nobody has checked yet.
///
/// Holds nothing but a position, so that a reader who knows what must come (the safetensors header)
/// can refuse anything else at once, without building a tree of whatever the file contains.
struct JSONScanner {
  let bytes: [UInt8]
  private(set) var position = 0

  /// Longer numbers are refused: no program writes them, and converting them takes more than linear
  /// time.
  static let maximumNumberLength = 400

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The byte at the position; nil at the end.
  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  func error(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError {
    JSONError(reason, offset: offset ?? position)
  }

  func expected(_ what: String) -> JSONError {
    error(next == nil ? .endOfText(expected: what) : .expected(what))
  }

  mutating func skipWhitespace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  /// Steps over white space and this byte, if it comes next.
  mutating func take(_ byte: UInt8) -> Bool {
    skipWhitespace()
    guard next == byte else { return false }
    position += 1
    return true
  }

  mutating func expect(_ character: Character) throws(JSONError) {
    guard let byte = character.asciiValue, take(byte) else { throw expected("\"\(character)\"") }
  }

  /// Reads an object's members: `body` is given each key, and its offset, and must read the value.
  mutating func members(
    _ body: (inout JSONScanner, _ key: String, _ keyOffset: Int) throws -> Void
  ) throws {
    try expect("{")
    if take(UInt8(ascii: "}")) { return }
    repeat {
      skipWhitespace()
      let offset = position
      let key = try string(called: "a key in quotation marks")
      try expect(":")
      try body(&self, key, offset)
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw expected("\",\" or \"}\"") }
  }

  /// Reads an array's elements: `body` must read each.
  mutating func elements(_ body: (inout JSONScanner) throws -> Void) throws {
    try expect("[")
    if take(UInt8(ascii: "]")) { return }
    repeat { try body(&self) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw expected("\",\" or \"]\"") }
  }

  mutating func word(_ word: StaticString) throws(JSONError) {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.count,
      bytes[position..<end].elementsEqual(
        UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    else { throw expected("a JSON value") }
    position = end
  }

  /// Reads a whole number without sign, fraction or exponent that fits `Int`.
  mutating func count(called what: String) throws(JSONError) -> Int {
    skipWhitespace()
    let start = position
    guard case .integer(let value) = try number(called: what), let count = Int(exactly: value),
      count >= 0
    else { throw error(.expected(what), at: start) }
    return count
  }

  /// Reads a number by the grammar of RFC 8259.
  mutating func number(called what: String = "a JSON value") throws(JSONError) -> JSONValue {
    let start = position
    let isNegative = next == UInt8(ascii: "-")
    if isNegative { position += 1 }
    let digits = position
    guard skipDigits() > 0 else { throw expected(isNegative ? "a digit" : what) }
    guard bytes[digits] != UInt8(ascii: "0") || position == digits + 1 else {
      throw error(.leadingZero, at: start)
    }
    let integerEnd = position
    if next == UInt8(ascii: ".") {
      position += 1
      guard skipDigits() > 0 else { throw expected("a digit") }
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      position += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
      guard skipDigits() > 0 else { throw expected("a digit") }
    }
    guard position - start <= Self.maximumNumberLength else {
      throw error(.numberTooLong(limit: Self.maximumNumberLength), at: start)
    }
    if position == integerEnd,
      let value = integer(bytes[digits..<integerEnd], isNegative: isNegative)
    {
      return value
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      throw error(.numberOutOfRange, at: start)
    }
    return .number(value)
  }

  /// The exact integer; nil for minus zero and for what fits neither `Int64` nor `UInt64`.
  private func integer(_ digits: ArraySlice<UInt8>, isNegative: Bool) -> JSONValue? {
    var magnitude: UInt64 = 0
    for digit in digits {
      let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit & 0x0F))
      if overflow || carry { return nil }
      magnitude = sum
    }
    if !isNegative { return JSONValue(magnitude) }
    guard magnitude > 0, magnitude <= Int64.min.magnitude else { return nil }
    return .integer(Int64(truncatingIfNeeded: 0 &- magnitude))
  }

  private mutating func skipDigits() -> Int {
    let start = position
    while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
    return position - start
  }

  /// Reads a string, unescaped; refuses bytes that are not UTF-8.
  mutating func string(called what: String = "a string") throws(JSONError) -> String {
    skipWhitespace()
    guard next == UInt8(ascii: "\"") else { throw expected(what) }
    position += 1
    var unescaped: [UInt8] = []
    var runStart = position
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        let run = bytes[runStart..<position]
        position += 1
        if unescaped.isEmpty { return String(decoding: run, as: UTF8.self) }
        unescaped += run
        return String(decoding: unescaped, as: UTF8.self)
      case UInt8(ascii: "\\"):
        unescaped += bytes[runStart..<position]
        let scalar = try escape()
        UTF8.encode(scalar).map { unescaped += Array($0) }
        runStart = position
      case 0..<0x20:
        throw error(.controlCharacter)
      case 0x20..<0x80:
        position += 1
      default:
        try skipMultibyteCharacter(leadByte: byte)
      }
    }
    throw expected("the end of a string")
  }

  private mutating func escape() throws(JSONError) -> Unicode.Scalar {
    let start = position
    position += 1
    guard let byte = next else { throw expected("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw error(.invalidEscape, at: start)
    }
    let first = try hexadecimalUnit(escapeStart: start)
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard UTF16.isLeadSurrogate(first), next == UInt8(ascii: "\\") else {
      throw error(.loneSurrogate, at: start)
    }
    position += 1
    guard next == UInt8(ascii: "u") else { throw error(.loneSurrogate, at: start) }
    position += 1
    let second = try hexadecimalUnit(escapeStart: start)
    guard UTF16.isTrailSurrogate(second) else { throw error(.loneSurrogate, at: start) }
    let value = 0x10000 + (UInt32(first & 0x3FF) << 10 | UInt32(second & 0x3FF))
    guard let scalar = Unicode.Scalar(value) else { throw error(.loneSurrogate, at: start) }
    return scalar
  }

  private mutating func hexadecimalUnit(escapeStart: Int) throws(JSONError) -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      let digit: UInt8
      switch next {
      case .some(let byte) where byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"):
        digit = byte - UInt8(ascii: "0")
      case .some(let byte) where byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f"):
        digit = byte - UInt8(ascii: "a") + 10
      case .some(let byte) where byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "F"):
        digit = byte - UInt8(ascii: "A") + 10
      default: throw error(.invalidEscape, at: escapeStart)
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }

  /// Steps over one well-formed sequence of two to four bytes (Unicode standard, table 3-7).
  private mutating func skipMultibyteCharacter(leadByte: UInt8) throws(JSONError) {
    let start = position
    let second: ClosedRange<UInt8>
    let length: Int
    switch leadByte {
    case 0xC2...0xDF: (second, length) = (0x80...0xBF, 2)
    case 0xE0: (second, length) = (0xA0...0xBF, 3)
    case 0xED: (second, length) = (0x80...0x9F, 3)
    case 0xE1...0xEF: (second, length) = (0x80...0xBF, 3)
    case 0xF0: (second, length) = (0x90...0xBF, 4)
    case 0xF1...0xF3: (second, length) = (0x80...0xBF, 4)
    case 0xF4: (second, length) = (0x80...0x8F, 4)
    default: throw error(.invalidUTF8, at: start)
    }
    position += 1
    for index in 1..<length {
      let allowed = index == 1 ? second : 0x80...0xBF
      guard let byte = next, allowed.contains(byte) else { throw error(.invalidUTF8, at: start) }
      position += 1
    }
  }
}

extension Unicode.Scalar {
  fileprivate init?(_ unit: UInt16) { self.init(UInt32(unit)) }
}
