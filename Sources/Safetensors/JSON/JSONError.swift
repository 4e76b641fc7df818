/// Why a text is not the JSON that was asked for, and where.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: Equatable, Sendable {
    /// The text has more bytes than the limit.
    case tooLarge(limit: Int)
    /// Arrays and objects are nested more deeply than the limit.
    case tooDeep(limit: Int)
    /// There are more values than the limit.
    case tooManyValues(limit: Int)
    case byteOrderMark
    /// Something else stands where this was expected.
    case expected(String)
    /// The text ends where this was expected.
    case endOfText(expected: String)
    case trailingBytes
    case duplicateKey(String)
    /// A control character inside a string that is not escaped.
    case controlCharacter
    case invalidEscape
    /// An escaped half of a surrogate pair without its other half.
    case loneSurrogate
    case invalidUTF8
    case leadingZero
    /// A number of more characters than the limit.
    case numberTooLong(limit: Int)
    /// A number too large for a `Double`.
    case numberOutOfRange
    /// A value that JSON cannot write: NaN or an infinity.
    case notFinite
  }

  public let reason: Reason
  /// Bytes before the place, from the beginning of the text.
  public let offset: Int
  /// Counted from 1; nil where lines mean nothing.
  public let line: Int?

  public init(_ reason: Reason, offset: Int, line: Int? = nil) {
    self.reason = reason
    self.offset = offset
    self.line = line
  }

  public var description: String {
    let place = (line.map { "line \($0), " } ?? "") + "byte \(offset)"
    let what =
      switch reason {
      case .tooLarge(let limit): "the text is longer than \(limit) bytes"
      case .tooDeep(let limit): "nested more than \(limit) levels deep"
      case .tooManyValues(let limit): "more than \(limit) values"
      case .byteOrderMark: "a byte order mark, which JSON does not allow"
      case .expected(let what): "expected \(what)"
      case .endOfText(let what): "the text ends where \(what) was expected"
      case .trailingBytes: "something follows the JSON value"
      case .duplicateKey(let key): "the key \(Printable.quote(key)) occurs twice"
      case .controlCharacter: "a control character inside a string"
      case .invalidEscape: "an invalid escape in a string"
      case .loneSurrogate: "half of a surrogate pair in a string"
      case .invalidUTF8: "bytes that are not UTF-8"
      case .leadingZero: "a number with a leading zero"
      case .numberTooLong(let limit): "a number of more than \(limit) characters"
      case .numberOutOfRange: "a number too large"
      case .notFinite: "JSON cannot write NaN or an infinity"
      }
    return "\(what) (\(place))"
  }
}
