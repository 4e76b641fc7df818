import Transformer

/// The logits before each character of a text, as often as something wants to add up over them.
///
/// They are computed once and kept if they take little memory, and computed anew on each pass
/// otherwise: 41,000 characters of a vocabulary of 2,500 are 400 MB.
final class LogitPasses {
  /// The model reads `inputs`, tokens of the text, and predicts the characters at `predicted`, which
  /// lie one behind inputs.
  struct Window: Sendable {
    let inputs: Range<Int>
    let predicted: Range<Int>
  }

  private let model: LanguageModel
  private let tokens: [Int32]
  private let threads: Int
  private let chunks: [[Window]]
  private let keepsLogits: Bool
  /// The logits of each chunk, row after row; none before the first pass.
  private var kept: [[Float]] = []

  /// How many characters are predicted.
  let count: Int

  /// - Parameter mostBytes: logits that take more are not kept.
  init(
    _ model: LanguageModel, tokens: [Int32], windows: [Window], threads: Int,
    mostBytes: Int = 256 << 20
  ) {
    self.model = model
    self.tokens = tokens
    self.threads = threads
    chunks = stride(from: 0, to: windows.count, by: 8).map {
      Array(windows[$0..<min($0 + 8, windows.count)])
    }
    count = windows.reduce(0) { $0 + $1.predicted.count }
    keepsLogits = count <= mostBytes / 4 / model.vocabulary.count
  }

  /// The windows of `Evaluator`: one behind the other, without overlap, all of `context` but the
  /// last.
  static func apart(tokens: Int, context: Int) -> [Window] {
    stride(from: 0, to: tokens - 1, by: context).map { start in
      let end = min(start + context, tokens - 1)
      return Window(inputs: start..<end, predicted: start + 1..<end + 1)
    }
  }

  /// Adds something up over all characters: a sum for each chunk, in order, whatever the number of
  /// threads.
  /// - Parameter add: is given the logits, their largest, and the character that came.
  /// - Throws: `SamplingError.noDistribution` for logits that are none.
  func sums<Sum: Sendable>(
    from zero: Sum,
    _ add:
      @Sendable (
        _ sum: inout Sum, _ logits: UnsafeBufferPointer<Float>, _ maximum: Float, _ target: Int
      ) -> Void
  ) throws -> [Sum] {
    let (model, tokens, chunks, kept) = (model, tokens, chunks, kept)
    let keepsLogits = keepsLogits
    let parts = try mapInParallel(chunks.count, threads: threads) {
      chunk -> Result<(sum: Sum, logits: [Float]), any Error> in
      Result {
        var sum = zero
        var logits: [Float] = []
        var position = 0
        func take(_ row: UnsafeBufferPointer<Float>, _ place: Int) throws {
          var maximum = -Float.infinity
          var isSound = true
          for z in row {
            maximum = max(maximum, z)
            isSound = isSound && z < .infinity
          }
          guard isSound, maximum > -.infinity else {
            throw SamplingError.noDistribution(index: place)
          }
          add(&sum, row, maximum, Int(tokens[place]))
        }
        for window in chunks[chunk] {
          if !kept.isEmpty {
            try kept[chunk].withUnsafeBufferPointer { all in
              for place in window.predicted {
                let start = position * model.vocabulary.count
                let row = UnsafeBufferPointer(rebasing: all[start..<start + model.vocabulary.count])
                try take(row, place)
                position += 1
              }
            }
            continue
          }
          let activations = Activations<Float>(
            model.configuration, sequences: 1, context: window.inputs.count, forBackward: false)
          for (slot, place) in window.inputs.enumerated() {
            activations.tokens[slot] = tokens[place]
          }
          model.model.forward(activations)
          for place in window.predicted {
            let row = UnsafeBufferPointer(
              activations.logits[place - 1 - window.inputs.lowerBound].buffer)
            try take(row, place)
            if keepsLogits { logits += row }
          }
          withExtendedLifetime(activations) {}
        }
        return (sum, logits)
      }
    }.map { try $0.get() }
    if keepsLogits, kept.isEmpty { self.kept = parts.map(\.logits) }
    return parts.map(\.sum)
  }
}
