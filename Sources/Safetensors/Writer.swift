/// Collects tensors and writes them as a safetensors file.
///
/// The bytes depend on nothing but what was added: tensors in the order given, metadata sorted by
/// key, the header padded with spaces so that the data begin at a multiple of 8. Values are
/// converted while they are written, in pieces of 64 KiB. Every file carries a checksum (see
/// `SafetensorsFile.verifyChecksum`).
///
/// What the reader would refuse is not written: values that are not finite (BF16 makes the largest
/// floats infinite), repeated names and the like throw the reader's `SafetensorsError`.
public struct SafetensorsWriter {
  /// The types a `Float` can be written as.
  public enum FloatType: Sendable { case f32, bf16 }

  private typealias Emit = (UnsafeRawBufferPointer) throws -> Void

  private struct Source {
    let name: String
    let dtype: DType
    let shape: [Int]
    /// Produces the tensor's bytes; the file's name is for errors.
    let produce: (_ file: String, _ emit: Emit) throws -> Void
  }

  private let metadata: [String: String]
  private var sources: [Source] = []

  /// `format` "pt" is what Hugging Face transformers asks for.
  public init(metadata: [String: String] = ["format": "pt"]) { self.metadata = metadata }

  // MARK: - Tensors

  /// Adds a tensor whose elements `fill` puts into the buffer it is given: those from row-major
  /// index `first` on.
  ///
  /// `fill` is called in `write`, in order, for a piece at a time.
  public mutating func add(
    _ name: String, shape: [Int], as type: FloatType = .f32,
    fill: @escaping (_ first: Int, _ buffer: UnsafeMutableBufferPointer<Float>) throws -> Void
  ) {
    let count = shape.reduce(1, &*)
    add(name, type == .f32 ? .f32 : .bf16, shape) { file, emit in
      let perChunk = min(1 << 14, count)
      var floats = [Float](repeating: 0, count: perChunk)
      var halves = [UInt16](repeating: 0, count: type == .bf16 ? perChunk : 0)
      func refuse(_ index: Int) -> SafetensorsError {
        .notFinite(file: file, tensor: name, index: index)
      }
      for first in stride(from: 0, to: count, by: 1 << 14) {
        try floats.withUnsafeMutableBufferPointer { buffer in
          let part = UnsafeMutableBufferPointer(
            rebasing: buffer[..<min(perChunk, count - first)])
          try fill(first, part)
          if let bad = part.firstIndexNotFinite { throw refuse(first + bad) }
          switch type {
          case .f32:
            for index in part.indices {
              part[index] = Float(bitPattern: part[index].bitPattern.littleEndian)
            }
            try emit(UnsafeRawBufferPointer(part))
          case .bf16:
            for index in part.indices {
              let half = FloatFormats.bfloat16(part[index])
              if half & 0x7FFF == 0x7F80 { throw refuse(first + index) }
              halves[index] = half.littleEndian
            }
            try halves.withUnsafeBytes {
              try emit(UnsafeRawBufferPointer(rebasing: $0[..<(2 * part.count)]))
            }
          }
        }
      }
    }
  }

  /// Adds a tensor of these elements, row-major.
  public mutating func add(
    _ name: String, shape: [Int], as type: FloatType = .f32, floats values: [Float]
  ) {
    requireCount(values.count, shape, name)
    add(name, shape: shape, as: type) { first, buffer in
      _ = buffer.update(fromContentsOf: values[first..<(first + buffer.count)])
    }
  }

  /// Adds a tensor of elements that stay where they are until `write` has returned, row-major.
  public mutating func add(
    _ name: String, shape: [Int], as type: FloatType = .f32,
    floats values: UnsafeBufferPointer<Float>
  ) {
    requireCount(values.count, shape, name)
    add(name, shape: shape, as: type) { first, buffer in
      _ = buffer.update(fromContentsOf: values[first..<(first + buffer.count)])
    }
  }

  /// Adds an F64 tensor of these elements, row-major.
  public mutating func add(_ name: String, shape: [Int], doubles values: [Double]) {
    requireCount(values.count, shape, name)
    add(name, .f64, shape) { file, emit in
      if let index = values.firstIndex(where: { !$0.isFinite }) {
        throw SafetensorsError.notFinite(file: file, tensor: name, index: index)
      }
      try values.map(\.bitPattern.littleEndian).withUnsafeBytes(emit)
    }
  }

  /// Adds an I64 tensor of these elements, row-major.
  public mutating func add(_ name: String, shape: [Int], integers values: [Int64]) {
    requireCount(values.count, shape, name)
    add(name, .i64, shape) { _, emit in
      try values.map(\.littleEndian).withUnsafeBytes(emit)
    }
  }

  /// Adds a U64 tensor of these elements, row-major.
  public mutating func add(_ name: String, shape: [Int], unsignedIntegers values: [UInt64]) {
    requireCount(values.count, shape, name)
    add(name, .u64, shape) { _, emit in
      try values.map(\.littleEndian).withUnsafeBytes(emit)
    }
  }

  /// Adds a tensor of any type from its little-endian bytes, which are not looked at.
  public mutating func add(_ name: String, _ dtype: DType, shape: [Int], bytes: [UInt8]) {
    add(name, dtype, shape) { _, emit in try bytes.withUnsafeBytes(emit) }
  }

  private func requireCount(_ count: Int, _ shape: [Int], _ name: String) {
    precondition(
      count == shape.reduce(1, &*), "tensor \(name): \(count) elements for the shape \(shape)")
  }

  private mutating func add(
    _ name: String, _ dtype: DType, _ shape: [Int],
    _ produce: @escaping (_ file: String, _ emit: Emit) throws -> Void
  ) {
    precondition(shape.allSatisfy { $0 >= 0 }, "tensor \(name): a negative dimension")
    sources.append(Source(name: name, dtype: dtype, shape: shape, produce: produce))
  }

  // MARK: - Writing

  /// Replaces or creates the file in one step, flushed to disk; gives the checksum stored in it.
  ///
  /// Throws `SafetensorsError` or `FileError`; an existing file is then as it was.
  @discardableResult
  public func write(to path: String) throws -> String {
    var checksum = ""
    try FileSystem.replaceFile(path) { checksum = try write(to: $0) }
    return checksum
  }

  /// Writes to a new, empty file; gives the checksum stored in it.
  @discardableResult
  package func write(to file: OutputFile) throws -> String {
    let (checksum, offset) = try stream(file: file.path) { try file.write($0) }
    try file.overwrite(Array(checksum.utf8), at: offset)
    return checksum
  }

  /// The whole file in memory.
  public func serialized() throws -> [UInt8] {
    var bytes: [UInt8] = []
    let (checksum, offset) = try stream(file: "safetensors data") { bytes += $0 }
    bytes.replaceSubrange(offset..<(offset + checksum.utf8.count), with: checksum.utf8)
    return bytes
  }

  /// Emits the file with zeros in the place of the checksum; gives the checksum and that place.
  private func stream(file: String, _ emit: Emit) throws -> (checksum: String, offset: Int) {
    let (header, digits, counts) = try self.header(file: file)
    var hash = SHA256()
    var produced = 0
    func send(_ bytes: UnsafeRawBufferPointer) throws {
      hash.update(bytes)
      produced += bytes.count
      try emit(bytes)
    }
    try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try send($0) }
    try header.withUnsafeBytes { try send($0) }
    for (source, count) in zip(sources, counts) {
      produced = 0
      try source.produce(file, send)
      precondition(produced == count, "tensor \(source.name): \(produced) bytes of \(count)")
    }
    return (hash.finish(), digits.lowerBound + 8)
  }

  /// The padded header, where in it the checksum's digits are, and the bytes of each tensor.
  private func header(file: String) throws -> (
    bytes: [UInt8], digits: Range<Int>, counts: [Int]
  ) {
    var metadata = metadata
    metadata[Checksum.methodKey] = Checksum.method
    metadata[Checksum.digestKey] = String(repeating: "0", count: Checksum.digitCount)
    var members: [JSONObject.Member] = [
      (
        "__metadata__",
        .object(
          JSONObject(
            metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
              .map { (key: $0.key, value: .string($0.value)) }))
      )
    ]
    var end = 0
    var counts: [Int] = []
    var names: Set<ExactString> = [ExactString("__metadata__")]
    for source in sources {
      guard names.insert(ExactString(source.name)).inserted else {
        throw SafetensorsError.header(
          file: file, JSONError(.duplicateKey(source.name), offset: 0))
      }
      let (bits, overflow) = source.shape.reduce((source.dtype.bitWidth, false)) {
        let (product, overflow) = $0.0.multipliedReportingOverflow(by: $1)
        return (product, $0.1 || overflow)
      }
      let (newEnd, tooFar) = end.addingReportingOverflow(bits / 8)
      guard !overflow, !tooFar else {
        throw SafetensorsError.entry(file: file, tensor: source.name, problem: .tooLarge)
      }
      members.append(
        (
          source.name,
          [
            "dtype": .string(source.dtype.rawValue),
            "shape": .array(source.shape.map { JSONValue($0) }),
            "data_offsets": [JSONValue(end), JSONValue(newEnd)],
          ]
        ))
      counts.append(newEnd - end)
      end = newEnd
    }
    var bytes = try JSON.serialize(.object(JSONObject(members)))
    while bytes.count % 8 != 0 { bytes.append(0x20) }
    // The reader's own rules decide what may be written.
    let parsed = try SafetensorsHeader.parse(bytes, dataSize: end, file: file)
    guard let digits = parsed.checksumDigits else {
      throw SafetensorsError.checksumMetadata(file: file)
    }
    return (bytes, digits, counts)
  }
}
