/// The header of a safetensors file: what tensors there are and where.
///
/// The file is 8 bytes with the header's length (little-endian), the header (a JSON object), and
/// the data section, which the tensors fill one after the other without gap or overlap. Format:
/// <https://huggingface.co/docs/safetensors/index#format>.
///
/// Stricter than the reference reader, which accepts these and we do not: white space before the
/// JSON, repeated keys (of which it sees only the last, so whatever is wrong with the others),
/// unknown fields in an entry, empty names and names with control or format characters, more than 8
/// dimensions, shapes whose non-zero dimensions overflow beside a zero, padding other than spaces, a
/// null `__metadata__`, more than 1024 entries in it, headers over 1 MiB (unless the caller allows
/// more), and checksums of ours that are incomplete.
public struct SafetensorsHeader: Equatable, Sendable {
  /// In the order of the header.
  public let tensors: [TensorInfo]
  public let metadata: [String: String]
  /// Where in the header the 64 digits of the checksum are, when there is one.
  package let checksumDigits: Range<Int>?

  static let maximumDimensions = 8
  /// Real files have a handful; a megabyte of tiny entries would take ten times its size in memory.
  static let maximumMetadataCount = 1024

  /// Reads a header, without its length prefix, that is followed by `dataSize` bytes of data.
  ///
  /// `file` only names the file in errors. Memory is proportional to the header's length.
  /// Throws `SafetensorsError`.
  public static func parse(_ bytes: [UInt8], dataSize: Int, file: String) throws
    -> SafetensorsHeader
  {
    var parser = HeaderParser(file: file)
    do {
      return try parser.parse(bytes, dataSize: dataSize)
    } catch let error as JSONError {
      throw SafetensorsError.header(file: file, error)
    }
  }
}

private struct HeaderParser {
  let file: String
  var tensors: [TensorInfo] = []
  var metadata: [ExactString: String]?
  var checksumDigits: Range<Int>?

  init(file: String) { self.file = file }

  mutating func parse(_ bytes: [UInt8], dataSize: Int) throws -> SafetensorsHeader {
    var scanner = JSONScanner(bytes)
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { throw scanner.error(.byteOrderMark) }
    guard scanner.next == UInt8(ascii: "{") else { throw scanner.expected("\"{\"") }

    var names: Set<ExactString> = []
    try scanner.members { scanner, key, offset in
      guard names.insert(ExactString(key)).inserted else {
        throw scanner.error(.duplicateKey(key), at: offset)
      }
      if ExactString(key) == ExactString("__metadata__") {
        try readMetadata(&scanner)
      } else {
        try readEntry(&scanner, name: key)
      }
    }
    if let junk = bytes[scanner.position...].firstIndex(where: { $0 != 0x20 }) {
      throw SafetensorsError.padding(file: file, offset: junk)
    }
    try checkLayout(dataSize: dataSize)
    return SafetensorsHeader(
      tensors: tensors, metadata: try checkedMetadata(), checksumDigits: checksumDigits)
  }

  private mutating func readMetadata(_ scanner: inout JSONScanner) throws {
    var metadata: [ExactString: String] = [:]
    try scanner.members { scanner, key, offset in
      scanner.skipWhitespace()
      let start = scanner.position + 1
      let value = try scanner.string(called: "a string")
      guard metadata.updateValue(value, forKey: ExactString(key)) == nil else {
        throw scanner.error(.duplicateKey(key), at: offset)
      }
      guard metadata.count <= SafetensorsHeader.maximumMetadataCount else {
        throw scanner.error(
          .tooManyValues(limit: SafetensorsHeader.maximumMetadataCount), at: offset)
      }
      if ExactString(key) == ExactString(Checksum.digestKey) {
        let digits = start..<(scanner.position - 1)
        guard digits.count == Checksum.digitCount,
          scanner.bytes[digits].allSatisfy(Checksum.isDigit)
        else { throw SafetensorsError.checksumMetadata(file: file) }
        checksumDigits = digits
      }
    }
    self.metadata = metadata
  }

  /// Either key without the other means that one of them was damaged: see `Checksum`.
  private func checkedMetadata() throws -> [String: String] {
    let metadata = metadata ?? [:]
    let method = metadata[ExactString(Checksum.methodKey)]
    guard method == (checksumDigits == nil ? nil : Checksum.method) else {
      throw SafetensorsError.checksumMetadata(file: file)
    }
    // Keys that differ only in canonical form become one here; nobody asks for such keys.
    return Dictionary(
      metadata.map { ($0.key.string, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  private mutating func readEntry(_ scanner: inout JSONScanner, name: String) throws {
    func refuse(_ problem: SafetensorsError.EntryProblem) -> SafetensorsError {
      .entry(file: file, tensor: name, problem: problem)
    }
    guard !name.isEmpty else { throw refuse(.emptyName) }
    guard name.unicodeScalars.allSatisfy(Self.isAllowedInName) else {
      throw refuse(.controlCharacterInName)
    }

    var dtype: DType?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.members { scanner, field, offset in
      switch field {
      case "dtype" where dtype == nil:
        let type = try scanner.string(called: "an element type")
        guard let known = DType(rawValue: type) else { throw refuse(.unknownType(type)) }
        dtype = known
      case "shape" where shape == nil:
        var dimensions: [Int] = []
        try scanner.elements { scanner in
          guard dimensions.count < SafetensorsHeader.maximumDimensions else {
            throw refuse(.tooManyDimensions)
          }
          dimensions.append(try scanner.count(called: "a dimension (a whole number)"))
        }
        shape = dimensions
      case "data_offsets" where offsets == nil:
        try scanner.expect("[")
        let begin = try scanner.count(called: "an offset (a whole number)")
        try scanner.expect(",")
        let end = try scanner.count(called: "an offset (a whole number)")
        try scanner.expect("]")
        offsets = [begin, end]
      case "dtype", "shape", "data_offsets":
        throw scanner.error(.duplicateKey(field), at: offset)
      default:
        throw refuse(.unknownField(field))
      }
    }
    guard let dtype else { throw refuse(.missingField("dtype")) }
    guard let shape else { throw refuse(.missingField("shape")) }
    guard let offsets else { throw refuse(.missingField("data_offsets")) }

    guard offsets[0] <= offsets[1] else { throw refuse(.reversedRange) }
    let range = offsets[0]..<offsets[1]
    guard let elementCount = Self.product(shape) else { throw refuse(.tooLarge) }
    let (bits, overflow) = elementCount.multipliedReportingOverflow(by: dtype.bitWidth)
    guard !overflow else { throw refuse(.tooLarge) }
    guard bits % 8 == 0 else { throw refuse(.partialByte) }
    guard bits / 8 == range.count else {
      throw refuse(.size(expected: bits / 8, found: range.count))
    }
    tensors.append(
      TensorInfo(
        name: name, dtype: dtype, shape: shape, range: range, elementCount: elementCount))
  }

  /// The product; nil when the dimensions other than zero overflow, whatever their order.
  private static func product(_ shape: [Int]) -> Int? {
    var product = 1
    for dimension in shape where dimension != 0 {
      let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
      if overflow { return nil }
      product = next
    }
    return shape.contains(0) ? 0 : product
  }

  private static func isAllowedInName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }

  /// Sorted by position, every tensor must begin where the one before ends.
  private func checkLayout(dataSize: Int) throws {
    let order = tensors.indices.sorted {
      let (a, b) = (tensors[$0].range, tensors[$1].range)
      return (a.lowerBound, a.upperBound) < (b.lowerBound, b.upperBound)
    }
    var end = 0
    for tensor in order.lazy.map({ tensors[$0] }) {
      guard tensor.range.lowerBound == end else {
        throw SafetensorsError.layout(
          file: file, tensor: tensor.name, expected: end, found: tensor.range.lowerBound)
      }
      end = tensor.range.upperBound
    }
    guard end == dataSize else {
      throw SafetensorsError.dataSize(file: file, expected: end, found: dataSize)
    }
  }
}
