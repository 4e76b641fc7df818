/// A safetensors file opened for reading.
///
/// The header is checked completely when the file is opened; the data are read when asked for, by
/// ordinary positioned reads of 64 KiB. The file is deliberately not mapped into memory: a file
/// that another program truncates or a failing disk then gives an error, where a mapping would kill
/// the process.
public final class SafetensorsFile: Sendable {
  public let path: String
  public let header: SafetensorsHeader
  public var tensors: [TensorInfo] { header.tensors }

  private let storage: Storage
  private let dataStart: Int
  private let indices: [ExactString: Int]

  private enum Storage: Sendable {
    case file(InputFile)
    case memory([UInt8])
  }

  /// Opens a file and checks its header. Throws `SafetensorsError` or `FileError`.
  public convenience init(path: String, maximumHeaderBytes: Int = 1 << 20) throws {
    let file = try InputFile(path)
    try self.init(
      .file(file), size: file.size, path: path, maximumHeaderBytes: maximumHeaderBytes)
  }

  /// The same for a file's bytes that are in memory already; `name` stands for the path in errors.
  public convenience init(bytes: [UInt8], name: String, maximumHeaderBytes: Int = 1 << 20) throws {
    try self.init(
      .memory(bytes), size: bytes.count, path: name, maximumHeaderBytes: maximumHeaderBytes)
  }

  private init(_ storage: Storage, size: Int, path: String, maximumHeaderBytes: Int) throws {
    guard size >= 8 else { throw SafetensorsError.tooShort(file: path, bytes: size) }
    var prefix = [UInt8](repeating: 0, count: 8)
    try prefix.withUnsafeMutableBytes { try Self.read(storage, into: $0, at: 0) }
    let length = prefix.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let limit = min(max(maximumHeaderBytes, 0), size - 8)
    guard let headerLength = Int(exactly: length), headerLength <= limit else {
      throw SafetensorsError.headerTooLong(file: path, length: length, limit: limit)
    }
    var headerBytes = [UInt8](repeating: 0, count: headerLength)
    try headerBytes.withUnsafeMutableBytes { try Self.read(storage, into: $0, at: 8) }
    header = try SafetensorsHeader.parse(
      headerBytes, dataSize: size - 8 - headerLength, file: path)
    self.path = path
    self.storage = storage
    dataStart = 8 + headerLength
    indices = Dictionary(
      header.tensors.enumerated().map { (ExactString($0.element.name), $0.offset) },
      uniquingKeysWith: { first, _ in first })
  }

  /// The tensor of this name, compared by exact code points.
  public func tensor(_ name: String) -> TensorInfo? {
    indices[ExactString(name)].map { header.tensors[$0] }
  }

  // MARK: - Values

  /// The elements of an F32, BF16, F16 or F64 tensor (the last rounded to nearest), in row-major
  /// order.
  ///
  /// Throws `notFinite` for NaN, infinities and what is too large for `Float`; the buffer may then
  /// be filled in part.
  public func readFloats(_ name: String, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    let tensor = try require(name)
    guard buffer.count == tensor.elementCount else {
      throw SafetensorsError.wrongCount(
        file: path, tensor: name, expected: buffer.count, found: tensor.elementCount)
    }
    let convert = try floatConversion(of: tensor)
    try forEachChunk(of: tensor) { bytes, first, count in
      let part = UnsafeMutableBufferPointer(rebasing: buffer[first..<(first + count)])
      convert(bytes, part)
      if let bad = part.firstIndexNotFinite {
        throw SafetensorsError.notFinite(file: path, tensor: name, index: first + bad)
      }
    }
  }

  /// The elements of an F32, BF16, F16 or F64 tensor as an array: see `readFloats`.
  public func floats(_ name: String) throws -> [Float] {
    let tensor = try require(name)
    // Before memory is taken: an element of a type we do not read may have only 4 bits.
    _ = try floatConversion(of: tensor)
    return try [Float](unsafeUninitializedCapacity: tensor.elementCount) { buffer, count in
      let part = UnsafeMutableBufferPointer(rebasing: buffer[..<tensor.elementCount])
      part.initialize(repeating: 0)
      count = tensor.elementCount
      try readFloats(name, into: part)
    }
  }

  /// The elements of an I64 tensor.
  public func integers(_ name: String) throws -> [Int64] {
    try words(name, .i64).map(Int64.init(bitPattern:))
  }

  /// The elements of a U64 tensor.
  public func unsignedIntegers(_ name: String) throws -> [UInt64] { try words(name, .u64) }

  /// The elements of an F64 tensor; throws `notFinite` as `readFloats` does.
  public func doubles(_ name: String) throws -> [Double] {
    let values = try words(name, .f64).map(Double.init(bitPattern:))
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw SafetensorsError.notFinite(file: path, tensor: name, index: index)
    }
    return values
  }

  /// The bytes of a tensor of any type, as they are in the file (little-endian).
  public func bytes(_ name: String) throws -> [UInt8] {
    let tensor = try require(name)
    var bytes = [UInt8](repeating: 0, count: tensor.range.count)
    try bytes.withUnsafeMutableBytes {
      try Self.read(storage, into: $0, at: dataStart + tensor.range.lowerBound)
    }
    return bytes
  }

  // MARK: - Checksum

  /// The SHA-256 that the file says it has, as `Checksum` describes; nil in files of other
  /// programs.
  public var checksum: String? {
    header.checksumDigits == nil ? nil : header.metadata[Checksum.digestKey]
  }

  /// Reads the whole file and compares it with its checksum; false when it has none.
  ///
  /// Throws `checksumMismatch`.
  @discardableResult
  public func verifyChecksum() throws -> Bool {
    guard let digits = header.checksumDigits, let checksum else { return false }
    var hash = SHA256()
    let end = dataStart + (tensors.map(\.range.upperBound).max() ?? 0)
    var position = 0
    var chunk = [UInt8](repeating: 0, count: Self.chunkSize)
    while position < end {
      let count = min(chunk.count, end - position)
      try chunk.withUnsafeMutableBytes { buffer in
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        try Self.read(storage, into: part, at: position)
        for index in (digits.lowerBound + 8)..<(digits.upperBound + 8)
        where index >= position && index < position + count {
          part[index - position] = UInt8(ascii: "0")
        }
        hash.update(UnsafeRawBufferPointer(part))
      }
      position += count
    }
    guard hash.finish() == checksum else {
      throw SafetensorsError.checksumMismatch(file: path)
    }
    return true
  }

  // MARK: - Reading

  private static let chunkSize = 1 << 16

  private func require(_ name: String) throws -> TensorInfo {
    guard let tensor = tensor(name) else {
      throw SafetensorsError.missingTensor(file: path, tensor: name)
    }
    return tensor
  }

  private func words(_ name: String, _ dtype: DType) throws -> [UInt64] {
    let tensor = try require(name)
    guard tensor.dtype == dtype else {
      throw SafetensorsError.wrongType(
        file: path, tensor: name, found: tensor.dtype, wanted: dtype.rawValue)
    }
    var values: [UInt64] = []
    values.reserveCapacity(tensor.elementCount)
    try forEachChunk(of: tensor) { bytes, _, count in
      for index in 0..<count {
        values.append(
          UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)))
      }
    }
    return values
  }

  private typealias FloatConversion = (UnsafeRawBufferPointer, UnsafeMutableBufferPointer<Float>) ->
    Void

  private func floatConversion(of tensor: TensorInfo) throws -> FloatConversion {
    switch tensor.dtype {
    case .f32: FloatFormats.fromF32
    case .bf16: FloatFormats.fromBF16
    case .f16: FloatFormats.fromF16
    case .f64: FloatFormats.fromF64
    default:
      throw SafetensorsError.wrongType(
        file: path, tensor: tensor.name, found: tensor.dtype, wanted: "F32, BF16, F16 or F64")
    }
  }

  /// Calls `body` with the bytes of some whole elements, the index of the first and their number.
  private func forEachChunk(
    of tensor: TensorInfo,
    _ body: (_ bytes: UnsafeRawBufferPointer, _ first: Int, _ count: Int) throws -> Void
  ) throws {
    let elementSize = tensor.dtype.bitWidth / 8
    let perChunk = Self.chunkSize / elementSize
    var chunk = [UInt8](
      repeating: 0, count: min(perChunk, tensor.elementCount) * elementSize)
    var first = 0
    while first < tensor.elementCount {
      let count = min(perChunk, tensor.elementCount - first)
      try chunk.withUnsafeMutableBytes { buffer in
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(count * elementSize)])
        try Self.read(
          storage, into: part, at: dataStart + tensor.range.lowerBound + first * elementSize)
        try body(UnsafeRawBufferPointer(part), first, count)
      }
      first += count
    }
  }

  private static func read(
    _ storage: Storage, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws {
    switch storage {
    case .file(let file): try file.read(into: buffer, at: offset)
    case .memory(let bytes): buffer.copyBytes(from: bytes[offset..<(offset + buffer.count)])
    }
  }
}
