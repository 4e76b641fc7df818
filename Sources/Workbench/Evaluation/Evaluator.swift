import Transformer

/// How well a model predicts a text, one character at a time.
public struct Evaluation: Sendable, Equatable {
  /// How many characters were predicted: all but the first.
  public let characters: Int
  /// The mean of -ln p(character), in nats.
  public let loss: Double
  /// The share of characters that the model held most likely.
  public let accuracy: Double

  /// The loss in bits.
  public var bitsPerCharacter: Double { loss / 0.693_147_180_559_945_3 }
  /// exp(loss): among how many equally likely characters the model is as unsure.
  public var perplexity: Double { Double.exponential(loss) }
}

/// Measures the loss of a model over a whole text, in windows of its context.
///
/// Without a stride, windows do not overlap: each character is predicted once, from what precedes it in its window. The last window
/// may be shorter. With a stride s, windows start every s characters and each predicts only what the one before has not.
///
/// Windows run in groups of a fixed size, so the result does not depend on the number of threads.
public final class Evaluator {
  private let context: Int
  private let threads: Int
  private let configuration: Configuration
  private let workspaces: [Activations<Float>]
  /// Windows in a group.
  private let group: Int

  /// - Parameter context: characters in a window; the model's context unless smaller.
  public init(_ configuration: Configuration, context: Int? = nil, threads: Int) {
    let context = min(context ?? configuration.context, configuration.context)
    self.context = context
    self.configuration = configuration
    self.threads = max(1, threads)
    let group = max(1, 1024 / context)
    self.group = group
    workspaces = (0..<max(1, threads)).map { _ in
      Activations(configuration, sequences: group, context: context, forBackward: false)
    }
  }

  /// The loss of `tokens`.
  /// - Parameters:
  ///   - tokens: at least 2, each in 0..<vocabulary size.
  ///   - stride: 1...context; nil for windows that do not overlap.
  /// - Returns: means over tokens.count - 1 characters, the first having nothing before it.
  public func evaluate(_ model: Model<Float>, tokens: [Int32], stride: Int? = nil) -> Evaluation {
    precondition(tokens.count > 1, "nothing to predict")
    let stride = min(max(stride ?? context, 1), context)
    let predictions = tokens.count - 1
    let full = predictions < context ? 0 : (predictions - context) / stride + 1
    let groups = (full + group - 1) / group
    // What each group found: summed loss, and how many were right.
    let sums = Matrix<Double>(rows: groups, columns: 2)
    nonisolated(unsafe) let this = self
    forEachInParallel(min(threads, groups), threads: threads) { worker in
      let workspace = this.workspaces[worker]
      var index = worker
      while index < groups {
        let windows = index * this.group..<min((index + 1) * this.group, full)
        let found = this.sums(model, workspace, tokens, windows: windows, stride: stride)
        sums[index][0] = found.loss
        sums[index][1] = Double(found.right)
        index += this.workspaces.count
      }
    }
    var total = Sums()
    total.loss = sums.sum(column: 0)
    total.right = Int(sums.sum(column: 1))

    // What the full windows have not reached.
    let reached = full == 0 ? 0 : (full - 1) * stride + context
    if reached < predictions {
      let start = full == 0 ? 0 : full * stride
      let rest = Activations<Float>(
        configuration, sequences: 1, context: predictions - start, forBackward: false)
      for t in 0..<rest.context {
        rest.tokens[t] = tokens[start + t]
        rest.targets[t] = tokens[start + t + 1]
      }
      model.forward(rest)
      total = total + Sums(rest, sequence: 0, from: reached - start)
    }
    let count = Double(predictions)
    return Evaluation(
      characters: predictions, loss: total.loss / count, accuracy: Double(total.right) / count)
  }

  /// The sums over some full windows.
  private func sums(
    _ model: Model<Float>, _ a: Activations<Float>, _ tokens: [Int32], windows: Range<Int>,
    stride: Int
  ) -> Sums {
    for (slot, window) in windows.enumerated() {
      let start = window * stride
      for t in 0..<context {
        a.tokens[slot * context + t] = tokens[start + t]
        a.targets[slot * context + t] = tokens[start + t + 1]
      }
    }
    model.forward(a)
    return windows.enumerated().reduce(Sums()) { total, next in
      total + Sums(a, sequence: next.offset, from: next.element == 0 ? 0 : context - stride)
    }
  }

  private struct Sums: Sendable {
    var loss = 0.0
    var right = 0

    init() {}

    /// The sums over positions `first`... of one sequence, whose logits are used up.
    init(_ a: Activations<Float>, sequence: Int, from first: Int) {
      for row in sequence * a.context + first..<(sequence + 1) * a.context {
        let (logits, target) = (a.logits[row], Int(a.targets[row]))
        let ofTarget = logits[target]
        var isLargest = true
        for i in 0..<logits.count where logits[i] > ofTarget { isLargest = false }
        loss += Double(Softmax.logSumExp(replacingBySoftmax: logits) - ofTarget)
        right += isLargest ? 1 : 0
      }
    }

    static func + (a: Sums, b: Sums) -> Sums {
      var sum = a
      sum.loss += b.loss
      sum.right += b.right
      return sum
    }
  }
}
