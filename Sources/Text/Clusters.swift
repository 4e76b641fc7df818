/// Extended grapheme clusters (UAX #29), one after the other, over well-formed UTF-8.
///
/// This, and not Swift's `Character`, is what Temper means by a character: the two may follow
/// different versions of Unicode, and a vocabulary must be cut the same way everywhere.
struct Clusters: Sequence, IteratorProtocol {
  /// A cluster's place, and its scalar if it has only one.
  struct Element {
    let start: Int
    let end: Int
    /// The first scalar.
    let scalar: UInt32
    let isSingleScalar: Bool
  }

  private let bytes: [UInt8]
  private(set) var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  @inline(__always)
  mutating func next() -> Element? {
    guard offset < bytes.count else { return nil }
    let start = offset
    let byte = bytes[start]
    // ASCII before ASCII, or before the end, is a cluster, unless it is the CR of a CRLF.
    if byte < 0x80, byte != 0x0D, start + 1 == bytes.count || bytes[start + 1] < 0x80 {
      offset = start + 1
      return Element(start: start, end: offset, scalar: UInt32(byte), isSingleScalar: true)
    }
    return nextOfAnyKind(from: start)
  }

  private mutating func nextOfAnyKind(from start: Int) -> Element? {
    guard let first = UTF8Decoding.scalar(in: bytes, at: start) else { return nil }
    var left = first.value
    var leftStandsAlone = UnicodeData.scalarClass(left).contains(.standsAlone)
    var isSingleScalar = true
    var state: Int32 = 0
    offset = start + first.length
    while offset < bytes.count, let right = UTF8Decoding.scalar(in: bytes, at: offset) {
      let rightStandsAlone = UnicodeData.scalarClass(right.value).contains(.standsAlone)
      if leftStandsAlone && rightStandsAlone { break }
      if UnicodeData.isBoundary(between: left, and: right.value, state: &state) { break }
      offset += right.length
      left = right.value
      leftStandsAlone = rightStandsAlone
      isSingleScalar = false
    }
    return Element(
      start: start, end: offset, scalar: first.value, isSingleScalar: isSingleScalar)
  }
}

extension Normalization {
  /// A text's extended grapheme clusters, in order; joined, they are the text again.
  ///
  /// The text is taken as it is: normalize it first to get the characters of a vocabulary.
  public static func clusters(of text: String) -> [String] {
    let bytes = Array(text.utf8)
    return Clusters(bytes).map { String(decoding: bytes[$0.start..<$0.end], as: UTF8.self) }
  }
}

/// Finds the token of a cluster: a table for single scalars of the basic plane, a dictionary for
/// the rest.
struct ClusterIndex: Sendable {
  /// Tokens of the scalars of one page of 256 after the other, -1 where there is none. The first page is empty: all pages without a
  /// token share it.
  private var singles = [Int32](repeating: -1, count: 256)
  /// Where the page of a scalar begins in `singles`, by its higher eight bits.
  private var pages = [Int32](repeating: 0, count: 256)
  /// Token by UTF-8 bytes. A slice as the key lets a text be looked up without copying it.
  private var others: [ArraySlice<UInt8>: Int32] = [:]

  /// The token of a cluster of `bytes`, or -1.
  @inline(__always)
  func token(of cluster: Clusters.Element, in bytes: [UInt8]) -> Int32 {
    if cluster.isSingleScalar, cluster.scalar < 0x10000 {
      return singles[Int(pages[Int(cluster.scalar >> 8)]) + Int(cluster.scalar & 0xFF)]
    }
    return others[bytes[cluster.start..<cluster.end]] ?? -1
  }

  mutating func insert(_ cluster: Clusters.Element, in bytes: [UInt8], token: Int32) {
    if cluster.isSingleScalar, cluster.scalar < 0x10000 {
      let page = Int(cluster.scalar >> 8)
      if pages[page] == 0 {
        pages[page] = Int32(singles.count)
        singles.append(contentsOf: repeatElement(-1, count: 256))
      }
      singles[Int(pages[page]) + Int(cluster.scalar & 0xFF)] = token
    } else {
      // A copy of its own, so that the index does not keep the whole text alive.
      others[ArraySlice(Array(bytes[cluster.start..<cluster.end]))] = token
    }
  }
}
