import Foundation
import Safetensors
import Testing

/// SplitMix64: small, seeded, the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Runs the body with a new folder, which is removed afterwards.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
  let path = FileManager.default.temporaryDirectory.path + "/temper-tests-" + UUID().uuidString
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path)
}

/// A file with this header, whatever is in it, and this data.
func file(header: [UInt8], data: [UInt8] = []) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + data
}

func file(header: String, dataSize: Int = 0) -> [UInt8] {
  file(header: Array(header.utf8), data: [UInt8](repeating: 0, count: dataSize))
}

/// A small file with a checksum and a tensor of each kind that the writer makes.
func smallFile() throws -> [UInt8] {
  var writer = SafetensorsWriter(metadata: ["format": "pt", "note": "a \"small\" file\n"])
  writer.add("embedding", shape: [2, 3], floats: [0.5, -1, 2, 3.25, -4, 1e-3])
  writer.add("halves", shape: [3], as: .bf16, floats: [1, -2, 0.1])
  writer.add("step", shape: [], unsignedIntegers: [.max])
  writer.add("nothing", shape: [0, 4], floats: [])
  writer.add("loss", shape: [1], doubles: [0.1])
  return try writer.serialized()
}
