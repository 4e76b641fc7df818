/// Finds what may have been meant by a mistyped word.
package enum Suggestion {
  /// The candidate nearest to a word, unless all are far: at most a third of the word's letters may be wrong, and one in a
  /// word of two or three. An unfinished word finds the candidate it begins, if there is only one.
  package static func nearest(to word: String, among candidates: [String]) -> String? {
    let word = word.lowercased()
    guard !word.isEmpty, word.utf8.count <= 64 else { return nil }
    let begun = candidates.filter { $0.lowercased().hasPrefix(word) }
    if begun.count == 1 { return begun.first }
    let allowed = word.count < 4 ? 1 : word.count / 3
    var best: (candidate: String, distance: Int)?
    // A difference in length has to be made up by as many insertions or deletions.
    for candidate in candidates where abs(candidate.count - word.count) <= allowed {
      let distance = distance(word, candidate.lowercased())
      if distance <= allowed, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.candidate
  }

  /// How many insertions, deletions, replacements and exchanges of neighbours turn one word into another (the optimal
  /// string alignment distance).
  package static func distance(_ first: String, _ second: String) -> Int {
    let (a, b) = (Array(first), Array(second))
    guard !a.isEmpty else { return b.count }
    // Rows i - 2, i - 1 and i of the table of distances between beginnings.
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in 1...a.count {
      var row = [i] + Array(repeating: 0, count: b.count)
      for j in stride(from: 1, through: b.count, by: 1) {
        let replacement = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
        row[j] = min(last[j] + 1, row[j - 1] + 1, replacement)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          row[j] = min(row[j], beforeLast[j - 2] + 1)
        }
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }
}
