import Foundation

/// A small seeded generator (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A folder of its own for one test, removed when the test ends.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "temper-text-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try write(name, bytes: Array(text.utf8))
  }

  @discardableResult
  func write(_ name: String, bytes: [UInt8]) throws -> String {
    let file = path + "/" + name
    let folder = (file as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }
}

/// A corpus that comes with the project.
func shippedCorpus(_ name: String) -> String {
  let tests = (#filePath as NSString).deletingLastPathComponent
  let root = ((tests as NSString).deletingLastPathComponent as NSString).deletingLastPathComponent
  return root + "/corpus/" + name
}

/// Scalars that make normalization and cutting interesting, all assigned since Unicode 12.
func interestingScalars() -> [Unicode.Scalar] {
  var values: [UInt32] = []
  values += 0x20...0x7E
  values += [0x00, 0x09, 0x0A, 0x1B, 0x7F, 0x85, 0xA0, 0xAD, 0xC0, 0xE9, 0xFC, 0x1EA5, 0x212B]
  values += 0x300...0x32F  // combining marks of several classes
  values += [0x338, 0x340, 0x341, 0x343, 0x344, 0x345, 0x34F, 0x360, 0x3099, 0x309A]
  values += [0x1100, 0x1101, 0x1112, 0x1161, 0x1162, 0x1175, 0x11A8, 0x11C2, 0xAC00, 0xAC01]
  values += [0x9BE, 0x9C7, 0x9D7, 0xBC6, 0xBBE, 0xCC6, 0xCD5, 0xD46, 0xD3E, 0x1025, 0x102E]
  values += [0x304B, 0x304C, 0x4E00, 0x6F22, 0xF900, 0xFB1D, 0x2126, 0x1D15E, 0x1D165, 0x2F800]
  values += [0x200B, 0x200C, 0x200D, 0x200E, 0x202E, 0x2028, 0xFE0E, 0xFE0F, 0xFEFF, 0xFFFD]
  values += [0x1F1E9, 0x1F1EA, 0x1F600, 0x1F468, 0x1F469, 0x1F467, 0x2764, 0x1F3FB, 0x1F3FF]
  values += [0x600, 0x627, 0x653, 0x654, 0x5D0, 0x5B0, 0xE33, 0xE31, 0xEB3, 0x1D5C0, 0x1FA70]
  return values.compactMap(Unicode.Scalar.init)
}

func randomText(
  _ length: Int, from pool: [Unicode.Scalar] = interestingScalars(),
  using generator: inout SeededGenerator
) -> String {
  var text = String.UnicodeScalarView()
  for _ in 0..<length {
    text.append(pool[Int.random(in: pool.indices, using: &generator)])
  }
  return String(text)
}

/// U+0041 U+0301 as `0041 0301`.
func codePoints(_ text: String) -> String {
  text.unicodeScalars.map { String(format: "%04X", $0.value) }.joined(separator: " ")
}
