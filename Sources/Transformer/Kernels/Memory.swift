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

  /// Bytes in a large page of memory. A processor remembers where some pages lie and looks the others up, which takes the longer the
  /// more it computes on; large pages are fewer.
  private static let largePage = 1 << 21

  /// Zeros, aligned for vector instructions, in large pages as far as they fill some; to be given back with `free`.
  static func zeros(bytes: Int) -> UnsafeMutableRawPointer {
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, bytes < largePage ? 64 : largePage, bytes) == 0, let memory,
      bytes < large || Blas.hasRoom
    else { whenExhausted(bytes) }
    #if canImport(Glibc)
      // A wish: where the system has no large pages, nothing changes.
      madvise(memory, bytes / largePage * largePage, MADV_HUGEPAGE)
    #endif
    memset(memory, 0, bytes)
    return memory
  }
}
