// What compare.py talks to: compiled in one module with the sources of Safetensors.

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Reads files from standard input, each after its length (8 bytes, little-endian), and prints a line for each: "ok", or why it is refused.
@main
enum Verdict {
  static func main() {
    while let prefix = bytes(8) {
      let length = prefix.reversed().reduce(0) { $0 << 8 | Int($1) }
      guard let file = bytes(length) else { return }
      print(verdict(file))
      fflush(nil)
    }
  }

  private static func verdict(_ file: [UInt8]) -> String {
    do {
      try SafetensorsFile(bytes: file, name: "f").verifyChecksum()
      return "ok"
    } catch SafetensorsError.header(_, let error) {
      return "header \(label(error.reason))"
    } catch SafetensorsError.entry(_, _, let problem) {
      return "entry \(label(problem))"
    } catch {
      return label(error)
    }
  }

  /// The name of an enumeration's case.
  private static func label(_ value: Any) -> String {
    Mirror(reflecting: value).children.first?.label ?? "\(value)"
  }

  private static func bytes(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let got = bytes.withUnsafeMutableBytes {
        read(STDIN_FILENO, $0.baseAddress?.advanced(by: filled), count - filled)
      }
      guard got > 0 else { return nil }
      filled += got
    }
    return bytes
  }
}
