/// Finite differences against the hand-written gradients, tensor by tensor.
///
/// For each weight w it compares dL/dw with the central difference (8 (L(w + h) - L(w - h)) - (L(w + 2h) - L(w - 2h))) / 12h in double
/// precision, whose error falls with h⁴, and does the same for the input of every layer. Dropout, when on, uses one fixed mask
/// throughout.
public struct GradientCheck: Sendable {
  /// How far the two are apart for one tensor.
  public struct Result: Sendable {
    /// The tensor's name, or `input of layer n`.
    public let name: String
    /// Its dimensions.
    public let shape: [Int]
    /// How many of its elements were compared.
    public let checked: Int
    /// The relative error max |analytic - numeric| / max |numeric| over them; infinite when a value is not finite.
    public let relativeError: Double
  }

  /// What is minimised.
  public var objective: Objective
  /// The dropout rate.
  public var dropout: Double
  /// At most so many elements of each tensor are compared, drawn at random when it has more.
  public var elementsPerTensor: Int
  /// Where random numbers come from.
  public var seed: UInt64
  /// h, the step of the differences.
  public var step: Double

  public init(
    objective: Objective = Objective(), dropout: Double = 0, elementsPerTensor: Int = 64,
    seed: UInt64 = 1, step: Double = 1e-4
  ) {
    self.objective = objective
    self.dropout = dropout
    self.elementsPerTensor = elementsPerTensor
    self.seed = seed
    self.step = step
  }

  /// Weights for a check: none is zero and no gain is 1, so that no error can hide.
  public static func randomParameters(
    _ configuration: Configuration, seed: UInt64 = 1
  ) -> Parameters<Double> {
    let parameters = Parameters<Double>(configuration)
    let generator = CounterGenerator(seed: seed, stream: .checks)
    for entry in parameters.entries {
      let row = parameters.row(entry)
      for i in 0..<row.count {
        let normal = generator.normals(at: UInt64(entry.offset + i)).0
        row[i] = entry.shape.count == 1 ? 1 + 0.2 * normal : 0.4 * normal
      }
    }
    return parameters
  }

  /// Compares all tensors of a model on random characters.
  /// - Parameters:
  ///   - parameters: the weights; changed on the way and restored.
  ///   - sequences, context: the shape of the batch.
  ///   - tamper: changes the analytic gradient before it is compared, to show that an error is found.
  public func run(
    _ parameters: Parameters<Double>, sequences: Int = 2, context: Int,
    tamper: ((Parameters<Double>) -> Void)? = nil
  ) -> [Result] {
    let configuration = parameters.configuration
    let model = Model(parameters)
    let a = Activations<Double>(configuration, sequences: sequences, context: context)
    let generator = CounterGenerator(seed: seed, stream: .checks)
    let bound = UInt32(configuration.vocabularySize)
    for row in a.tokens.indices {
      a.tokens[row] = Int32(generator.below(bound, at: UInt64(2 * row)))
      a.targets[row] = Int32(generator.below(bound, at: UInt64(2 * row + 1)))
    }
    let mask = dropout > 0 ? Dropout(rate: dropout, seed: seed, step: 1) : nil
    let mean = 1 / Double(a.tokens.count)
    let steps = configuration.attention == .softmax ? [step] : [step, step / 10, step / 100]

    func loss(from layer: Int? = nil) -> Double {
      model.forward(a, dropout: mask, from: layer)
      return mean * model.loss(a, objective: objective).objective
    }

    let gradient = Parameters<Double>(configuration)
    var inputGradients: [Int: [Double]] = [:]
    model.forward(a, dropout: mask)
    _ = model.backward(
      a, into: gradient, objective: objective, scale: mean, dropout: mask,
      observe: { layer, gradient in inputGradients[layer] = gradient.elements })
    tamper?(gradient)

    var results = gradient.entries.map { entry in
      compare(
        entry.name, entry.shape, weights: parameters.matrix(entry),
        analytic: gradient.row(entry).elements, steps: steps, loss: { loss() })
    }
    for layer in 0..<configuration.layers {
      // A later check leaves its own inputs behind, so the earlier layers run again first.
      model.forward(a, dropout: mask)
      let input = a.residuals[layer]
      results.append(
        compare(
          "input of layer \(layer)", [a.tokens.count, configuration.width], weights: input,
          analytic: inputGradients[layer] ?? [], steps: steps, loss: { loss(from: layer) }))
    }
    return results
  }

  private func compare(
    _ name: String, _ shape: [Int], weights: Matrix<Double>, analytic: [Double],
    steps: [Double], loss: () -> Double
  ) -> Result {
    let generator = CounterGenerator(seed: seed &+ 1, stream: .checks)
    let count = weights.rows * weights.columns
    let elements =
      count <= elementsPerTensor
      ? Array(0..<count)
      : (0..<elementsPerTensor).map { Int(generator.below(UInt32(count), at: UInt64($0))) }
    var (worst, largest) = (0.0, 0.0)
    for element in elements {
      let (row, column) = (weights[element / weights.columns], element % weights.columns)
      let value = row[column]
      func difference(_ h: Double) -> Double {
        row[column] = value + h
        let above = loss()
        row[column] = value - h
        return above - loss()
      }
      // Sparse attention has kinks. A difference across one is wrong; with small enough a step there is none in it.
      var numeric = 0.0
      var error = Double.infinity
      for h in steps {
        let derivative = (8 * difference(h) - difference(2 * h)) / (12 * h)
        let distance = abs(analytic[element] - derivative)
        if distance < error || !distance.isFinite { (numeric, error) = (derivative, distance) }
        if !distance.isFinite { break }
      }
      row[column] = value
      guard error.isFinite else {
        return Result(name: name, shape: shape, checked: elements.count, relativeError: .infinity)
      }
      worst = max(worst, error)
      largest = max(largest, abs(numeric))
    }
    return Result(
      name: name, shape: shape, checked: elements.count,
      relativeError: worst == 0 ? 0 : worst / max(largest, 1e-30))
  }
}
