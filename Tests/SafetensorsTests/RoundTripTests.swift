import Foundation
import Safetensors
import Testing

@Suite struct RoundTripTests {
  private func reopen(_ writer: SafetensorsWriter) throws -> SafetensorsFile {
    let file = try SafetensorsFile(bytes: writer.serialized(), name: "f")
    #expect(try file.verifyChecksum())
    return file
  }

  @Test(arguments: [
    [], [0], [1], [7], [2, 3], [0, 5], [5, 0], [1, 1, 1], [3, 1, 2, 4], [200, 331],
  ])
  func everyTypeAndShape(shape: [Int]) throws {
    let count = shape.reduce(1, *)
    var generator = SeededGenerator(seed: UInt64(count))
    let floats = (0..<count).map { _ in Float.random(in: -2...2, using: &generator) }
    // Already BF16 values, so that they come back as they are.
    let halves = floats.map { Float(bitPattern: $0.bitPattern & 0xFFFF_0000) }
    let doubles = (0..<count).map { _ in Double.random(in: -2...2, using: &generator) }
    let integers = (0..<count).map { _ in Int64.random(in: .min ... .max, using: &generator) }
    let unsigned = (0..<count).map { _ in generator.next() }

    var writer = SafetensorsWriter()
    writer.add("f32", shape: shape, floats: floats)
    writer.add("bf16", shape: shape, as: .bf16, floats: halves)
    writer.add("f64", shape: shape, doubles: doubles)
    writer.add("i64", shape: shape, integers: integers)
    writer.add("u64", shape: shape, unsignedIntegers: unsigned)
    writer.add("u8", .u8, shape: shape, bytes: floats.map { UInt8($0.bitPattern & 0xFF) })
    let file = try reopen(writer)

    #expect(file.tensors.map(\.name) == ["f32", "bf16", "f64", "i64", "u64", "u8"])
    #expect(file.tensors.allSatisfy { $0.shape == shape && $0.elementCount == count })
    #expect(try file.floats("f32") == floats)
    #expect(try file.floats("bf16") == halves)
    #expect(try file.floats("f64") == doubles.map { Float($0) })
    #expect(try file.doubles("f64") == doubles)
    #expect(try file.integers("i64") == integers)
    #expect(try file.unsignedIntegers("u64") == unsigned)
    #expect(try file.bytes("u8") == floats.map { UInt8($0.bitPattern & 0xFF) })
  }

  @Test func valuesFromAClosure() throws {
    // More than two pieces, the last one not full.
    let count = 40_001
    for type in [SafetensorsWriter.FloatType.f32, .bf16] {
      var writer = SafetensorsWriter()
      writer.add("t", shape: [count], as: type) { first, buffer in
        for index in buffer.indices { buffer[index] = Float((first + index) % 256) }
      }
      #expect(try reopen(writer).floats("t") == (0..<count).map { Float($0 % 256) })
    }
  }

  @Test func valuesFromABuffer() throws {
    let values: [Float] = [1, 2, 3]
    try values.withUnsafeBufferPointer { buffer throws in
      var writer = SafetensorsWriter()
      writer.add("t", shape: [3], floats: buffer)
      #expect(try reopen(writer).floats("t") == values)
    }
  }

  /// 1 + 2^-8 is halfway between two BF16 values; the even one is 1. 1 + 3 * 2^-8 is halfway too;
  /// the even one is above.
  @Test(arguments: roundings)
  func bfloat16Rounding(value: Float, rounded: Float) throws {
    var writer = SafetensorsWriter()
    writer.add("t", shape: [], as: .bf16, floats: [value])
    let found = try reopen(writer).floats("t")
    #expect(found == [rounded] && found[0].sign == rounded.sign)
  }

  /// Against every half-precision value's definition.
  @Test func halfPrecision() throws {
    let finite = (UInt16.min...UInt16.max).filter { $0 >> 10 & 0x1F != 0x1F }
    var writer = SafetensorsWriter()
    writer.add(
      "t", .f16, shape: [finite.count],
      bytes: finite.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
    let floats = try reopen(writer).floats("t")
    for (bits, float) in zip(finite, floats) {
      let exponent = Int(bits >> 10 & 0x1F)
      let fraction = Double(bits & 0x3FF) / 1024
      let magnitude =
        exponent == 0 ? fraction * 0x1p-14 : (1 + fraction) * pow(2, Double(exponent - 15))
      #expect(Double(float) == (bits >> 15 == 0 ? magnitude : -magnitude))
      #expect((float.sign == .minus) == (bits >> 15 == 1))
    }
    for bits in [0x7C00, 0xFC00, 0x7E00, 0x7C01] as [UInt16] {
      var writer = SafetensorsWriter()
      writer.add("t", .f16, shape: [1], bytes: [UInt8(bits & 0xFF), UInt8(bits >> 8)])
      let file = try reopen(writer)
      #expect(throws: SafetensorsError.notFinite(file: "f", tensor: "t", index: 0)) {
        try file.floats("t")
      }
    }
  }

  @Test(arguments: [Float.nan, .signalingNaN, .infinity, -.infinity])
  func notFiniteIsNeitherWrittenNorRead(value: Float) throws {
    var values = [Float](repeating: 1, count: 50_000)
    values[40_000] = value
    for type in [SafetensorsWriter.FloatType.f32, .bf16] {
      var writer = SafetensorsWriter()
      writer.add("t", shape: [50_000], as: type, floats: values)
      #expect(
        throws: SafetensorsError.notFinite(
          file: "safetensors data", tensor: "t", index: 40_000)
      ) { try writer.serialized() }
    }
    var writer = SafetensorsWriter()
    let bytes = values.flatMap { value in
      withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }
    writer.add("t", .f32, shape: [50_000], bytes: bytes)
    let file = try reopen(writer)
    #expect(throws: SafetensorsError.notFinite(file: "f", tensor: "t", index: 40_000)) {
      try file.floats("t")
    }
  }

  @Test func notFiniteDoubles() throws {
    var writer = SafetensorsWriter()
    writer.add("t", shape: [2], doubles: [1, .nan])
    #expect(throws: SafetensorsError.self) { try writer.serialized() }
    // Finite, but not as a Float.
    writer = SafetensorsWriter()
    writer.add("t", shape: [2], doubles: [1, 1e300])
    let file = try reopen(writer)
    #expect(try file.doubles("t") == [1, 1e300])
    #expect(throws: SafetensorsError.notFinite(file: "f", tensor: "t", index: 1)) {
      try file.floats("t")
    }
  }

  @Test func largestFloatsDoNotFitBF16() {
    var writer = SafetensorsWriter()
    writer.add("t", shape: [2], as: .bf16, floats: [1, .greatestFiniteMagnitude])
    #expect(
      throws: SafetensorsError.notFinite(file: "safetensors data", tensor: "t", index: 1)
    ) { try writer.serialized() }
  }

  @Test func theWriterKeepsTheReadersRules() {
    var writer = SafetensorsWriter()
    writer.add("t", shape: [1], floats: [1])
    writer.add("t", shape: [1], floats: [1])
    #expect(throws: SafetensorsError.self) { try writer.serialized() }
    for name in ["", "\u{1B}", "__metadata__"] {
      var writer = SafetensorsWriter()
      writer.add(name, shape: [1], floats: [1])
      #expect(throws: SafetensorsError.self) { try writer.serialized() }
    }
    writer = SafetensorsWriter()
    writer.add("t", shape: [1, 1, 1, 1, 1, 1, 1, 1, 1], floats: [1])
    #expect(throws: SafetensorsError.self) { try writer.serialized() }
  }

  @Test func theBytesAreDeterministicAndAligned() throws {
    let bytes = try smallFile()
    #expect(try smallFile() == bytes)
    let headerLength = Int(bytes[0]) | Int(bytes[1]) << 8
    #expect(headerLength % 8 == 0)
    let header = String(decoding: bytes[8..<(8 + headerLength)], as: UTF8.self)
    #expect(header.hasPrefix("{\"__metadata__\":{\"format\":\"pt\",\"note\":"))
    let file = try SafetensorsFile(bytes: bytes, name: "f")
    // The digest is that of the file with zeros in its place.
    let checksum = try #require(file.checksum)
    let zeroed = String(repeating: "0", count: 64)
    let blank = bytes.replacing(checksum.utf8, with: Array(zeroed.utf8))
    #expect(SHA256.hexadecimal(of: blank) == checksum)
    #expect(file.header.metadata["note"] == "a \"small\" file\n")
  }

  @Test func filesOnDisk() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/model.safetensors"
      var writer = SafetensorsWriter()
      let values = (0..<100_000).map { Float($0) }
      writer.add("t", shape: [100, 1000], floats: values)
      writer.add("u", shape: [2], integers: [1, 2])
      let checksum = try writer.write(to: path)
      let file = try SafetensorsFile(path: path)
      #expect(file.checksum == checksum)
      #expect(try file.verifyChecksum())
      #expect(try file.floats("t") == values)
      #expect(try file.integers("u") == [1, 2])
      #expect(try Array(Data(contentsOf: URL(filePath: path))) == writer.serialized())
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)

      #expect(throws: SafetensorsError.missingTensor(file: path, tensor: "x")) {
        try file.floats("x")
      }
      #expect(throws: SafetensorsError.self) { try file.floats("u") }
      #expect(throws: SafetensorsError.self) { try file.integers("t") }
      #expect(
        throws: SafetensorsError.wrongCount(
          file: path, tensor: "t", expected: 3, found: 100_000)
      ) {
        var few: [Float] = [0, 0, 0]
        try few.withUnsafeMutableBufferPointer { try file.readFloats("t", into: $0) }
      }
      // Another program truncates the file while it is open: an error, no crash.
      try #require(truncate(path, 1000) == 0)
      #expect(throws: FileError(.read, path: path, code: EIO)) { try file.floats("t") }
      #expect(throws: FileError(.read, path: path, code: EIO)) { try file.verifyChecksum() }
    }
  }

  @Test func whatIsNoFile() throws {
    try withTemporaryFolder { folder in
      #expect(throws: FileError(.open, path: folder + "/none", code: ENOENT)) {
        try SafetensorsFile(path: folder + "/none")
      }
      #expect(throws: FileError(.open, path: folder, code: EISDIR)) {
        try SafetensorsFile(path: folder)
      }
      try #require(mkfifo(folder + "/pipe", 0o600) == 0)
      #expect(throws: FileError(.open, path: folder + "/pipe", code: ENXIO)) {
        try SafetensorsFile(path: folder + "/pipe")
      }
      #expect(throws: FileError.self) { try SafetensorsFile(path: "/dev/zero") }
      #expect(throws: FileError.self) { try SafetensorsFile(path: folder + "\0/x") }
      #expect(throws: FileError.self) { try SafetensorsFile(path: "") }
    }
  }

  // MARK: - Tables

  static let roundings: [(Float, Float)] = [
    (1 as Float, 1 as Float), (1 + 0x1p-8, 1), (1 + 0x1p-8 + 0x1p-23, 1 + 0x1p-7),
    (1 + 0x1p-8 - 0x1p-23, 1), (1 + 0x3p-8, 1 + 0x1p-6), (-1 - 0x3p-8, -1 - 0x1p-6),
    (0.1, 0.10009765625), (1.9999999, 2), (-0.0, -0.0), (0, 0),
    (.leastNonzeroMagnitude, 0), (0x1p-133, 0x1p-133), (0x1p-134, 0), (0x3p-134, 0x1p-132),
    (0x1.FEp127, 0x1.FEp127),
  ]
}
