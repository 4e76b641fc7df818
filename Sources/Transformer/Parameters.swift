/// One tensor among the parameters.
public struct ParameterEntry: Sendable, Equatable {
  /// Its name in a Hugging Face Qwen3 model.
  public let name: String
  /// Its dimensions: (rows, columns) of a matrix, (count) of a vector.
  public let shape: [Int]
  /// Where its first element is among all parameters.
  public let offset: Int
  /// What it does in the model, which decides its first value and its optimizer.
  public let role: Role

  /// How many elements it has.
  public var count: Int { shape.reduce(1, *) }
  /// Where its elements are among all parameters.
  public var range: Range<Int> { offset..<offset + count }
  /// Whether weight decay pulls it to zero: matrices yes, the gains of normalizations no.
  public var decays: Bool { shape.count > 1 }

  /// What a tensor does in the model.
  public enum Role: Sendable, Equatable {
    /// The table of characters, or the output projection.
    case embedding, head
    /// A matrix that reads the residual stream.
    case input
    /// A matrix that writes to the residual stream; zero at first, so that a new layer changes nothing.
    case output
    /// The gain of a normalization.
    case gain
    /// The gain of queries or keys.
    case attentionGain
  }
}

/// All numbers of a model in one piece of memory: the weights, or one gradient or optimizer moment for each weight.
///
/// `entries` is the only list of what there is. Optimizers, clipping, files and gradient checks go through it.
public struct Parameters<Scalar: Real>: Sendable {
  /// The shape of the model.
  public let configuration: Configuration
  /// The tensors, in the order of memory.
  public let entries: [ParameterEntry]
  /// Every element of every tensor.
  public let storage: Storage<Scalar>

  /// E, (vocabulary size, width).
  public let embedding: Matrix<Scalar>
  /// The layers, first to last.
  public let layers: [Layer]
  /// The last normalization's gain, (1, width).
  public let finalNorm: Matrix<Scalar>
  /// The output projection, (vocabulary size, width); E itself when tied.
  public let head: Matrix<Scalar>

  /// The tensors of one layer. q, k and v lie behind one another, and so do gate and up, so that one product serves them.
  public struct Layer: Sendable {
    /// Gain before attention, (1, width).
    public let attentionNorm: Matrix<Scalar>
    /// Projections to query, key and value, (3 head width, width).
    public let queryKeyValue: Matrix<Scalar>
    /// Gains of query and key, (1, head width) each.
    public let queryNorm, keyNorm: Matrix<Scalar>
    /// Projection of what attention found, (width, head width).
    public let output: Matrix<Scalar>
    /// Gain before the feed-forward, (1, width).
    public let feedForwardNorm: Matrix<Scalar>
    /// Projections to gate and up, (2 feed-forward, width).
    public let gateUp: Matrix<Scalar>
    /// Projection back, (width, feed-forward).
    public let down: Matrix<Scalar>
  }

  /// Zeros of the given shape.
  public init(_ configuration: Configuration) {
    let storage = Storage<Scalar>(count: configuration.parameterCount)
    var entries: [ParameterEntry] = []
    var end = 0

    func add(_ name: String, _ shape: [Int], _ role: ParameterEntry.Role) -> Matrix<Scalar> {
      let entry = ParameterEntry(name: name, shape: shape, offset: end, role: role)
      entries.append(entry)
      end += entry.count
      return Matrix(
        storage, offset: entry.offset, rows: shape.count > 1 ? shape[0] : 1,
        columns: shape[shape.count - 1])
    }
    /// Matrices that lie behind one another, as one.
    func stack(_ parts: Matrix<Scalar>...) -> Matrix<Scalar> {
      let rows = parts.reduce(0) { $0 + $1.rows }
      return Matrix(
        storage, offset: end - rows * parts[0].columns, rows: rows, columns: parts[0].columns)
    }

    let (width, head) = (configuration.width, configuration.headWidth)
    let (vocabulary, inner) = (configuration.vocabularySize, configuration.feedForward)
    embedding = add("model.embed_tokens.weight", [vocabulary, width], .embedding)
    layers = (0..<configuration.layers).map { n in
      let layer = "model.layers.\(n)."
      return Layer(
        attentionNorm: add(layer + "input_layernorm.weight", [width], .gain),
        queryKeyValue: stack(
          add(layer + "self_attn.q_proj.weight", [head, width], .input),
          add(layer + "self_attn.k_proj.weight", [head, width], .input),
          add(layer + "self_attn.v_proj.weight", [head, width], .input)),
        queryNorm: add(layer + "self_attn.q_norm.weight", [head], .attentionGain),
        keyNorm: add(layer + "self_attn.k_norm.weight", [head], .attentionGain),
        output: add(layer + "self_attn.o_proj.weight", [width, head], .output),
        feedForwardNorm: add(layer + "post_attention_layernorm.weight", [width], .gain),
        gateUp: stack(
          add(layer + "mlp.gate_proj.weight", [inner, width], .input),
          add(layer + "mlp.up_proj.weight", [inner, width], .input)),
        down: add(layer + "mlp.down_proj.weight", [width, inner], .output))
    }
    finalNorm = add("model.norm.weight", [width], .gain)
    self.head =
      configuration.isTied ? embedding : add("lm_head.weight", [vocabulary, width], .head)
    precondition(end == storage.count, "the entries do not fill the storage")
    self.configuration = configuration
    self.entries = entries
    self.storage = storage
  }

  /// The elements of one tensor as a row.
  public func row(_ entry: ParameterEntry) -> Row<Scalar> { elements[entry.range] }

  /// One tensor as a matrix; a vector has one row.
  public func matrix(_ entry: ParameterEntry) -> Matrix<Scalar> {
    Matrix(
      storage, offset: entry.offset, rows: entry.shape.count > 1 ? entry.shape[0] : 1,
      columns: entry.shape[entry.shape.count - 1])
  }

  /// All elements as one row, to be used while the parameters are in scope.
  public var elements: Row<Scalar> { Row(base: storage.base, count: storage.count) }

  /// A copy with memory of its own.
  public func copy() -> Parameters {
    let copy = Parameters(configuration)
    copy.copy(self)
    return copy
  }

  /// The same numbers in another precision, with memory of their own.
  public func converted<Other: Real>(to _: Other.Type) -> Parameters<Other> {
    let converted = Parameters<Other>(configuration)
    withExtendedLifetime(self) {
      let (source, target) = (elements, converted.elements)
      for index in 0..<source.count { target[index] = Other(source[index]) }
    }
    return converted
  }

  /// Takes the elements of parameters of the same shape.
  public func copy(_ other: Parameters) {
    // A row does not keep its memory alive.
    withExtendedLifetime(other) { elements.copy(other.elements) }
  }

  /// All elements, copied.
  public var values: [Scalar] { withExtendedLifetime(self) { elements.elements } }

  /// Sets the values that training starts from. The same seed gives the same values.
  ///
  /// Gains are 1. Matrices that read the residual stream are uniform in ±1/√(columns), those that write to it are zero, and so is an
  /// output projection of its own: the first loss is that of guessing evenly. The embedding is normal, with deviation 1, or 0.02
  /// when it is the output projection too.
  public func initialize(seed: UInt64) {
    let generator = CounterGenerator(seed: seed, stream: .weights)
    for (index, entry) in entries.enumerated() {
      let row = row(entry)
      let counter = UInt64(index) << 40
      switch entry.role {
      case .gain, .attentionGain: row.fill(1)
      case .output, .head: row.fill(0)
      case .embedding:
        let deviation = configuration.isTied ? 0.02 : 1
        for i in 0..<row.count {
          row[i] = Scalar(deviation * generator.normals(at: counter + UInt64(i)).0)
        }
      case .input:
        let bound = 1 / Double(entry.shape[1]).squareRoot()
        for i in 0..<row.count {
          let at = counter + UInt64(i)
          let word = generator.words(
            UInt32(truncatingIfNeeded: at), UInt32(truncatingIfNeeded: at >> 32), 0, 3
          ).0
          row[i] = Scalar(bound * (2 * CounterGenerator.unit(word) - 1))
        }
      }
    }
  }
}
