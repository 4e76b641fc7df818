/// A decoder-only transformer of the shape of Hugging Face's `Qwen3ForCausalLM` with one attention head.
///
/// Token embedding -> layers of { normalize -> query, key, value -> normalize query and key -> rotate -> attend -> project -> add;
/// normalize -> SwiGLU feed-forward -> add } -> normalize -> project to one logit for each character.
public struct Model<Scalar: Real>: Sendable {
  /// The weights.
  public let parameters: Parameters<Scalar>
  let rotary: RotaryEmbedding<Scalar>

  /// The shape.
  public var configuration: Configuration { parameters.configuration }

  /// A model with these weights.
  public init(_ parameters: Parameters<Scalar>) {
    Blas.useOneThread()
    self.parameters = parameters
    let configuration = parameters.configuration
    rotary = RotaryEmbedding(
      positions: configuration.context, columns: configuration.headWidth,
      theta: configuration.ropeTheta)
  }

  /// Computes the logits of every character in `a.tokens`.
  ///
  /// - Parameters:
  ///   - a: receives everything that backward needs.
  ///   - dropout: the masks, or nil when not training.
  ///   - firstRow: the position of the first row in the whole batch, for the masks.
  ///   - packed: the same weights laid out, if they are.
  ///   - firstLayer: start from `a.residuals[firstLayer]` as it is, instead of from the characters. For gradient checks.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func forward(
    _ a: Activations<Scalar>, dropout: Dropout? = nil, firstRow: Int = 0,
    packed: PackedWeights<Scalar>? = nil, from firstLayer: Int? = nil
  ) {
    if firstLayer == nil {
      Embedding.forward(a.tokens, table: parameters.embedding, into: a.residuals[0])
      dropout?.apply(to: a.residuals[0], site: 0, firstRow: firstRow)
    }
    for n in (firstLayer ?? 0)..<configuration.layers {
      Probes.current?.enterLayer(n)
      attend(a, layer: n, dropout, firstRow, packed?.layers[n])
      feedForward(a, layer: n, dropout, firstRow, packed?.layers[n])
    }
    Probes.current?.enterLayer(nil)
    normalize(a.residuals[configuration.layers], parameters.finalNorm, a.finalInverse, a.final)
    project(a.final, parameters.head, packed?.head, into: a.logits)
  }

  /// The loss of `a.targets` under the logits that `forward` left, and its gradient.
  ///
  /// - Parameters:
  ///   - gradient: receives the derivative of the objective's sum times `scale` by every weight, or has it added when `adding`;
  ///     otherwise what was there is lost.
  ///   - softTargets: a teacher's logits for the same characters, or nil without a teacher.
  ///   - scale: 1 / (characters in the whole batch) for the mean.
  ///   - observe: called with the gradient by the input of each layer, last to first, then by the embedding's output (-1). For gradient checks.
  /// - Returns: the sums over all rows, in nats: the plain loss, and the objective with its label smoothing, z-loss and distillation.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func backward(
    _ a: Activations<Scalar>, into gradient: Parameters<Scalar>, adding: Bool = false,
    objective: Objective = Objective(), softTargets: SoftTargets<Scalar>? = nil,
    scale: Scalar, dropout: Dropout? = nil, firstRow: Int = 0,
    observe: ((_ layer: Int, _ gradient: Matrix<Scalar>) -> Void)? = nil
  ) -> LossSums {
    let sums = lossGradient(a, objective: objective, softTargets: softTargets, scale: scale)
    let g = a.gradients
    // Every matrix has one product that writes its gradient, so only the vectors and E start from zero.
    if !adding {
      for entry in gradient.entries where entry.shape.count == 1 { gradient.row(entry).fill(0) }
      if !configuration.isTied { gradient.embedding.fill(0) }
    }
    multiply(a.logits.transposed, a.final, into: gradient.head, adding: adding)
    multiply(a.logits, parameters.head, into: g.normalized)
    RMSNorm.backward(
      gradient: g.normalized, x: a.residuals[configuration.layers], gain: parameters.finalNorm[0],
      inverse: a.finalInverse[0], into: g.residual, adding: false,
      addingToGain: gradient.finalNorm[0])
    for n in (0..<configuration.layers).reversed() {
      Probes.current?.enterLayer(n)
      feedForwardBackward(a, layer: n, dropout, firstRow, gradient.layers[n], adding)
      attendBackward(a, layer: n, dropout, firstRow, gradient.layers[n], adding)
      observe?(n, g.residual)
    }
    Probes.current?.enterLayer(nil)
    dropout?.apply(to: g.residual, site: 0, firstRow: firstRow)
    observe?(-1, g.residual)
    Embedding.backward(a.tokens, gradient: g.residual, addingTo: gradient.embedding)
    return sums
  }

  /// The summed losses of `a.targets` under the logits that `forward` left, in nats: the plain one, and the objective. The logits are used up,
  /// and so are those of `softTargets`.
  @specialized(where Scalar == Float)
  @specialized(where Scalar == Double)
  public func loss(
    _ a: Activations<Scalar>, objective: Objective = Objective(),
    softTargets: SoftTargets<Scalar>? = nil
  ) -> LossSums {
    lossGradient(a, objective: objective, softTargets: softTargets, scale: 1)
  }

  /// The sums of the rows, whose logits are replaced by the gradient of the objective.
  private func lossGradient(
    _ a: Activations<Scalar>, objective: Objective, softTargets: SoftTargets<Scalar>?, scale: Scalar
  ) -> LossSums {
    guard let soft = softTargets else {
      return CrossEntropy.forwardBackward(
        replacingByGradient: a.logits, targets: a.targets, objective: objective, scale: scale)
    }
    let hard = Scalar(soft.hardWeight)
    let divergence = Distillation.forwardBackward(
      student: a.logits, replacingByGradient: soft.logits, temperature: soft.temperature,
      scale: scale * (1 - hard), scratch: soft.scratch)
    var sums = CrossEntropy.forwardBackward(
      replacingByGradient: a.logits, targets: a.targets, objective: objective, scale: scale * hard)
    a.logits.add(soft.logits)
    sums.distillation = divergence
    sums.objective = soft.hardWeight * sums.objective + (1 - soft.hardWeight) * divergence
    return sums
  }

  // MARK: - Attention

  /// x + project(attend(rotate(normalize(query, key)), value)), of which x is `residuals[n]` and the sum `middle`.
  private func attend(
    _ a: Activations<Scalar>, layer n: Int, _ dropout: Dropout?, _ firstRow: Int,
    _ packed: PackedWeights<Scalar>.Layer?
  ) {
    let (weights, layer, head) = (parameters.layers[n], a.layers[n], configuration.headWidth)
    normalize(
      a.residuals[n], weights.attentionNorm, layer.attentionInverse, layer.attentionInput)
    project(
      layer.attentionInput, weights.queryKeyValue, packed?.queryKeyValue, into: layer.queryKeyValue)
    normalize(
      layer.queryKeyValue[columns: 0..<head], weights.queryNorm, layer.queryInverse, layer.query)
    normalize(
      layer.queryKeyValue[columns: head..<2 * head], weights.keyNorm, layer.keyInverse, layer.key)
    rotary.forward(layer.query, period: a.context)
    rotary.forward(layer.key, period: a.context)
    let value = layer.queryKeyValue[columns: 2 * head..<3 * head]
    for s in 0..<a.sequences {
      let rows = s * a.context..<(s + 1) * a.context
      let probabilities = layer.probabilities
      Attention.forward(
        by: configuration.attention, q: layer.query[rows: rows], k: layer.key[rows: rows],
        v: value[rows: rows], p: a.keepsAttention ? probabilities[rows: rows] : probabilities,
        o: layer.attended[rows: rows])
    }
    add(
      a.residuals[n], layer.attended, weights.output, packed?.output, into: layer.middle,
      branch: a.gradients.branch, dropout, site: 2 * n + 1, firstRow)
  }

  private func attendBackward(
    _ a: Activations<Scalar>, layer n: Int, _ dropout: Dropout?, _ firstRow: Int,
    _ gradient: Parameters<Scalar>.Layer, _ adding: Bool
  ) {
    let (weights, layer, head) = (parameters.layers[n], a.layers[n], configuration.headWidth)
    let g = a.gradients
    let dBranch = branchGradient(g, dropout, site: 2 * n + 1, firstRow)
    multiply(dBranch.transposed, layer.attended, into: gradient.output, adding: adding)
    multiply(dBranch, weights.output, into: g.attended)
    let value = layer.queryKeyValue[columns: 2 * head..<3 * head]
    let dValue = g.queryKeyValue[columns: 2 * head..<3 * head]
    for s in 0..<a.sequences {
      let rows = s * a.context..<(s + 1) * a.context
      Attention.backward(
        by: configuration.attention, gradient: g.attended[rows: rows],
        q: layer.query[rows: rows], k: layer.key[rows: rows], v: value[rows: rows],
        p: layer.probabilities[rows: rows], scratch: g.scores,
        dq: g.query[rows: rows], dk: g.key[rows: rows], dv: dValue[rows: rows])
    }
    rotary.backward(g.query, period: a.context)
    rotary.backward(g.key, period: a.context)
    RMSNorm.backward(
      gradient: g.query, x: layer.queryKeyValue[columns: 0..<head], gain: weights.queryNorm[0],
      inverse: layer.queryInverse[0], into: g.queryKeyValue[columns: 0..<head], adding: false,
      addingToGain: gradient.queryNorm[0])
    RMSNorm.backward(
      gradient: g.key, x: layer.queryKeyValue[columns: head..<2 * head], gain: weights.keyNorm[0],
      inverse: layer.keyInverse[0], into: g.queryKeyValue[columns: head..<2 * head], adding: false,
      addingToGain: gradient.keyNorm[0])
    multiply(
      g.queryKeyValue.transposed, layer.attentionInput, into: gradient.queryKeyValue,
      adding: adding)
    multiply(g.queryKeyValue, weights.queryKeyValue, into: g.normalized)
    RMSNorm.backward(
      gradient: g.normalized, x: a.residuals[n], gain: weights.attentionNorm[0],
      inverse: layer.attentionInverse[0], into: g.residual, adding: true,
      addingToGain: gradient.attentionNorm[0])
  }

  // MARK: - Feed-forward

  /// x + down(silu(gate) up), of which x is `middle` and the sum `residuals[n + 1]`.
  private func feedForward(
    _ a: Activations<Scalar>, layer n: Int, _ dropout: Dropout?, _ firstRow: Int,
    _ packed: PackedWeights<Scalar>.Layer?
  ) {
    let (weights, layer) = (parameters.layers[n], a.layers[n])
    normalize(
      layer.middle, weights.feedForwardNorm, layer.feedForwardInverse, layer.feedForwardInput)
    project(layer.feedForwardInput, weights.gateUp, packed?.gateUp, into: layer.gateUp)
    FeedForward.forward(gateUp: layer.gateUp, into: a.hidden)
    add(
      layer.middle, a.hidden, weights.down, packed?.down, into: a.residuals[n + 1],
      branch: a.gradients.branch, dropout, site: 2 * n + 2, firstRow)
  }

  private func feedForwardBackward(
    _ a: Activations<Scalar>, layer n: Int, _ dropout: Dropout?, _ firstRow: Int,
    _ gradient: Parameters<Scalar>.Layer, _ adding: Bool
  ) {
    let (weights, layer, g) = (parameters.layers[n], a.layers[n], a.gradients)
    let dBranch = branchGradient(g, dropout, site: 2 * n + 2, firstRow)
    multiply(dBranch, weights.down, into: a.hidden)
    FeedForward.backward(
      gradientReplacedByResult: a.hidden, replacingByGradient: layer.gateUp)
    multiply(dBranch.transposed, a.hidden, into: gradient.down, adding: adding)
    multiply(layer.gateUp.transposed, layer.feedForwardInput, into: gradient.gateUp, adding: adding)
    multiply(layer.gateUp, weights.gateUp, into: g.normalized)
    RMSNorm.backward(
      gradient: g.normalized, x: layer.middle, gain: weights.feedForwardNorm[0],
      inverse: layer.feedForwardInverse[0], into: g.residual, adding: true,
      addingToGain: gradient.feedForwardNorm[0])
  }

  // MARK: - What both have in common

  private func normalize(
    _ x: Matrix<Scalar>, _ gain: Matrix<Scalar>, _ inverse: Matrix<Scalar>, _ y: Matrix<Scalar>
  ) {
    RMSNorm.forward(
      x, gain: gain[0], epsilon: Scalar(configuration.normEpsilon), inverse: inverse[0], into: y)
  }

  /// y = x Wᵀ, or y += x Wᵀ when `adding`, with W as it is or as it has been laid out.
  private func project(
    _ x: Matrix<Scalar>, _ weight: Matrix<Scalar>, _ packed: PackedMatrix<Scalar>?,
    into y: Matrix<Scalar>, adding: Bool = false
  ) {
    if let packed {
      multiplyEachRow(.whole(x), byTransposed: packed, into: y, adding: adding)
    } else {
      multiply(x, weight.transposed, into: y, adding: adding)
    }
  }

  /// sum = x + dropout(h Wᵀ). Without dropout the product adds to a copy of x.
  private func add(
    _ x: Matrix<Scalar>, _ h: Matrix<Scalar>, _ weight: Matrix<Scalar>,
    _ packed: PackedMatrix<Scalar>?, into sum: Matrix<Scalar>,
    branch: Matrix<Scalar>, _ dropout: Dropout?, site: Int, _ firstRow: Int
  ) {
    sum.copy(x)
    if let dropout {
      project(h, weight, packed, into: branch)
      dropout.apply(to: branch, site: site, firstRow: firstRow)
      sum.add(branch)
    } else {
      project(h, weight, packed, into: sum, adding: true)
    }
  }

  /// The gradient by a branch h Wᵀ of the residual stream: the stream's own, through the mask.
  private func branchGradient(
    _ g: Activations<Scalar>.Gradients, _ dropout: Dropout?, site: Int, _ firstRow: Int
  ) -> Matrix<Scalar> {
    guard let dropout else { return g.residual }
    g.branch.copy(g.residual)
    dropout.apply(to: g.branch, site: site, firstRow: firstRow)
    return g.branch
  }
}
