/// The logits of a row from the largest down, equal ones by token; for filters, which need only the
/// first few.
///
/// A binary heap over keys that compare as (logit, then lower token): filling it takes time in
/// proportion to the vocabulary, each `next` the logarithm of that, and no call takes memory.
struct LargestFirst {
  private var keys: [UInt64] = []

  init(capacity: Int) { keys.reserveCapacity(capacity) }

  mutating func removeAll() { keys.removeAll(keepingCapacity: true) }

  /// Adds a logit; call `order` when all are there.
  mutating func add(_ logit: Float, token: Int) {
    // Negative floats order by their bits backwards. Adding zero makes -0 equal to 0.
    let bits = (logit + 0).bitPattern
    let rising = bits >> 31 == 0 ? bits | 1 << 31 : ~bits
    keys.append(UInt64(rising) << 32 | UInt64(~UInt32(truncatingIfNeeded: token)))
  }

  /// Makes the keys a heap: none is larger than its parent's.
  mutating func order() {
    for parent in (0..<keys.count / 2).reversed() { sink(parent) }
  }

  /// Takes out the token of the largest logit.
  mutating func next() -> Int? {
    guard let largest = keys.first, let last = keys.popLast() else { return nil }
    if !keys.isEmpty {
      keys[0] = last
      sink(0)
    }
    return Int(~UInt32(truncatingIfNeeded: largest))
  }

  private mutating func sink(_ start: Int) {
    let key = keys[start]
    var parent = start
    while true {
      var child = 2 * parent + 1
      guard child < keys.count else { break }
      if child + 1 < keys.count, keys[child + 1] > keys[child] { child += 1 }
      guard keys[child] > key else { break }
      keys[parent] = keys[child]
      parent = child
    }
    keys[parent] = key
  }
}
