import Safetensors
import Testing

@Suite struct JSONTests {
  @Test(arguments: acceptedTexts)
  func accepts(text: String, value: JSONValue) throws {
    let parsed = try JSON.parse(text)
    #expect(parsed == value)
    #expect(try JSON.parse(try JSON.serialize(parsed)) == value)
    #expect(try JSON.parse(try JSON.serialize(parsed, pretty: true)) == value)
  }

  @Test(arguments: refusedTexts)
  func refuses(text: String, reason: JSONError.Reason, offset: Int) {
    #expect { try JSON.parse(text) } throws: { error in
      let error = error as? JSONError
      return error?.reason == reason && error?.offset == offset
    }
  }

  @Test(
    arguments: [
      [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
      [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xE4, 0xB8], [0xF0, 0x80, 0x80, 0x80],
      [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xFE],
      [0xF0, 0x9F, 0x98],
    ] as [[UInt8]])
  func refusesInvalidUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError(.invalidUTF8, offset: 2, line: 1)) {
      try JSON.parse([0x22, 0x61] + bytes + [0x22])
    }
    #expect(throws: JSONError.self) { try JSON.parse(bytes) }
  }

  @Test func limits() throws {
    let deep = { (levels: Int) in
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(throws: Never.self) { try JSON.parse(deep(32)) }
    #expect(throws: JSONError(.tooDeep(limit: 32), offset: 32, line: 1)) {
      try JSON.parse(deep(33))
    }
    #expect(throws: JSONError.self) { try JSON.parse(deep(1_000_000)) }
    #expect(throws: JSONError.self) {
      try JSON.parse(deep(1_000_000), limits: .init(maximumDepth: .max))
    }
    #expect(throws: JSONError.self) {
      try JSON.parse(String(repeating: "{\"a\":", count: 100_000))
    }
    #expect(throws: JSONError(.tooManyValues(limit: 3), offset: 5, line: 1)) {
      try JSON.parse("[1,2,3]", limits: .init(maximumValues: 3))
    }
    #expect(throws: JSONError(.tooLarge(limit: 3), offset: 0, line: 1)) {
      try JSON.parse("null", limits: .init(maximumBytes: 3))
    }
    #expect(throws: JSONError(.trailingBytes, offset: 4, line: 1)) {
      try JSON.parse("null\n", limits: .init(allowsSurroundingWhitespace: false))
    }
    #expect(throws: JSONError(.numberTooLong(limit: 400), offset: 0, line: 1)) {
      try JSON.parse(String(repeating: "1", count: 1_000_000))
    }
  }

  @Test func errorsGiveTheLine() {
    #expect(throws: JSONError(.expected("a JSON value"), offset: 15, line: 3)) {
      try JSON.parse("{\n \"a\": 1,\n\"b\":x}")
    }
    #expect(throws: JSONError(.expected("a JSON value"), offset: 3, line: 4)) {
      try JSON.parse("\n\n\nx")
    }
  }

  @Test func roundTripOfRandomValues() throws {
    for seed in UInt64(0)..<500 {
      var generator = SeededGenerator(seed: seed)
      let value = randomValue(depth: 0, using: &generator)
      let bytes = try JSON.serialize(value)
      #expect(try JSON.parse(bytes) == value, "seed \(seed)")
      #expect(try JSON.serialize(JSON.parse(bytes)) == bytes, "seed \(seed)")
      let pretty = try JSON.serialize(value, pretty: true)
      #expect(try JSON.parse(pretty) == value, "seed \(seed)")
    }
  }

  private func randomValue(depth: Int, using generator: inout SeededGenerator) -> JSONValue {
    func string(_ generator: inout SeededGenerator) -> String {
      var string = ""
      for _ in 0..<Int.random(in: 0...12, using: &generator) {
        let value = UInt32.random(
          in: 0...(Bool.random(using: &generator) ? 0x7F : 0x10FFFF), using: &generator)
        if let scalar = Unicode.Scalar(value) { string.unicodeScalars.append(scalar) }
      }
      return string
    }
    switch Int.random(in: 0...(depth < 5 ? 8 : 6), using: &generator) {
    case 0: return .null
    case 1: return .bool(Bool.random(using: &generator))
    case 2: return .integer(Int64.random(in: .min ... .max, using: &generator))
    case 3: return JSONValue(UInt64.random(in: 0...(.max), using: &generator))
    case 4:
      let value = Double(bitPattern: generator.next())
      return .number(value.isFinite ? value : 0.5)
    case 5, 6: return .string(string(&generator))
    case 7:
      return .array(
        (0..<Int.random(in: 0...20, using: &generator)).map { _ in
          randomValue(depth: depth + 1, using: &generator)
        })
    default:
      var object = JSONObject()
      for _ in 0..<Int.random(in: 0...20, using: &generator) {
        object[string(&generator)] = randomValue(depth: depth + 1, using: &generator)
      }
      return .object(object)
    }
  }

  @Test func serializedForm() throws {
    let value: JSONValue = [
      "text": "a\"\\\n\u{1B}\u{7F}\u{9B}\u{202E}\u{2028}é中😀", "numbers": [1, -2, 0.5, 1e300],
      "empty": [], "none": nil, "object": ["yes": true, "nothing": [:]],
    ]
    #expect(
      try JSON.text(value)
        == #"{"text":"a\"\\\n\u001b\u007f\u009b\u202e\u2028é中😀","numbers":[1,-2,0.5,1e+300],"#
        + #""empty":[],"none":null,"object":{"yes":true,"nothing":{}}}"#)
    #expect(
      try JSON.text(["a": [1, 2], "b": [:]], pretty: true) == """
        {
          "a": [
            1,
            2
          ],
          "b": {}
        }

        """)
    #expect(try JSON.text(JSONValue(Float(0.1))) == "0.1")
    #expect(try JSON.text(JSONValue(UInt64.max)) == "18446744073709551615")
    #expect(throws: JSONError.self) { try JSON.serialize([.number(.nan)]) }
    #expect(throws: JSONError.self) { try JSON.serialize([.number(-.infinity)]) }
    #expect(JSONValue.numberOrNull(.nan) == .null)
    #expect(JSONValue.numberOrNull(nil) == .null)
    #expect(JSONValue.numberOrNull(2) == .number(2))
  }

  @Test func objectsKeepTheirOrder() throws {
    var object = JSONObject()
    for index in 0..<40 { object["key \(index * 7 % 40)"] = JSONValue(index) }
    object["key 7"] = "replaced"
    object["key 14"] = nil
    object["key 21"] = nil
    object["last"] = 1
    var keys = (0..<40).map { "key \($0 * 7 % 40)" }.filter { $0 != "key 14" && $0 != "key 21" }
    keys.append("last")
    #expect(object.keys == keys)
    #expect(object["key 7"] == "replaced")
    #expect(object["key 14"] == nil)
    for (key, value) in object { #expect(object[key] == value) }
    #expect(try JSON.parse(try JSON.serialize(.object(object))).objectValue?.keys == keys)
  }

  @Test func accessors() throws {
    let value = try JSON.parse(#"{"i":3,"d":3.0,"u":18446744073709551615,"s":"x","a":[true]}"#)
    #expect(value["i"]?.intValue == 3)
    #expect(value["i"]?.doubleValue == 3)
    #expect(value["i"]?.uint64Value == 3)
    #expect(value["d"]?.intValue == nil)
    #expect(value["d"]?.doubleValue == 3)
    #expect(value["u"]?.intValue == nil)
    #expect(value["u"]?.uint64Value == .max)
    #expect(value["s"]?.stringValue == "x")
    #expect(value["a"]?[0]?.boolValue == true)
    #expect(value["a"]?[1] == nil)
    #expect(value["missing"] == nil)
    #expect(JSONValue(UInt64(5)) == 5)
  }

  // MARK: - Tables

  static let acceptedTexts: [(String, JSONValue)] = [
    ("null", JSONValue.null), ("true", true), ("false", false), (" \t\r\n1 \n", 1),
    ("0", 0), ("-1", -1), ("-0", .number(-0.0)), ("-0.0", .number(-0.0)),
    ("1.0", .number(1)), ("1e2", .number(100)), ("1E-2", .number(0.01)), ("1e+2", .number(100)),
    ("1.5e3", .number(1500)), ("0.1", .number(0.1)), ("5e-324", .number(.leastNonzeroMagnitude)),
    ("1e-999", .number(0)), ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
    ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
    ("9223372036854775808", .unsigned(1 << 63)), ("18446744073709551615", .unsigned(.max)),
    ("18446744073709551616", .number(0x1p64)), ("-9223372036854775809", .number(-0x1p63)),
    (#""""#, ""), (#""a""#, "a"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
    (#""\u00e9\u00E9\u4e2d""#, "éé中"), (#""\ud83d\ude00""#, "😀"), (#""\u0000""#, "\0"),
    ("\"中é😀\u{7F}\u{2028}\"", "中é😀\u{7F}\u{2028}"), ("\"\u{FEFF}\"", "\u{FEFF}"),
    ("\"\u{10FFFF}\u{FFFF}\"", "\u{10FFFF}\u{FFFF}"),
    ("[]", []), ("[ ]", []), ("[1,[2 , null]]", [1, [2, nil]]),
    ("{}", [:]), (#"{ "a" : 1 , "b" : [ ] }"#, ["a": 1, "b": []]), (#"{"":0}"#, ["": 0]),
    // Two keys, although Swift's strings would be equal.
    (
      "{\"e\u{301}\":1,\"\u{E9}\":2}",
      .object(JSONObject([(key: "e\u{301}", value: 1), (key: "\u{E9}", value: 2)]))
    ),
  ]

  static let refusedTexts: [(String, JSONError.Reason, Int)] = [
    ("", JSONError.Reason.endOfText(expected: "a JSON value"), 0),
    (" ", .endOfText(expected: "a JSON value"), 1),
    ("\u{FEFF}1", .byteOrderMark, 0),
    ("1 2", .trailingBytes, 2), ("1,", .trailingBytes, 1), ("nullx", .trailingBytes, 4),
    ("1\0", .trailingBytes, 1), ("[]]", .trailingBytes, 2),
    ("nul", .expected("a JSON value"), 0), ("True", .expected("a JSON value"), 0),
    ("NaN", .expected("a JSON value"), 0), ("Infinity", .expected("a JSON value"), 0),
    ("'a'", .expected("a JSON value"), 0), ("+1", .expected("a JSON value"), 0),
    (".5", .expected("a JSON value"), 0), ("//\n1", .expected("a JSON value"), 0),
    ("\u{A0}1", .expected("a JSON value"), 0), ("\u{C}1", .expected("a JSON value"), 0),
    ("-", .endOfText(expected: "a digit"), 1), ("-x", .expected("a digit"), 1),
    ("-Infinity", .expected("a digit"), 1), ("1.", .endOfText(expected: "a digit"), 2),
    ("1.e1", .expected("a digit"), 2), ("1e", .endOfText(expected: "a digit"), 2),
    ("1e+", .endOfText(expected: "a digit"), 3), ("1e1.5", .trailingBytes, 3),
    ("01", .leadingZero, 0), ("-01", .leadingZero, 0), ("00.5", .leadingZero, 0),
    ("0x10", .trailingBytes, 1), ("1_000", .trailingBytes, 1),
    ("1e999", .numberOutOfRange, 0), ("-1e309", .numberOutOfRange, 0),
    ("[", .endOfText(expected: "a JSON value"), 1),
    ("[1", .endOfText(expected: "\",\" or \"]\""), 2),
    ("[1,]", .expected("a JSON value"), 3), ("[,1]", .expected("a JSON value"), 1),
    ("[1 2]", .expected("\",\" or \"]\""), 3), ("[1}", .expected("\",\" or \"]\""), 2),
    ("{", .endOfText(expected: "a key in quotation marks"), 1),
    ("{\"a\"}", .expected("\":\""), 4), ("{\"a\":}", .expected("a JSON value"), 5),
    ("{\"a\":1,}", .expected("a key in quotation marks"), 7),
    ("{a:1}", .expected("a key in quotation marks"), 1),
    ("{1:1}", .expected("a key in quotation marks"), 1),
    ("{\"a\":1 \"b\":2}", .expected("\",\" or \"}\""), 7),
    ("{\"a\":1,\"a\":1}", .duplicateKey("a"), 7),
    ("{\"a\":1,\"\\u0061\":1}", .duplicateKey("a"), 7),
    ("{\"\\ud83d\\ude00\":1,\"😀\":1}", .duplicateKey("😀"), 18),
    ("[{\"b\":{\"a\":1,\"b\":2,\"a\":3}}]", .duplicateKey("a"), 19),
    ("\"", .endOfText(expected: "the end of a string"), 1),
    ("\"a\nb\"", .controlCharacter, 2), ("\"\0\"", .controlCharacter, 1),
    ("\"\\x\"", .invalidEscape, 1), ("\"\\'\"", .invalidEscape, 1),
    ("\"\\u12\"", .invalidEscape, 1), ("\"\\u12g4\"", .invalidEscape, 1),
    ("\"\\u+123\"", .invalidEscape, 1), ("\"\\", .endOfText(expected: "an escape"), 2),
    ("\"\\ud83d\"", .loneSurrogate, 1), ("\"\\ude00\"", .loneSurrogate, 1),
    ("\"\\ud83d\\n\"", .loneSurrogate, 1), ("\"\\ud83d\\ud83d\"", .loneSurrogate, 1),
    ("\"\\ud83dx\"", .loneSurrogate, 1),
  ]
}
