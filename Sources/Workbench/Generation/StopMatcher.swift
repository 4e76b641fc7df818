/// Finds the end of any of some stop strings in a growing text, and how much of its end may still
/// become one.
///
/// Knuth, Morris and Pratt's method for each string: constant time for each new character on
/// average, whatever the strings.
struct StopMatcher {
  private struct Pattern {
    let tokens: [Int32]
    /// borders[n]: the longest proper prefix of the first n tokens that is also their end.
    let borders: [Int]
    var matched = 0

    init(_ tokens: [Int32]) {
      self.tokens = tokens
      var borders = [0, 0]
      for n in tokens.indices.dropFirst() {
        var length = borders[n]
        while length > 0, tokens[length] != tokens[n] { length = borders[length] }
        borders.append(tokens[length] == tokens[n] ? length + 1 : 0)
      }
      self.borders = borders
    }

    mutating func append(_ token: Int32) {
      if matched == tokens.count { matched = borders[matched] }
      while matched > 0, tokens[matched] != token { matched = borders[matched] }
      if tokens[matched] == token { matched += 1 }
    }
  }

  private var patterns: [Pattern]

  /// - Precondition: no pattern is empty.
  init(_ patterns: [[Int32]]) {
    precondition(patterns.allSatisfy { !$0.isEmpty }, "an empty stop string stops everywhere")
    self.patterns = patterns.map { Pattern($0) }
  }

  /// What the end of a text is.
  enum State: Equatable {
    /// The last `count` characters are the start of a stop string.
    case open(count: Int)
    /// The last `count` characters are the longest stop string that ends here, and it is the one at
    /// `index`.
    case complete(count: Int, index: Int)
  }

  mutating func append(_ token: Int32) -> State {
    var open = 0
    var complete: (count: Int, index: Int)?
    for index in patterns.indices {
      patterns[index].append(token)
      let matched = patterns[index].matched
      if matched < patterns[index].tokens.count {
        open = max(open, matched)
      } else if matched > complete?.count ?? 0 {
        complete = (matched, index)
      }
    }
    if let complete { return .complete(count: complete.count, index: complete.index) }
    return .open(count: open)
  }

  /// Forgets the text.
  mutating func reset() {
    for index in patterns.indices { patterns[index].matched = 0 }
  }
}
