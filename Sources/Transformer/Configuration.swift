/// The shape of a model: what has to be known, besides the weights, to run it.
public struct Configuration: Sendable, Equatable {
  /// Distinct characters, V.
  public var vocabularySize: Int
  /// Transformer layers.
  public var layers: Int
  /// Coordinates of the residual stream.
  public var width: Int
  /// Coordinates of a query, key or value; even, because rotary positions turn pairs.
  public var headWidth: Int
  /// Coordinates inside the feed-forward.
  public var feedForward: Int
  /// The largest number of characters that attention sees.
  public var context: Int
  /// Whether the output projection is the embedding table itself.
  public var isTied: Bool
  /// What turns attention's scores into probabilities. Only softmax is of Qwen3's shape.
  public var attention: Normalizer
  /// Base of the rotary angles.
  public var ropeTheta: Double
  /// ε of the normalizations.
  public var normEpsilon: Double

  /// - Throws: `ConfigurationError` if a size is out of its range or the weights would not fit in memory.
  public init(
    vocabularySize: Int, layers: Int, width: Int, headWidth: Int, feedForward: Int, context: Int,
    isTied: Bool = false, attention: Normalizer = .softmax, ropeTheta: Double = 10_000,
    normEpsilon: Double = 1e-6
  ) throws {
    self.vocabularySize = vocabularySize
    self.layers = layers
    self.width = width
    self.headWidth = headWidth
    self.feedForward = feedForward
    self.context = context
    self.isTied = isTied
    self.attention = attention
    self.ropeTheta = ropeTheta
    self.normEpsilon = normEpsilon
    try validate()
  }

  private func validate() throws {
    func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
      guard range.contains(value) else {
        throw ConfigurationError.outOfRange(name: name, value: "\(value)", allowed: "\(range)")
      }
    }
    try check("vocabulary size", vocabularySize, 1...1_114_112)
    try check("layers", layers, 1...256)
    try check("width", width, 1...16_384)
    try check("head width", headWidth, 2...16_384)
    try check("feed-forward width", feedForward, 1...65_536)
    try check("context", context, 1...1_048_576)
    guard headWidth % 2 == 0 else {
      throw ConfigurationError.outOfRange(
        name: "head width", value: "\(headWidth)", allowed: "even numbers")
    }
    guard layers * context * headWidth <= Self.largestCacheSize else {
      throw ConfigurationError.outOfRange(
        name: "context", value: "\(context)",
        allowed: "what memory holds: layers x context x head width may be "
          + "\(Self.largestCacheSize) at most")
    }
    guard context * headWidth <= Self.largestTableSize else {
      throw ConfigurationError.outOfRange(
        name: "context", value: "\(context)",
        allowed: "what memory holds: context x head width may be \(Self.largestTableSize) at most")
    }
    guard ropeTheta.isFinite, ropeTheta > 0 else {
      throw ConfigurationError.outOfRange(
        name: "rope theta", value: "\(ropeTheta)", allowed: "finite numbers above 0")
    }
    guard normEpsilon.isFinite, normEpsilon > 0 else {
      throw ConfigurationError.outOfRange(
        name: "normalization epsilon", value: "\(normEpsilon)", allowed: "finite numbers above 0")
    }
    // The ranges above keep this product far from overflow.
    guard parameterCount <= Self.largestParameterCount else {
      throw ConfigurationError.tooLarge(parameters: parameterCount)
    }
  }

  /// More parameters than this are refused: a gigabyte of weights is beyond what this program is for.
  public static let largestParameterCount = 1 << 28

  /// The keys of one text, over all layers, are at most so many numbers.
  public static let largestCacheSize = 1 << 28

  /// The cosines and sines of all places are at most so many numbers. They are there before anything else is done with a model.
  public static let largestTableSize = 1 << 24

  /// How many numbers the model has learnt.
  public var parameterCount: Int {
    let layer =
      2 * width + 2 * headWidth + 4 * headWidth * width + 3 * feedForward * width
    return vocabularySize * width * (isTied ? 1 : 2) + layers * layer + width
  }

  /// Floating-point operations of a forward pass for each character, a multiplication and an addition counted as two. Attention is
  /// counted for a window of `context` characters, without what the causal mask leaves out.
  ///
  /// A training step costs three times as much for each character of its batch: backward has two products for each one of
  /// forward.
  public func operationsPerCharacter(context: Int) -> Int {
    let projections = 4 * headWidth * width + 3 * feedForward * width
    // Character t attends to t + 1 positions, (context + 1) / 2 on average, in two products.
    let attention = 2 * headWidth * (context + 1)
    return layers * (2 * projections + attention) + 2 * vocabularySize * width
  }
}

/// A shape that no model can have.
public enum ConfigurationError: Error, Equatable, CustomStringConvertible {
  case outOfRange(name: String, value: String, allowed: String)
  case tooLarge(parameters: Int)

  public var description: String {
    switch self {
    case .outOfRange(let name, let value, let allowed):
      "\(name) is \(value), which is outside \(allowed)"
    case .tooLarge(let parameters):
      "a model of \(parameters) parameters is too large: at most "
        + "\(Configuration.largestParameterCount) are supported; choose fewer layers or a smaller width"
    }
  }
}
