import Transformer

/// Which characters each step trains on: a function of the seed and the step, so there is no position to lose.
///
/// The text is cut into windows of `context` characters, from a start that is drawn anew each epoch. An epoch takes every window once, in
/// an order of its own. Sequence j of all that are ever trained on is window j mod n of epoch j / n.
package struct Batches {
  private let tokens: [Int32]
  private let context: Int
  private let batch: Int
  private let generator: CounterGenerator
  /// Windows in an epoch, n.
  package let windows: Int
  /// Starts that an epoch may be given: 0..<starts.
  private let starts: Int

  private var epoch = -1
  private var order: [Int32] = []
  private var start = 0

  /// - Precondition: the text has more than `context` characters.
  package init(_ tokens: [Int32], context: Int, batch: Int, seed: UInt64) {
    precondition(tokens.count > context, "the text must be longer than the context")
    self.tokens = tokens
    self.context = context
    self.batch = batch
    generator = CounterGenerator(seed: seed, stream: .order)
    // One window less than fits leaves room to shift the others.
    let fitting = (tokens.count - 1) / context
    windows = max(1, fitting - 1)
    starts = min(context, tokens.count - windows * context)
  }

  /// Epochs that `steps` steps make.
  func epochs(after steps: Int) -> Double {
    Double(steps) * Double(batch) / Double(windows)
  }

  /// Writes one sequence of a step's batch.
  /// - Parameters:
  ///   - step: 0 for the first.
  ///   - sequence: in 0..<batch.
  ///   - tokens, targets: receive its characters, and what follows each.
  ///   - slot: the sequence of these that receives it.
  package mutating func write(
    step: Int, sequence: Int, tokens ownTokens: inout [Int32], targets ownTargets: inout [Int32],
    slot: Int
  ) {
    let (epoch, index) = (step * batch + sequence).quotientAndRemainder(dividingBy: windows)
    if epoch != self.epoch { shuffle(epoch) }
    let first = start + Int(order[index]) * context
    for t in 0..<context {
      ownTokens[slot * context + t] = tokens[first + t]
      ownTargets[slot * context + t] = tokens[first + t + 1]
    }
  }

  /// Draws the start and the order of an epoch (Fisher-Yates).
  private mutating func shuffle(_ epoch: Int) {
    self.epoch = epoch
    if order.count != windows { order = (0..<Int32(windows)).map { $0 } }
    for i in order.indices { order[i] = Int32(i) }
    let base = UInt64(epoch) << 32
    start = Int(generator.below(UInt32(starts), at: base))
    for i in stride(from: windows - 1, to: 0, by: -1) {
      let j = Int(generator.below(UInt32(i + 1), at: base + UInt64(i)))
      order.swapAt(i, j)
    }
  }
}
