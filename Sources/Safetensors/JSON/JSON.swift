/// Strict JSON: RFC 8259, with everything that programs read in different ways refused.
///
/// Refused beyond the grammar: a repeated key (also one spelled with escapes), a byte order mark,
/// bytes that are not UTF-8, half a surrogate pair, numbers that overflow a `Double` or have more
/// than 400 characters, and whatever exceeds the limits.
public enum JSON {
  /// How much a text may ask for.
  public struct Limits: Sendable {
    public var maximumBytes: Int
    /// Levels of arrays and objects inside one another; at most 256.
    public var maximumDepth: Int
    /// Values of every kind, containers included; bounds the memory: up to about 150 bytes for each
    /// member of an object, 50 for each element of an array, and the strings.
    public var maximumValues: Int
    /// Whether white space may stand before and after the value.
    public var allowsSurroundingWhitespace: Bool

    public init(
      maximumBytes: Int = 1 << 24, maximumDepth: Int = 32, maximumValues: Int = 1 << 20,
      allowsSurroundingWhitespace: Bool = true
    ) {
      self.maximumBytes = maximumBytes
      self.maximumDepth = min(maximumDepth, 256)
      self.maximumValues = maximumValues
      self.allowsSurroundingWhitespace = allowsSurroundingWhitespace
    }
  }

  /// The one value that the bytes hold.
  public static func parse(_ bytes: [UInt8], limits: Limits = Limits()) throws(JSONError)
    -> JSONValue
  {
    var parser = JSONParser(scanner: JSONScanner(bytes), limits: limits)
    do {
      return try parser.document()
    } catch let error as JSONError {
      let lines = bytes.prefix(error.offset).count { $0 == 0x0A }
      throw JSONError(error.reason, offset: error.offset, line: lines + 1)
    } catch {
      // The parser throws nothing else; the compiler cannot know.
      throw JSONError(.expected("a JSON value"), offset: parser.scanner.position)
    }
  }

  /// The one value that the text holds.
  public static func parse(_ text: String, limits: Limits = Limits()) throws(JSONError) -> JSONValue
  {
    try parse(Array(text.utf8), limits: limits)
  }

  /// The value as UTF-8 bytes; the same value always gives the same bytes.
  ///
  /// Members keep their order. Doubles have the shortest digits that read back as the same number.
  /// Characters that could steer a terminal (controls, bidirectional overrides, line separators)
  /// are escaped. `pretty` indents by two spaces and ends with a line feed. Throws `.notFinite` for
  /// NaN and infinities: whoever means null writes `JSONValue.numberOrNull`.
  public static func serialize(_ value: JSONValue, pretty: Bool = false) throws(JSONError)
    -> [UInt8]
  {
    var serializer = JSONSerializer(pretty: pretty)
    try serializer.write(value, depth: 0)
    if pretty { serializer.output.append(0x0A) }
    return serializer.output
  }

  /// The value as text: `serialize` as a `String`.
  public static func text(_ value: JSONValue, pretty: Bool = false) throws(JSONError) -> String {
    String(decoding: try serialize(value, pretty: pretty), as: UTF8.self)
  }
}

private struct JSONParser {
  var scanner: JSONScanner
  let limits: JSON.Limits
  private var valueCount = 0

  init(scanner: JSONScanner, limits: JSON.Limits) {
    self.scanner = scanner
    self.limits = limits
  }

  mutating func document() throws -> JSONValue {
    guard scanner.bytes.count <= limits.maximumBytes else {
      throw scanner.error(.tooLarge(limit: limits.maximumBytes))
    }
    if scanner.bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw scanner.error(.byteOrderMark) }
    if limits.allowsSurroundingWhitespace { scanner.skipWhitespace() }
    let value = try value(depth: 0)
    if limits.allowsSurroundingWhitespace { scanner.skipWhitespace() }
    guard scanner.next == nil else { throw scanner.error(.trailingBytes) }
    return value
  }

  private mutating func value(depth: Int) throws -> JSONValue {
    valueCount += 1
    guard valueCount <= limits.maximumValues else {
      throw scanner.error(.tooManyValues(limit: limits.maximumValues))
    }
    switch scanner.next {
    case UInt8(ascii: "{"): return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try scanner.string())
    case UInt8(ascii: "t"):
      try scanner.word("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try scanner.word("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try scanner.word("null")
      return .null
    default: return try scanner.number()
    }
  }

  private func checkDepth(_ depth: Int) throws {
    guard depth <= limits.maximumDepth else {
      throw scanner.error(.tooDeep(limit: limits.maximumDepth))
    }
  }

  private mutating func object(depth: Int) throws -> JSONValue {
    try checkDepth(depth)
    var object = JSONObject()
    try scanner.expect("{")
    if scanner.take(UInt8(ascii: "}")) { return .object(object) }
    repeat {
      scanner.skipWhitespace()
      let offset = scanner.position
      let key = try scanner.string(called: "a key in quotation marks")
      guard !object.contains(key) else { throw scanner.error(.duplicateKey(key), at: offset) }
      try scanner.expect(":")
      scanner.skipWhitespace()
      object[key] = try value(depth: depth)
    } while scanner.take(UInt8(ascii: ","))
    guard scanner.take(UInt8(ascii: "}")) else { throw scanner.expected("\",\" or \"}\"") }
    return .object(object)
  }

  private mutating func array(depth: Int) throws -> JSONValue {
    try checkDepth(depth)
    var array: [JSONValue] = []
    try scanner.expect("[")
    if scanner.take(UInt8(ascii: "]")) { return .array(array) }
    repeat {
      scanner.skipWhitespace()
      array.append(try value(depth: depth))
    } while scanner.take(UInt8(ascii: ","))
    guard scanner.take(UInt8(ascii: "]")) else { throw scanner.expected("\",\" or \"]\"") }
    return .array(array)
  }
}

private struct JSONSerializer {
  var output: [UInt8] = []
  let pretty: Bool

  init(pretty: Bool) { self.pretty = pretty }

  mutating func write(_ value: JSONValue, depth: Int) throws(JSONError) {
    switch value {
    case .null: output += "null".utf8
    case .bool(let value): output += (value ? "true" : "false").utf8
    case .integer(let value): output += value.description.utf8
    case .unsigned(let value): output += value.description.utf8
    case .number(let value):
      guard value.isFinite else { throw JSONError(.notFinite, offset: output.count) }
      output += value.description.utf8
    case .string(let value): write(value)
    case .array(let elements):
      output.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        separate(index: index, depth: depth + 1)
        try write(element, depth: depth + 1)
      }
      if !elements.isEmpty { newLine(depth: depth) }
      output.append(UInt8(ascii: "]"))
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        separate(index: index, depth: depth + 1)
        write(member.key)
        output += (pretty ? ": " : ":").utf8
        try write(member.value, depth: depth + 1)
      }
      if !members.isEmpty { newLine(depth: depth) }
      output.append(UInt8(ascii: "}"))
    }
  }

  private mutating func separate(index: Int, depth: Int) {
    if index > 0 { output.append(UInt8(ascii: ",")) }
    newLine(depth: depth)
  }

  private mutating func newLine(depth: Int) {
    guard pretty else { return }
    output.append(0x0A)
    for _ in 0..<depth { output += "  ".utf8 }
  }

  private mutating func write(_ string: String) {
    output.append(UInt8(ascii: "\""))
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\"".utf8
      case "\\": output += "\\\\".utf8
      case "\n": output += "\\n".utf8
      case "\r": output += "\\r".utf8
      case "\t": output += "\\t".utf8
      case _ where Self.mustEscape(scalar):
        let digits = String(scalar.value, radix: 16)
        output += "\\u".utf8
        for _ in digits.utf8.count..<4 { output.append(UInt8(ascii: "0")) }
        output += digits.utf8
      default: UTF8.encode(scalar).map { output += Array($0) }
      }
    }
    output.append(UInt8(ascii: "\""))
  }

  /// Controls must be escaped by the grammar; the others are escaped because JSON is also shown on
  /// terminals.
  private static func mustEscape(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
      true
    default: false
    }
  }
}
