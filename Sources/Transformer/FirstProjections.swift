/// The queries, keys and values of the first layer, before they are turned to their places in the window: what they are depends on nothing but
/// the character. So those of a character that was read before need not be computed again: a sixteenth of a model's products, with four
/// layers.
final class FirstProjections<Scalar: Real> {
  /// (vocabulary size, 3 · head width): a row for each character.
  let rows: Matrix<Scalar>
  /// Whether a character's row is there.
  private var isKnown: [Bool]

  /// A larger vocabulary's rows would take more memory than they save time: few of its characters return soon.
  private static var mostCharacters: Int { 4096 }

  /// None yet. Nil for a vocabulary that is too large.
  init?(_ c: Configuration) {
    guard c.vocabularySize <= Self.mostCharacters else { return nil }
    rows = Matrix(rows: c.vocabularySize, columns: 3 * c.headWidth)
    isKnown = Array(repeating: false, count: c.vocabularySize)
  }

  /// Where in a list there are characters whose rows are not there, each once. From now on they count as known: `keep` is to follow.
  func missing(_ characters: [Int]) -> [Int] {
    var missing: [Int] = []
    for (index, character) in characters.enumerated() where !isKnown[character] {
      isKnown[character] = true
      missing.append(index)
    }
    return missing
  }

  /// Keeps the rows of those characters of a list, (missing, 3 · head width).
  func keep(_ missing: [Int], of characters: [Int], _ qkv: Matrix<Scalar>) {
    for (row, index) in missing.enumerated() { rows[characters[index]].copy(qkv[row]) }
  }

  /// Copies the rows of characters, none of them missing, to qkv, (characters, 3 · head width).
  func recall(_ characters: [Int], into qkv: Matrix<Scalar>) {
    for (row, character) in characters.enumerated() { qkv[row].copy(rows[character]) }
  }
}
