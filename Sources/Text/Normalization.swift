/// One spelling for each text: strict UTF-8, LF line ends, Unicode normalization form C.
///
/// Normalization keeps what a reader sees and removes what a model would have to learn twice: the
/// e-acute of one keyboard and the e plus accent of another, the line ends of three systems.
public enum Normalization {
  /// Decodes, checks and normalizes a text.
  ///
  /// A leading byte-order mark is dropped, CRLF and CR become LF, and the rest becomes NFC
  /// (UAX #15). Runs in time linear in the text, whatever it holds, and without a copy when nothing
  /// has to change.
  ///
  /// - Parameters:
  ///   - bytes: the text, UTF-8.
  ///   - source: the file or place it came from, for the error.
  /// - Returns: UTF-8 again.
  /// - Throws: `TextError.invalidUTF8` with the offset where the first ill-formed sequence starts.
  public static func normalize(_ bytes: [UInt8], source: String) throws(TextError) -> [UInt8] {
    guard let firstChange = try offsetOfFirstChange(in: bytes, source: source) else {
      return bytes
    }
    return rewrite(bytes, from: firstChange)
  }

  /// Normalizes a string, as `normalize(_:source:)` does bytes.
  public static func normalize(_ text: String) -> String {
    String(decoding: normalizedBytes(of: text), as: UTF8.self)
  }

  /// A string's normalized UTF-8. A Swift string is well-formed, so nothing can fail.
  static func normalizedBytes(of text: String) -> [UInt8] {
    (try? normalize(Array(text.utf8), source: "")) ?? []
  }

  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
  private static let carriageReturn = UInt8(ascii: "\r")
  private static let lineFeed = UInt8(ascii: "\n")

  /// Checks the whole text and finds where rewriting has to begin; `nil` if nothing changes.
  private static func offsetOfFirstChange(
    in bytes: [UInt8], source: String
  ) throws(TextError) -> Int? {
    var change: Int?
    var segment = 0
    var offset = 0
    if bytes.starts(with: byteOrderMark) {
      change = 0
      offset = byteOrderMark.count
    }
    while offset < bytes.count {
      let byte = bytes[offset]
      if byte < 0x80 {
        if byte == carriageReturn, change == nil { change = offset }
        segment = offset
        offset += 1
        continue
      }
      guard let scalar = UTF8Decoding.scalar(in: bytes, at: offset) else {
        let line = bytes[..<offset].count { $0 == lineFeed } + 1
        throw TextError.invalidUTF8(source: source, offset: offset, line: line, byte: byte)
      }
      if change == nil {
        if UnicodeData.scalarClass(scalar.value).contains(.startsSegment) {
          segment = offset
        } else {
          // The mark may compose with the starter before it, so rewriting begins there.
          change = segment
        }
      }
      offset += scalar.length
    }
    return change
  }

  /// Rewrites a checked text from an offset at which a segment starts.
  private static func rewrite(_ bytes: [UInt8], from firstChange: Int) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    result.append(contentsOf: bytes[..<firstChange])

    var copied = firstChange  // everything before this offset is in the result
    var segment = firstChange  // where the last scalar that starts a segment is
    var offset = firstChange
    var buffer: [Int32] = []
    if firstChange == 0, bytes.starts(with: byteOrderMark) {
      copied = byteOrderMark.count
      segment = copied
      offset = copied
    }
    while offset < bytes.count {
      let byte = bytes[offset]
      if byte == carriageReturn {
        result.append(contentsOf: bytes[copied..<offset])
        result.append(lineFeed)
        offset += 1
        if offset < bytes.count, bytes[offset] == lineFeed { offset += 1 }
        copied = offset
        segment = offset
        continue
      }
      guard let scalar = UTF8Decoding.scalar(in: bytes, at: offset) else { break }
      if byte < 0x80 || UnicodeData.scalarClass(scalar.value).contains(.startsSegment) {
        segment = offset
        offset += scalar.length
        continue
      }
      // From the segment's start to the next one: decompose, order, compose.
      result.append(contentsOf: bytes[copied..<segment])
      buffer.removeAll(keepingCapacity: true)
      offset = segment
      while offset < bytes.count, let scalar = UTF8Decoding.scalar(in: bytes, at: offset) {
        if offset > segment {
          let starts =
            scalar.value < 0x80
            || UnicodeData.scalarClass(scalar.value).contains(.startsSegment)
          if starts { break }
        }
        UnicodeData.decompose(scalar.value, into: &buffer)
        offset += scalar.length
      }
      UnicodeData.compose(&buffer)
      for scalar in buffer { UTF8Decoding.append(UInt32(bitPattern: scalar), to: &result) }
      copied = offset
      segment = offset
    }
    result.append(contentsOf: bytes[copied...])
    return result
  }
}
