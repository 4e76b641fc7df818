/// A string that is equal to another only when both have the same code points.
///
/// `String` compares by canonical equivalence: an e with a combining accent equals its precomposed
/// form. In a file these are two keys, two tensors, two tokens.
struct ExactString: Hashable, Sendable {
  let string: String

  init(_ string: String) { self.string = string }

  static func == (left: ExactString, right: ExactString) -> Bool {
    left.string.utf8.elementsEqual(right.string.utf8)
  }

  func hash(into hasher: inout Hasher) {
    var string = string
    string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
