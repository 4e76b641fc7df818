/// Why a safetensors file is refused: which file, where in it, what is wrong.
///
/// Failures of the file system are `FileError`s. Descriptions never show a file's bytes as they
/// are: names are escaped and shortened.
public enum SafetensorsError: Error, Equatable, Sendable {
  /// Fewer than the 8 bytes of the header's length.
  case tooShort(file: String, bytes: Int)
  /// The header is said to be longer than the file or than the limit.
  case headerTooLong(file: String, length: UInt64, limit: Int)
  /// The header is not the JSON it has to be; offsets count from its first byte.
  case header(file: String, JSONError)
  /// Something other than spaces between the JSON and the end of the header.
  case padding(file: String, offset: Int)
  /// The entry of this tensor is wrong.
  case entry(file: String, tensor: String, problem: EntryProblem)
  /// The tensors' ranges do not fill the data section one after the other: `found` begins here, the
  /// previous ends at `expected`.
  case layout(file: String, tensor: String, expected: Int, found: Int)
  /// The data section has not the number of bytes that the header describes.
  case dataSize(file: String, expected: Int, found: Int)
  /// The metadata about the checksum are incomplete or not what Temper writes.
  case checksumMetadata(file: String)
  /// The file has changed since it was written.
  case checksumMismatch(file: String)
  /// A tensor that was asked for is not there.
  case missingTensor(file: String, tensor: String)
  /// The tensor has elements of another type than was asked for.
  case wrongType(file: String, tensor: String, found: DType, wanted: String)
  /// The number of elements differs from what was asked for or given.
  case wrongCount(file: String, tensor: String, expected: Int, found: Int)
  /// A value that is NaN, infinite or too large for its type; `index` counts elements in row-major
  /// order.
  case notFinite(file: String, tensor: String, index: Int)

  /// What can be wrong with a tensor's entry.
  public enum EntryProblem: Equatable, Sendable {
    case emptyName
    case controlCharacterInName
    case unknownType(String)
    case unknownField(String)
    case missingField(String)
    case tooManyDimensions
    /// The shape's product, or its size in bytes, does not fit 64 bits.
    case tooLarge
    /// An element type of less than 8 bits whose bytes would be filled in part.
    case partialByte
    /// The range ends before it begins.
    case reversedRange
    /// The range has another number of bytes than type and shape need.
    case size(expected: Int, found: Int)
  }
}

extension SafetensorsError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tooShort(let file, let bytes):
      "\(shown(file)) is no safetensors file: it has \(bytes) bytes, and 8 are the least"
    case .headerTooLong(let file, let length, let limit):
      "\(shown(file)): the header is said to have \(length) bytes, and \(limit) are the most;"
        + " the file is damaged or not a safetensors file"
    case .header(let file, let error):
      "\(shown(file)): in the header: \(error)"
    case .padding(let file, let offset):
      "\(shown(file)): something other than spaces follows the JSON in the header (byte \(offset))"
    case .entry(let file, let tensor, let problem):
      "\(shown(file)): tensor \(Printable.quote(tensor)): \(problem)"
    case .layout(let file, let tensor, let expected, let found):
      "\(shown(file)): tensor \(Printable.quote(tensor)) begins at byte \(found) of the data, where"
        + " \(expected) was expected: tensors must neither overlap nor leave gaps"
    case .dataSize(let file, let expected, let found):
      "\(shown(file)): the header describes \(expected) bytes of data, and the file has \(found);"
        + (found < expected ? " it is truncated" : " something was appended")
    case .checksumMetadata(let file):
      "\(shown(file)): the checksum in the header is damaged; use a fresh copy of the file"
    case .checksumMismatch(let file):
      "\(shown(file)): the checksum does not match: the file has changed since it was written;"
        + " use a fresh copy of it"
    case .missingTensor(let file, let tensor):
      "\(shown(file)): there is no tensor \(Printable.quote(tensor))"
    case .wrongType(let file, let tensor, let found, let wanted):
      "\(shown(file)): tensor \(Printable.quote(tensor)) is \(found.rawValue),"
        + " and \(wanted) is needed"
    case .wrongCount(let file, let tensor, let expected, let found):
      "\(shown(file)): tensor \(Printable.quote(tensor)) has \(found) elements,"
        + " and \(expected) are needed"
    case .notFinite(let file, let tensor, let index):
      "\(shown(file)): tensor \(Printable.quote(tensor)) has a value that is not"
        + " finite (element \(index))"
    }
  }

  private func shown(_ file: String) -> String { Printable.escape(file, limit: 1000) }
}

extension SafetensorsError.EntryProblem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .emptyName: "a tensor needs a name"
    case .controlCharacterInName: "the name has a control character"
    case .unknownType(let name): "unknown element type \(Printable.quote(name, limit: 20))"
    case .unknownField(let name): "unknown field \(Printable.quote(name, limit: 20))"
    case .missingField(let name): "\(name) is missing"
    case .tooManyDimensions: "more than \(SafetensorsHeader.maximumDimensions) dimensions"
    case .tooLarge: "the shape is too large"
    case .partialByte: "the elements do not fill whole bytes"
    case .reversedRange: "the data range ends before it begins"
    case .size(let expected, let found):
      "type and shape need \(expected) bytes, and the data range has \(found)"
    }
  }
}
