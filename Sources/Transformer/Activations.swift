/// What a forward pass over some sequences computes on the way and backward needs again, with room for the gradients.
///
/// Allocated once for a number of sequences and a context, then used for every step: no memory is taken inside one. Rows are
/// characters: row s · context + t is position t of sequence s.
public final class Activations<Scalar: Real>: @unchecked Sendable {
  /// Sequences, and characters in each.
  public let sequences, context: Int
  /// Whether `attention(layer:)` has something to give.
  let keepsAttention: Bool
  /// The characters, and what follows each: the right answers. One for each row.
  public var tokens, targets: [Int32]

  /// The residual stream before each layer and after the last: layers + 1 of (rows, width).
  let residuals: [Matrix<Scalar>]
  let layers: [Layer]
  /// What the gate of the layer at work lets through, (rows, feed-forward), or in backward its gradient and then, from `gateUp`, itself again.
  let hidden: Matrix<Scalar>
  /// After the last normalization, (rows, width), with the inverse root mean squares.
  let final: Matrix<Scalar>
  let finalInverse: Matrix<Scalar>
  /// (rows, vocabulary size); replaced by their gradient once the loss is known.
  public let logits: Matrix<Scalar>

  struct Layer {
    /// The normalized input of attention, (rows, width), and of the feed-forward.
    let attentionInput, feedForwardInput: Matrix<Scalar>
    /// 1 / root mean square of each row: (1, rows).
    let attentionInverse, queryInverse, keyInverse, feedForwardInverse: Matrix<Scalar>
    /// As projected, (rows, 3 head width).
    let queryKeyValue: Matrix<Scalar>
    /// Normalized and rotated, (rows, head width).
    let query, key: Matrix<Scalar>
    /// The attention of each row to the positions of its sequence, (rows, context); or room for that of a block of them.
    let probabilities: Matrix<Scalar>
    /// What attention found, (rows, head width).
    let attended: Matrix<Scalar>
    /// The residual stream between attention and feed-forward, (rows, width).
    let middle: Matrix<Scalar>
    /// (rows, 2 feed-forward).
    let gateUp: Matrix<Scalar>
  }

  /// Gradients of what one layer at a time works on.
  struct Gradients {
    let residual, branch, normalized: Matrix<Scalar>
    let queryKeyValue, query, key, attended: Matrix<Scalar>
    let scores: Matrix<Scalar>
  }
  let gradients: Gradients

  /// The attention of each row to the positions of its sequence, (rows, context), as `forward` left it; position t has numbers for
  /// 0...t only.
  /// - Precondition: made `forBackward`; otherwise no attention is kept.
  package func attention(layer: Int) -> Matrix<Scalar> {
    precondition(keepsAttention, "attention is not kept")
    return layers[layer].probabilities
  }

  /// - Parameter forBackward: whether a backward pass will follow. Without one, layers share their memory, and it does not grow with the
  ///   square of the context.
  public init(
    _ configuration: Configuration, sequences: Int, context: Int, forBackward: Bool = true
  ) {
    precondition(
      sequences > 0 && context > 0 && context <= configuration.context,
      "the sequences must be within the context")
    self.sequences = sequences
    self.context = context
    keepsAttention = forBackward
    let rows = sequences * context
    let (width, head) = (configuration.width, configuration.headWidth)
    let inner = configuration.feedForward
    tokens = Array(repeating: 0, count: rows)
    targets = Array(repeating: 0, count: rows)
    (residuals, layers, hidden, final, finalInverse, logits, gradients) = Shelf<Scalar>.fill {
      shelf in
      func matrix(_ columns: Int, rows: Int) -> Matrix<Scalar> {
        shelf.matrix(rows: rows, columns: columns)
      }
      func matrix(_ columns: Int) -> Matrix<Scalar> { matrix(columns, rows: rows) }
      func inverse() -> Matrix<Scalar> { matrix(rows, rows: 1) }
      let attended = forBackward ? rows : min(Attention.block, context)
      func layer() -> Layer {
        Layer(
          attentionInput: matrix(width), feedForwardInput: matrix(width),
          attentionInverse: inverse(), queryInverse: inverse(), keyInverse: inverse(),
          feedForwardInverse: inverse(),
          queryKeyValue: matrix(3 * head), query: matrix(head), key: matrix(head),
          probabilities: matrix(context, rows: attended), attended: matrix(head),
          middle: matrix(width),
          gateUp: matrix(2 * inner))
      }
      func someGradients(rows needed: Int) -> Gradients {
        Gradients(
          residual: matrix(width, rows: needed), branch: matrix(width),
          normalized: matrix(width, rows: needed),
          queryKeyValue: matrix(3 * head, rows: needed), query: matrix(head, rows: needed),
          key: matrix(head, rows: needed), attended: matrix(head, rows: needed),
          scores: matrix(context, rows: min(Attention.block, context, needed)))
      }

      let (residuals, layers): ([Matrix<Scalar>], [Layer])
      if forBackward {
        residuals = (0...configuration.layers).map { _ in matrix(width) }
        layers = (0..<configuration.layers).map { _ in layer() }
      } else {
        let two = [matrix(width), matrix(width)]
        residuals = (0...configuration.layers).map { two[$0 % 2] }
        layers = Array(repeating: layer(), count: configuration.layers)
      }
      return (
        residuals, layers, matrix(inner), matrix(width), inverse(),
        matrix(configuration.vocabularySize),
        someGradients(rows: forBackward ? rows : 0)
      )
    }
  }
}
