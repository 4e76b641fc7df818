import Safetensors
import Testing

/// Every way a file can be wrong, each with its own error.
@Suite struct HeaderTests {
  typealias Problem = SafetensorsError.EntryProblem

  private func open(_ bytes: [UInt8]) throws -> SafetensorsFile {
    try SafetensorsFile(bytes: bytes, name: "f")
  }

  private func expect(_ error: SafetensorsError, _ bytes: [UInt8]) {
    #expect(throws: error) { try open(bytes) }
  }

  private func entry(
    _ fields: String = #""dtype":"F32","shape":[1],"data_offsets":[0,4]"#, name: String = "t"
  ) -> String { "{\"\(name)\":{\(fields)}}" }

  @Test func fewerThanEightBytes() {
    for count in 0..<8 {
      expect(.tooShort(file: "f", bytes: count), [UInt8](repeating: 0, count: count))
    }
  }

  @Test func headerLength() {
    expect(
      .header(file: "f", JSONError(.endOfText(expected: "\"{\""), offset: 0)), file(header: ""))
    expect(.headerTooLong(file: "f", length: 3, limit: 2), [3, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D])
    expect(
      .headerTooLong(file: "f", length: .max, limit: 2),
      [UInt8](repeating: 0xFF, count: 8) + [0x7B, 0x7D])
    expect(
      .headerTooLong(file: "f", length: 1 << 63, limit: 0),
      [UInt8](repeating: 0, count: 7) + [0x80])
    let spaces = String(repeating: " ", count: 1 << 20)
    expect(
      .headerTooLong(file: "f", length: 1 << 20 + 2, limit: 1 << 20), file(header: "{}" + spaces))
    #expect(throws: Never.self) {
      try SafetensorsFile(
        bytes: file(header: "{}" + spaces), name: "f", maximumHeaderBytes: 1 << 21)
    }
  }

  @Test(arguments: wrongHeaders)
  func notTheJSONItHasToBe(header: String, reason: JSONError.Reason, offset: Int) {
    let header = header.replacing("\"t\":{}", with: "\"t\":{\"dtype\":\"U8\"}")
    guard !header.contains("U8") else {
      expect(
        .entry(file: "f", tensor: "t", problem: .missingField("shape")), file(header: header))
      return
    }
    expect(.header(file: "f", JSONError(reason, offset: offset)), file(header: header))
  }

  @Test func bytesThatAreNotUTF8() {
    expect(
      .header(file: "f", JSONError(.invalidUTF8, offset: 2)),
      file(header: [0x7B, 0x22, 0xC3, 0x28, 0x22, 0x7D]))
    expect(
      .header(file: "f", JSONError(.expected("a key in quotation marks"), offset: 1)),
      file(header: [0x7B, 0xFF, 0x7D]))
  }

  @Test func padding() throws {
    #expect(try open(file(header: "{}")).tensors.isEmpty)
    #expect(try open(file(header: "{}      ")).tensors.isEmpty)
    for (padding, offset) in [("\n", 2), (" \0", 3), ("\t", 2), ("x", 2), ("{}", 2), ("  }", 4)] {
      expect(.padding(file: "f", offset: offset), file(header: "{}" + padding))
    }
  }

  @Test func duplicateTensors() {
    let value = #"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
    expect(
      .header(file: "f", JSONError(.duplicateKey("t"), offset: 53)),
      file(header: "{\"t\":\(value),\"t\":\(value)}"))
    expect(
      .header(file: "f", JSONError(.duplicateKey("t"), offset: 53)),
      file(header: "{\"t\":\(value),\"\\u0074\":\(value)}"))
    // Canonically equivalent names are different names.
    #expect(throws: Never.self) {
      let opened = try open(file(header: "{\"e\u{301}\":\(value),\"\u{E9}\":\(value)}"))
      #expect(opened.tensor("e\u{301}")?.name.unicodeScalars.count == 2)
      #expect(opened.tensor("\u{E9}")?.name.unicodeScalars.count == 1)
    }
  }

  @Test(arguments: wrongEntries)
  func entries(fields: String, problem: Problem) {
    expect(
      .entry(file: "f", tensor: "t", problem: problem), file(header: entry(fields), dataSize: 4))
  }

  @Test(arguments: [
    #""dtype":1,"shape":[1],"data_offsets":[0,4]"#, #""dtype":null"#, #""dtype":["F32"]"#,
    #""shape":1"#, #""shape":{}"#, #""shape":["1"]"#, #""shape":[[1]]"#, #""shape":[null]"#,
    #""shape":[-1]"#, #""shape":[-0]"#, #""shape":[1.0]"#, #""shape":[1.5]"#, #""shape":[1e0]"#,
    #""shape":[01]"#, #""shape":[9223372036854775808]"#, #""shape":[18446744073709551616]"#,
    #""shape":[true]"#, #""shape":[1,]"#, #""data_offsets":[]"#, #""data_offsets":[0]"#,
    #""data_offsets":[0,4,8]"#, #""data_offsets":[-4,0]"#, #""data_offsets":[0,4.0]"#,
    #""data_offsets":[0,18446744073709551615]"#, #""data_offsets":{"0":0,"1":4}"#,
    #""data_offsets":4"#, #""dtype":"F32","dtype":"F32""#, #""shape":[1],"sh\u0061pe":[1]"#,
    #""data_offsets":[0,4],"data_offsets":[0,4]"#,
  ])
  func wrongTypes(fields: String) {
    #expect {
      try open(file(header: entry(fields), dataSize: 4))
    } throws: { error in
      if case .header("f", _) = error as? SafetensorsError { true } else { false }
    }
  }

  @Test(arguments: wrongNames)
  func names(name: String, problem: Problem) throws {
    #expect {
      try open(file(header: entry(name: name), dataSize: 4))
    } throws: { error in
      guard case .entry("f", _, let found) = error as? SafetensorsError else { return false }
      let description = "\(error)"
      let isPrintable = description.unicodeScalars.allSatisfy { $0.isASCII && $0.value >= 0x20 }
      return found == problem && isPrintable
    }
  }

  @Test(arguments: wrongLayouts)
  func layout(ranges: [(Int, Int)], dataSize: Int, error: SafetensorsError) {
    expect(error, file(header: header(ranges), dataSize: dataSize))
  }

  private func header(_ ranges: [(Int, Int)]) -> String {
    let entries = ranges.enumerated().map { index, range in
      "\"t\(index)\":{\"dtype\":\"U8\",\"shape\":[\(range.1 - range.0)],"
        + "\"data_offsets\":[\(range.0),\(range.1)]}"
    }
    return "{" + entries.joined(separator: ",") + "}"
  }

  @Test func layoutsInAnyOrder() throws {
    let opened = try open(
      file(header: header([(4, 8), (8, 8), (0, 4), (0, 0), (4, 4)]), dataSize: 8))
    #expect(opened.tensors.map(\.name) == ["t0", "t1", "t2", "t3", "t4"])
    #expect(opened.tensor("t0")?.range == 4..<8)
  }

  @Test func deepNestingIsRefusedAtOnce() {
    let nested = String(repeating: "[", count: 500_000)
    for header in [
      "{\"t\":" + nested, "{\"t\":{\"shape\":" + nested, "{\"__metadata__\":" + nested,
    ] {
      #expect(throws: SafetensorsError.self) { try open(file(header: header)) }
    }
  }

  @Test func tooMuchMetadata() throws {
    func header(_ count: Int) -> String {
      let entries = (0..<count).map { "\"\($0)\":\"\"" }
      return "{\"__metadata__\":{" + entries.joined(separator: ",") + "}}"
    }
    #expect(try open(file(header: header(1024))).header.metadata.count == 1024)
    #expect(throws: SafetensorsError.self) { try open(file(header: header(1025))) }
  }

  @Test func checksumMetadata() {
    let digits = String(repeating: "a", count: 64)
    for metadata in [
      "\"temper.sha256\":\"\(digits)\"", "\"temper.checksum\":\"sha256\"",
      "\"temper.sha256\":\"\(digits)\",\"temper.checksum\":\"sha255\"",
      "\"temper.sha256\":\"\(digits.uppercased())\",\"temper.checksum\":\"sha256\"",
      "\"temper.sha256\":\"\(digits)a\",\"temper.checksum\":\"sha256\"",
      "\"temper.sha256\":\"\\u0061\(digits.dropLast())\",\"temper.checksum\":\"sha256\"",
      "\"temper.sha256\":\"\",\"temper.checksum\":\"sha256\"",
    ] {
      expect(.checksumMetadata(file: "f"), file(header: "{\"__metadata__\":{\(metadata)}}"))
    }
  }

  @Test func elementTypes() throws {
    #expect(DType.allCases.count == 22)
    for dtype in DType.allCases {
      // Four elements fill whole bytes in every type.
      let size = dtype.bitWidth / 2
      let fields =
        "\"dtype\":\"\(dtype.rawValue)\",\"shape\":[2,2],\"data_offsets\":[0,\(size)]"
      let opened = try open(file(header: entry(fields), dataSize: size))
      #expect(opened.tensors.first?.dtype == dtype)
      #expect(try opened.bytes("t").count == size)
    }
  }

  // MARK: - Tables

  static let wrongHeaders: [(String, JSONError.Reason, Int)] = [
    ("\u{FEFF}{}", JSONError.Reason.byteOrderMark, 0), (" {}", .expected("\"{\""), 0),
    ("[]", .expected("\"{\""), 0), ("null", .expected("\"{\""), 0),
    ("{", .endOfText(expected: "a key in quotation marks"), 1),
    ("{\"t\":1}", .expected("\"{\""), 5), ("{\"t\":[]}", .expected("\"{\""), 5),
    ("{\"t\":null}", .expected("\"{\""), 5),
    ("{\"t\":{}", .endOfText(expected: "\",\" or \"}\""), 7),
    ("{\"__metadata__\":null}", .expected("\"{\""), 16),
    ("{\"__metadata__\":[]}", .expected("\"{\""), 16),
    ("{\"__metadata__\":{\"a\":1}}", .expected("a string"), 21),
    ("{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", .expected("a string"), 21),
    ("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", .duplicateKey("a"), 24),
    ("{\"__metadata__\":{\"a\":\"\",\"\\u0061\":\"\"}}", .duplicateKey("a"), 24),
    ("{\"__metadata__\":{},\"__metadata__\":{}}", .duplicateKey("__metadata__"), 19),
    ("{\"__metadata__\":{},\"__met\\u0061data__\":{}}", .duplicateKey("__metadata__"), 19),
  ]

  static let wrongEntries: [(String, Problem)] = [
    (#""dtype":"F32","shape":[1]"#, Problem.missingField("data_offsets")),
    (#""dtype":"F32","data_offsets":[0,4]"#, .missingField("shape")),
    (#""shape":[1],"data_offsets":[0,4]"#, .missingField("dtype")),
    ("", .missingField("dtype")),
    (#""dtype":"F33","shape":[1],"data_offsets":[0,4]"#, .unknownType("F33")),
    (#""dtype":"f32","shape":[1],"data_offsets":[0,4]"#, .unknownType("f32")),
    (#""dtype":"","shape":[1],"data_offsets":[0,4]"#, .unknownType("")),
    (#""dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1"#, .unknownField("x")),
    (#""dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]"#, .tooManyDimensions),
    (#""dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]"#, .tooLarge),
    (#""dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]"#, .tooLarge),
    (#""dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]"#, .tooLarge),
    (#""dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]"#, .tooLarge),
    (#""dtype":"F4","shape":[3],"data_offsets":[0,2]"#, .partialByte),
    (#""dtype":"F6_E2M3","shape":[2],"data_offsets":[0,2]"#, .partialByte),
    (#""dtype":"F32","shape":[1],"data_offsets":[4,0]"#, .reversedRange),
    (#""dtype":"F32","shape":[2],"data_offsets":[0,4]"#, .size(expected: 8, found: 4)),
    (#""dtype":"F32","shape":[0],"data_offsets":[0,4]"#, .size(expected: 0, found: 4)),
    (#""dtype":"F32","shape":[],"data_offsets":[0,0]"#, .size(expected: 4, found: 0)),
    (#""dtype":"F64","shape":[1],"data_offsets":[0,4]"#, .size(expected: 8, found: 4)),
  ]

  static let wrongNames: [(String, Problem)] = [
    ("", Problem.emptyName), ("a\\u0000", .controlCharacterInName),
    ("a\\n", .controlCharacterInName), ("\\u001b[31m", .controlCharacterInName),
    ("\u{7F}", .controlCharacterInName), ("\u{9B}31m", .controlCharacterInName),
    ("\u{202E}", .controlCharacterInName), ("\u{2028}", .controlCharacterInName),
    ("\u{200B}", .controlCharacterInName), ("\u{FEFF}", .controlCharacterInName),
  ]

  static let wrongLayouts: [([(Int, Int)], Int, SafetensorsError)] = [
    // A hole at the beginning, a hole in the middle, an overlap, an alias.
    ([(4, 8)], 8, SafetensorsError.layout(file: "f", tensor: "t0", expected: 0, found: 4)),
    ([(0, 4), (8, 12)], 12, .layout(file: "f", tensor: "t1", expected: 4, found: 8)),
    ([(0, 8), (4, 12)], 12, .layout(file: "f", tensor: "t1", expected: 8, found: 4)),
    ([(0, 4), (0, 4)], 4, .layout(file: "f", tensor: "t1", expected: 4, found: 0)),
    ([(0, 4), (2, 2)], 4, .layout(file: "f", tensor: "t1", expected: 4, found: 2)),
    ([(4, 8), (0, 4)], 7, .dataSize(file: "f", expected: 8, found: 7)),
    ([(0, 4)], 5, .dataSize(file: "f", expected: 4, found: 5)),
    ([(0, 4)], 0, .dataSize(file: "f", expected: 4, found: 0)),
    ([(0, 4), (8, 8)], 4, .layout(file: "f", tensor: "t1", expected: 4, found: 8)),
    ([], 1, .dataSize(file: "f", expected: 0, found: 1)),
  ]
}
