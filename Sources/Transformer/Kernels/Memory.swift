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

  /// A piece of memory, aligned for vector instructions, in large pages as far as it fills some.
  /// - Parameter zeros: whether it must consist of zeros.
  /// - Returns: where it is, and what is to be given back with `free`.
  static func take(bytes: Int, zeros: Bool) -> (
    UnsafeMutableRawPointer, toFree: UnsafeMutableRawPointer
  ) {
    let alignment = bytes < largePage ? 64 : largePage
    // Large pieces come as zeros from the system, untouched until somebody needs them; but not if they were in use before.
    guard let memory = zeros ? calloc(1, bytes + alignment) : malloc(bytes + alignment),
      bytes < large || Blas.hasRoom
    else {
      whenExhausted(bytes)
    }
    let piece = memory.alignedUp(toMultipleOf: alignment)
    #if canImport(Glibc)
      // A wish: where the system has no large pages, nothing changes.
      if bytes >= largePage { madvise(piece, bytes / largePage * largePage, MADV_HUGEPAGE) }
    #endif
    return (piece, memory)
  }
}
