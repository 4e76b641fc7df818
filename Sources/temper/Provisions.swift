import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What the system has to grant before any work begins.
///
/// Two libraries bear no refusal in the middle of it: OpenBLAS waits for ever for the memory of its buffers, and Dispatch ends the
/// program by an illegal instruction when there is no descriptor for what wakes its threads up.
enum Provisions {
  /// Files that are open at the same time at most, beside standard input and outputs.
  private static let descriptors = 12

  /// - Throws: `ProvisionError` for what is missing.
  static func check() throws(ProvisionError) {
    Memory.whenExhausted = { Temper.leave(early: ProvisionError.memory(bytes: $0)) }
    guard hasDescriptors else { throw .descriptors(descriptors) }
    guard Blas.hasRoom else { throw .memory(bytes: nil) }
  }

  private static var hasDescriptors: Bool {
    var opened: [Int32] = []
    defer { for descriptor in opened { close(descriptor) } }
    for _ in 0..<descriptors {
      let descriptor = open("/", O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { return false }
      opened.append(descriptor)
    }
    return true
  }
}

/// The system does not grant what the program needs.
enum ProvisionError: Error, CustomStringConvertible {
  case descriptors(Int)
  /// The bytes that were asked for last, if it was that.
  case memory(bytes: Int?)

  var description: String {
    switch self {
    case .descriptors(let count):
      "too few files may be open at the same time: \(count) are needed (ulimit -n)"
    case .memory(let bytes):
      "there is not enough memory" + (bytes.map { " for \($0.grouped) bytes more" } ?? "")
        + ": end other programs, allow this one more (ulimit -v), or choose a smaller model or batch"
    }
  }
}
