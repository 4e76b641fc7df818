/// Where a decoder has each of some texts that grow in step from one prompt. Texts with the same characters so far are one text there, which is
/// read once for all of them.
///
///     branches.begin()
///     for text in growing {
///       if let place = branches.read(token, by: text) { decoder.copy(place, to: text) }
///     }
///     decoder.append(eachOf: branches.tokens, to: branches.places)
///
/// Of the texts in one place the first stays there, and so do those that go on as it does. Another one moves to the place with its own number,
/// or to where an earlier one has just gone that goes on alike. So a place with a text's number is that text's for as long as the text grows: only
/// later texts come there, after it.
struct Branches {
  /// What the model reads in this step, each character once, and in which places of the decoder.
  private(set) var tokens: [Int32] = []
  private(set) var places: [Int] = []

  private var placeOf: [Int]
  /// What has been read in each place in this step.
  private var tokenAt: [Int32?]
  /// Those who moved in this step.
  private var moves: [(from: Int, token: Int32, to: Int)] = []
  private let root: Int

  /// - Parameters:
  ///   - texts: how many there are; all of them start at the end of the prompt.
  ///   - root: the place where the decoder has the prompt; at least `texts`. It stays as it is.
  init(texts: Int, root: Int) {
    precondition(root >= texts, "the prompt's place is a text's")
    placeOf = Array(repeating: root, count: texts)
    tokenAt = Array(repeating: nil, count: root + 1)
    self.root = root
  }

  /// The place of a text in the decoder, whose logits there tell what follows.
  func place(of text: Int) -> Int { placeOf[text] }

  /// A new step, in which each text may read a character.
  mutating func begin() {
    for place in places { tokenAt[place] = nil }
    tokens.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    moves.removeAll(keepingCapacity: true)
  }

  /// Lets a text read its next character.
  ///
  /// - Parameter text: in each step in the same order, each at most once; one that is left out in a step has ended.
  /// - Returns: the place from where all that the text has behind it must be copied to the place with its number; nil if there is nothing to copy.
  mutating func read(_ token: Int32, by text: Int) -> Int? {
    let place = placeOf[text]
    if place != root {
      guard let first = tokenAt[place] else {
        add(token, at: place)
        return nil
      }
      if first == token { return nil }
    }
    if let move = moves.first(where: { $0.from == place && $0.token == token }) {
      placeOf[text] = move.to
      return nil
    }
    moves.append((place, token, text))
    placeOf[text] = text
    add(token, at: text)
    return place
  }

  /// What becomes of some of the texts that grow on in another decoder, numbered from 0 on there. They begin between two steps.
  ///
  /// - Returns: what must be copied from a place of this decoder to one of the other.
  func part(_ texts: some Collection<Int>) -> (
    branches: Branches, copies: [(from: Int, to: Int)]
  ) {
    var part = Branches(texts: texts.count, root: root)
    var copies: [(from: Int, to: Int)] = []
    for (number, text) in texts.enumerated() where placeOf[text] != root {
      let from = placeOf[text]
      if let copy = copies.first(where: { $0.from == from }) {
        part.placeOf[number] = copy.to
      } else {
        part.placeOf[number] = number
        copies.append((from, number))
      }
    }
    return (part, copies)
  }

  private mutating func add(_ token: Int32, at place: Int) {
    tokenAt[place] = token
    tokens.append(token)
    places.append(place)
  }
}
