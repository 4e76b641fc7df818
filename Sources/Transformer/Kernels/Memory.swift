#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Memory for numbers, and what becomes of a program that gets none.
public enum Memory {
  /// Called when the system has no memory for this many bytes; there is nothing to return to.
  ///
  /// A program that wants to say so in its own way sets this before anything else, from one thread.
  nonisolated(unsafe) public static var whenExhausted: @Sendable (_ bytes: Int) -> Never = {
    preconditionFailure("there is no memory for \($0) bytes")
  }

  /// From this size on, a piece of memory must leave room for what the BLAS library still has to take.
  private static let large = 1 << 20

  /// Zeros, aligned for vector instructions; to be given back with `free`.
  static func zeros(bytes: Int) -> UnsafeMutableRawPointer {
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, 64, bytes) == 0, let memory,
      bytes < large || Blas.hasRoom
    else { whenExhausted(bytes) }
    memset(memory, 0, bytes)
    return memory
  }
}
