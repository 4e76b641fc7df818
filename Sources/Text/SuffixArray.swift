/// The suffixes of a text in rising order: every question about which stretches occur in it, and
/// where, becomes a binary search.
///
/// A text is a sequence of tokens; a suffix that is the beginning of another comes first.
///
/// **Construction** is induced sorting: suffixes that are smaller than their successor but have a
/// larger one before them (here: `valleys`) are sorted first, by the same method on a text of at
/// most half the length, and the order of all others follows in two sweeps. Linear time; 10 million
/// characters take a few seconds. Memory: 8 bytes a character for the text and the result, and
/// at most 9 more while sorting. Source: Nong, Zhang and Chan, "Two Efficient Algorithms for Linear
/// Time Suffix Array Construction" (2011).
package struct SuffixArray: Sendable {
  /// The text.
  package let text: [Int32]
  /// Where the suffixes start, the smallest suffix first; as many as there are tokens.
  package let starts: [Int32]

  /// - Parameter text: tokens of at least 0; a token's value costs 4 bytes for each smaller one.
  /// - Returns: nil for a negative token or more than 2^31 - 2 of them.
  package init?(_ text: [Int32]) {
    guard text.count < Int(Int32.max), text.allSatisfy({ $0 >= 0 && $0 < Int32.max }) else {
      return nil
    }
    self.text = text
    starts = Self.sortedSuffixes(text, symbols: Int(text.max() ?? 0) + 1)
  }

  // MARK: Longest match

  /// A stretch that a pattern and the text share.
  package struct Match: Sendable, Equatable {
    /// Tokens.
    package let length: Int
    /// Where it starts in the pattern and in the text.
    package let patternStart, textStart: Int
  }

  /// The longest stretch of `pattern` that occurs in the text, the first of several; nil if they
  /// have no token in common.
  ///
  /// A binary search for each start that could still give a longer match than the best so far:
  /// for m tokens of pattern and n of text about m log n steps. Only a pattern that shares very
  /// long stretches with the text at most of its starts takes longer, at worst by their length.
  package func longestMatch(of pattern: [Int32]) -> Match? {
    var best = Match(length: 0, patternStart: 0, textStart: 0)
    var start = 0
    while start + best.length < pattern.count {
      // Whatever is longer and starts in start...middle goes on past the end of this stretch.
      let end = start + best.length + 1
      let middle = start + best.length / 2
      if middle > start, match(at: middle, of: pattern).length < end - middle {
        start = middle + 1
        continue
      }
      let match = match(at: start, of: pattern)
      if match.length > best.length {
        best = Match(length: match.length, patternStart: start, textStart: match.place)
      }
      start += 1
    }
    return best.length > 0 ? best : nil
  }

  /// The longest beginning of pattern[start...] that occurs in the text, and where.
  private func match(at start: Int, of pattern: [Int32]) -> (length: Int, place: Int) {
    // The pattern lies between the suffixes `low` and `high`, and shares this much with them.
    var (low, high) = (-1, starts.count)
    var (sharedWithLow, sharedWithHigh) = (0, 0)
    while high - low > 1 {
      let middle = (low + high) / 2
      let suffix = Int(starts[middle])
      // What both neighbours share, everything between them shares too.
      var shared = min(sharedWithLow, sharedWithHigh)
      while start + shared < pattern.count, suffix + shared < text.count,
        pattern[start + shared] == text[suffix + shared]
      {
        shared += 1
      }
      if start + shared == pattern.count { return (shared, suffix) }
      if suffix + shared == text.count || text[suffix + shared] < pattern[start + shared] {
        (low, sharedWithLow) = (middle, shared)
      } else {
        (high, sharedWithHigh) = (middle, shared)
      }
    }
    if sharedWithLow > sharedWithHigh { return (sharedWithLow, Int(starts[low])) }
    return sharedWithHigh > 0 ? (sharedWithHigh, Int(starts[high])) : (0, 0)
  }

  // MARK: Repetition

  /// How many tokens each suffix shares with the one before it in the order; 0 for the first.
  ///
  /// Linear time, 8 bytes a token. Source: Kasai et al., "Linear-Time Longest-Common-Prefix
  /// Computation in Suffix Arrays" (2001).
  package var sharedPrefixes: [Int32] {
    var rank = [Int32](repeating: 0, count: starts.count)
    for (position, start) in starts.enumerated() { rank[Int(start)] = Int32(position) }
    var shared = rank
    var length = 0
    for start in text.indices {
      let position = Int(rank[start])
      guard position > 0 else {
        shared[position] = 0
        length = 0
        continue
      }
      let other = Int(starts[position - 1])
      while start + length < text.count, other + length < text.count,
        text[start + length] == text[other + length]
      {
        length += 1
      }
      shared[position] = Int32(length)
      // The next suffix is this one without its first token.
      length = max(length - 1, 0)
    }
    return shared
  }

  /// How many tokens of the text belong to a stretch of `length` tokens that has occurred before in
  /// it (and may overlap with where it has).
  package func repeatedTokens(inStretchesOf length: Int) -> Int {
    guard length > 0, length < text.count else { return 0 }
    let shared = sharedPrefixes
    // Where stretches begin that are not the first of their kind.
    var isRepeat = [Bool](repeating: false, count: text.count)
    var first = 0
    for position in starts.indices {
      let start = Int(starts[position])
      if Int(shared[position]) < length {
        first = start
      } else {
        isRepeat[max(first, start)] = true
        first = min(first, start)
      }
    }
    var repeated = 0
    var end = 0
    for start in text.indices {
      if isRepeat[start] { end = start + length }
      if start < end { repeated += 1 }
    }
    return repeated
  }

  // MARK: - Construction

  /// The starts of the suffixes of a text of tokens in 0..<symbols, in rising order.
  private static func sortedSuffixes(_ text: [Int32], symbols: Int) -> [Int32] {
    guard text.count > 1 else { return text.isEmpty ? [] : [0] }
    let rises = rises(text)
    var valleys: [Int32] = []
    for i in 1..<text.count where rises[i] && !rises[i - 1] { valleys.append(Int32(i)) }
    let buckets = bucketStarts(text, symbols: symbols)

    if valleys.count > 1 {
      // Sorting from valleys in any order sorts what lies between a valley and the next one.
      var order = induced(text, rises, buckets, valleys: valleys)
      let (names, count) = names(text, rises, valleys, sorting: &order)
      // Not needed any more, and the largest there is.
      order = []
      if count < valleys.count {
        valleys = sortedSuffixes(names, symbols: count).map { valleys[Int($0)] }
      } else {
        var sorted = valleys
        for (valley, name) in zip(valleys, names) { sorted[Int(name)] = valley }
        valleys = sorted
      }
    }
    return induced(text, rises, buckets, valleys: valleys)
  }

  /// Whether each suffix is smaller than the one that starts after it. The empty one is smallest.
  private static func rises(_ text: [Int32]) -> [Bool] {
    var rises = [Bool](repeating: false, count: text.count)
    for i in stride(from: text.count - 2, through: 0, by: -1) {
      rises[i] = text[i] < text[i + 1] || text[i] == text[i + 1] && rises[i + 1]
    }
    return rises
  }

  /// Where the suffixes that begin with each token start in the order; last, how many there are.
  private static func bucketStarts(_ text: [Int32], symbols: Int) -> [Int32] {
    var starts = [Int32](repeating: 0, count: symbols + 1)
    for token in text { starts[Int(token) + 1] += 1 }
    for symbol in 0..<symbols { starts[symbol + 1] += starts[symbol] }
    return starts
  }

  /// The order of all suffixes, if `valleys` are in theirs.
  private static func induced(
    _ text: [Int32], _ rises: [Bool], _ buckets: [Int32], valleys: [Int32]
  ) -> [Int32] {
    var order = [Int32](repeating: -1, count: text.count)
    // Among suffixes with the same first token, those that rise are the larger ones.
    var ends = Array(buckets.dropFirst())
    for valley in valleys.reversed() {
      let token = Int(text[Int(valley)])
      ends[token] -= 1
      order[Int(ends[token])] = valley
    }
    // A falling suffix is found from its successor, which is smaller; the last one falls to nothing.
    var next = buckets
    let last = Int32(text.count - 1)
    let lastToken = Int(text[Int(last)])
    order[Int(next[lastToken])] = last
    next[lastToken] += 1
    for position in 0..<order.count {
      let start = order[position]
      guard start > 0, !rises[Int(start) - 1] else { continue }
      let token = Int(text[Int(start) - 1])
      order[Int(next[token])] = start - 1
      next[token] += 1
    }
    // A rising one from its successor, which is larger.
    ends = Array(buckets.dropFirst())
    for position in stride(from: order.count - 1, through: 0, by: -1) {
      let start = order[position]
      guard start > 0, rises[Int(start) - 1] else { continue }
      let token = Int(text[Int(start) - 1])
      ends[token] -= 1
      order[Int(ends[token])] = start - 1
    }
    return order
  }

  /// For each valley, in the order of the text, the rank of what lies between it and the next one,
  /// both included; and how many ranks there are.
  ///
  /// - Parameter order: suffixes with those stretches in order; used up.
  private static func names(
    _ text: [Int32], _ rises: [Bool], _ valleys: [Int32], sorting order: inout [Int32]
  ) -> (names: [Int32], count: Int) {
    // The sorted valleys go to the front. Behind them, valley v has the place count + v / 2, which no
    // other has, since no two are neighbours.
    var count = 0
    for position in 0..<order.count {
      let start = order[position]
      guard start > 0, rises[Int(start)], !rises[Int(start) - 1] else { continue }
      order[count] = start
      count += 1
    }
    for (index, valley) in valleys.enumerated() { order[count + Int(valley) / 2] = Int32(index) }

    func end(_ index: Int) -> Int { index + 1 < count ? Int(valleys[index + 1]) : text.count }
    var names = [Int32](repeating: 0, count: count)
    var name: Int32 = -1
    var before = -1
    for position in 0..<count {
      let index = Int(order[count + Int(order[position]) / 2])
      if before < 0 || !isSame(text, valleys, index, end(index), before, end(before)) { name += 1 }
      names[index] = name
      before = index
    }
    return (names, Int(name) + 1)
  }

  /// Whether two stretches, each from its valley to its end (included), are the same. The one that
  /// reaches the end of the text is like no other.
  private static func isSame(
    _ text: [Int32], _ valleys: [Int32], _ a: Int, _ aEnd: Int, _ b: Int, _ bEnd: Int
  ) -> Bool {
    let (aStart, bStart) = (Int(valleys[a]), Int(valleys[b]))
    guard aEnd < text.count, bEnd < text.count, aEnd - aStart == bEnd - bStart else { return false }
    for offset in 0...(aEnd - aStart) where text[aStart + offset] != text[bStart + offset] {
      return false
    }
    return true
  }
}
