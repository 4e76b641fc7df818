import Transformer

/// Texts from one prompt that grow in step, on one thread: each pass through the model adds a character to every one of them, so that the weights
/// are read from memory once for all. What several of them have in common after the prompt is read once, too; see `Branches`.
///
///     texts.begin(some)
///     while texts.areGrowing { texts.step() }
///     let done = texts.takeAll()
struct TextsInStep {
  /// A text, and its number among all that are generated.
  struct Numbered {
    let number: Int
    var text: GrowingText
    /// Its number in `branches`, while it grows.
    fileprivate var branch = 0

    init(number: Int, text: GrowingText) {
      self.number = number
      self.text = text
    }
  }

  private var growing: [Numbered] = []
  private var ended: [Numbered] = []
  private var branches: Branches
  private let decoder: Decoder<Float>
  /// The decoder's place where the prompt stays, after those for texts.
  private let root: Int
  private var sampler: Sampler

  /// - Parameters:
  ///   - packed: the model's weights once more.
  ///   - most: how many texts grow at once, at most.
  ///   - reader: its text 0 is the prompt.
  init(
    _ model: Model<Float>, packed: PackedWeights<Float>, most: Int, after reader: Decoder<Float>
  ) {
    root = most
    decoder = Decoder(model, packed: packed, texts: most + 1)
    decoder.copy(0, of: reader, to: root)
    branches = Branches(texts: 0, root: root)
    sampler = Sampler(vocabularySize: model.configuration.vocabularySize)
  }

  var areGrowing: Bool { !growing.isEmpty }

  /// Whether so much is left to do that it takes two threads less time, although keys and values must be copied for the other one: as long as some
  /// characters take, and longer the more have been read.
  var areWorthHalving: Bool {
    growing.count > 1
      && growing[0].text.left >= max(4, decoder.model.configuration.context / 16)
  }

  /// Goes on with other texts, which stand at the prompt's end and have their first character.
  mutating func begin(_ texts: [Numbered]) {
    goOn(with: texts, Branches(texts: texts.count, root: root))
    setEndedApart()
  }

  /// Adds a character to each text.
  mutating func step() {
    branches.begin()
    for i in growing.indices {
      guard let token = growing[i].text.takeUnread() else { continue }
      let branch = growing[i].branch
      if let place = branches.read(token, by: branch) { decoder.copy(place, to: branch) }
    }
    decoder.append(eachOf: branches.tokens, to: branches.places)
    for i in growing.indices {
      let logits = decoder.logits[branches.place(of: growing[i].branch)]
      growing[i].text.draw(logits, by: &sampler)
    }
    setEndedApart()
  }

  /// Hands over the latter half of the texts that grow, which are none of the other's business so far.
  mutating func giveHalf(to other: inout TextsInStep) {
    let given = Array(growing.suffix(growing.count / 2))
    let (branches, copies) = branches.part(given.map(\.branch))
    for copy in copies { other.decoder.copy(copy.from, of: decoder, to: copy.to) }
    other.goOn(with: given, branches)
    growing.removeLast(given.count)
  }

  /// All texts, as far as they are. There are none afterwards.
  mutating func takeAll() -> [Numbered] {
    defer { (ended, growing) = ([], []) }
    return ended + growing
  }

  private mutating func goOn(with texts: [Numbered], _ branches: Branches) {
    precondition(!areGrowing, "other texts still grow")
    growing = texts
    for i in growing.indices { growing[i].branch = i }
    self.branches = branches
  }

  private mutating func setEndedApart() {
    guard growing.contains(where: { $0.text.ending != nil }) else { return }
    ended += growing.filter { $0.text.ending != nil }
    growing.removeAll { $0.text.ending != nil }
  }
}
