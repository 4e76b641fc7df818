import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// One character, drawn.
public struct Draw: Sendable, Equatable {
  public let token: Int32
  /// z in the line z + T g that won: its logit after filters and penalty, before the temperature.
  public let logit: Double
  /// Its logarithmic probability, in nats, in the distribution it was drawn from: temperature,
  /// filters and penalty included. 0 at T = 0.
  public let logProbability: Double
  /// Its logarithmic probability, in nats, in the model's own distribution: T = 1, nothing left
  /// out.
  public let modelLogProbability: Double
  /// The entropy, in nats, of the distribution it was drawn from.
  public let entropy: Double
}

/// Draws characters by the Gumbel-max rule: argmax_i ((z_i - max z) / T + g_i).
///
/// This is an exact draw from softmax(z / T). See `GumbelNoise` for g, `Sampling` for what comes
/// before.
///
/// Edge Cases: T = 0 is argmax z. Equal values are decided for the lower token. However small T is,
/// the quotient is 0 for the largest logit and at worst -∞ for others. A logit of -∞ is never
/// drawn. At least one character survives every filter.
public struct Sampler: Sendable {
  public private(set) var sampling: Sampling
  public private(set) var noise: GumbelNoise
  private let vocabularySize: Int

  // Room for one row, so that drawing takes no memory.
  /// What is drawn from: the logits, -∞ where filtered out, changed where penalized.
  private var scores: [Double]
  private var weights: [Double]
  /// The u of the noise.
  private var uniforms: [Double]
  private var largestFirst: LargestFirst
  private var kept: [Int] = []

  /// - Throws: `SamplingError.outOfRange` if a setting makes no sense.
  public init(_ sampling: Sampling, seed: UInt64, vocabularySize: Int) throws(SamplingError) {
    try sampling.validate()
    self.init(vocabularySize: vocabularySize)
    become(sampling, GumbelNoise(seed: seed))
  }

  /// With the settings that are usual, to become what is wanted.
  init(vocabularySize: Int) {
    sampling = Sampling()
    noise = GumbelNoise(seed: 0)
    self.vocabularySize = vocabularySize
    scores = Array(repeating: 0, count: vocabularySize)
    weights = Array(repeating: 0, count: vocabularySize)
    uniforms = Array(repeating: 0, count: vocabularySize)
    largestFirst = LargestFirst(capacity: vocabularySize)
    kept.reserveCapacity(vocabularySize)
  }

  /// Draws with other settings and another noise from now on: texts that grow in step share the room for a row, so that it stays in the nearest cache.
  /// - Parameter sampling: valid.
  mutating func become(_ sampling: Sampling, _ noise: GumbelNoise) {
    self.sampling = sampling
    self.noise = noise
  }

  /// Draws the character at a place in the text.
  ///
  /// - Parameters:
  ///   - logits: one for each character of the vocabulary.
  ///   - index: the place among the generated characters, from 0; decides the noise.
  ///   - history: the text so far, prompt included; only the repetition penalty looks at it.
  /// - Throws: `SamplingError.noDistribution` if a logit is NaN or +∞, or all are -∞.
  public mutating func choose(_ logits: Row<Float>, index: Int, history: [Int32] = [])
    throws(SamplingError) -> Draw
  {
    let (own, drawn) = try distributions(logits, index: index, history: history)
    let winner: Int
    if let drawn {
      winner = perturbedArgmax(maximum: drawn.maximum, index: index)
    } else {
      winner = scores.firstIndex(of: highestScore(own)) ?? 0
    }
    let (logProbability, entropy) = drawn?.measures(of: scores[winner]) ?? (0, 0)
    return Draw(
      token: Int32(winner), logit: scores[winner], logProbability: logProbability,
      modelLogProbability: own.logProbability(of: Double(logits[winner])), entropy: entropy)
  }

  /// The probabilities that `choose` draws with, one for each character.
  ///
  /// - Throws: as `choose` does.
  public mutating func distribution(_ logits: Row<Float>, history: [Int32] = [])
    throws(SamplingError) -> [Double]
  {
    let (own, drawn) = try distributions(logits, index: 0, history: history)
    guard let drawn else {
      let winner = scores.firstIndex(of: highestScore(own))
      return scores.indices.map { $0 == winner ? 1 : 0 }
    }
    return drawn.probabilities(of: scores)
  }

  /// Every temperature at which `choose` would draw another character in this place.
  ///
  /// - Throws: as `choose` does.
  public mutating func flips(_ logits: Row<Float>, index: Int, history: [Int32] = [])
    throws(SamplingError) -> FlipTemperatures
  {
    _ = try prepare(logits, index: index, history: history)
    return FlipTemperatures(
      scores: scores, noise: scores.indices.map { noise.value(of: $0, at: index) })
  }

  /// The logits as filters and penalty leave them: what the temperature is applied to.
  ///
  /// - Throws: as `choose` does.
  mutating func filtered(_ logits: Row<Float>, history: [Int32]) throws(SamplingError) -> [Double] {
    _ = try prepare(logits, index: 0, history: history)
    return scores
  }

  /// Sets `scores` and `weights`. Returns the model's own distribution, and that which is drawn from; nil for the latter at T = 0.
  private mutating func distributions(_ logits: Row<Float>, index: Int, history: [Int32])
    throws(SamplingError) -> (own: TemperedSoftmax, drawn: TemperedSoftmax?)
  {
    let temperature = sampling.temperature
    if temperature > 0, !sampling.filters, !sampling.penalizes {
      let maximum = try widen(logits, index: index)
      let (own, drawn) = TemperedSoftmax.ownAndTempered(
        scores, maximum: maximum, temperature: temperature, weights: &weights)
      return (own, drawn)
    }
    let own = try prepare(logits, index: index, history: history)
    guard temperature > 0 else { return (own, nil) }
    let drawn = TemperedSoftmax(
      scores, maximum: highestScore(own), temperature: temperature, weights: &weights)
    return (own, drawn)
  }

  /// Sets `scores`: filters and penalizes. Returns the model's own distribution.
  private mutating func prepare(_ logits: Row<Float>, index: Int, history: [Int32])
    throws(SamplingError) -> TemperedSoftmax
  {
    let maximum = try widen(logits, index: index)
    let own = TemperedSoftmax(scores, maximum: maximum, temperature: 1, weights: &weights)
    if sampling.filters { filter(logits) }
    if sampling.penalizes { penalize(logits, history) }
    return own
  }

  /// Sets `scores` to the logits. Returns the largest.
  private mutating func widen(_ logits: Row<Float>, index: Int) throws(SamplingError) -> Double {
    precondition(logits.count == vocabularySize, "one logit for each character")
    // NaN if any logit is.
    let maximum = Double(logits.widen(into: &scores))
    guard maximum.isFinite else { throw .noDistribution(index: index) }
    return maximum
  }

  /// The largest of `scores`: filters keep the largest logit, the penalty may change it.
  private func highestScore(_ own: TemperedSoftmax) -> Double {
    guard sampling.penalizes else { return own.maximum }
    var maximum = -Double.infinity
    for score in scores { maximum = max(maximum, score) }
    return maximum
  }

  /// argmax_i ((z_i - max) / T + g_i) over `scores`, of which `weights` has the w_i = exp((z_i - max) / T).
  ///
  /// That is where -ln u_i / w_i is smallest: a race in which each character arrives after an exponentially distributed time. Since
  /// -ln u is at least 1 - u, and little more where u is near 1, as it mostly is for the winner, nearly all logarithms are left out: a
  /// character whose 1 - u alone takes longer than another one's -ln u has lost.
  private mutating func perturbedArgmax(maximum: Double, index: Int) -> Int {
    noise.uniforms(at: index, into: &uniforms)
    // More than the rounding of both sides can amount to.
    let slack = 1 + 1e-9
    let (favourite, next) = Double.soonest(uniforms, weights: weights)
    // Mostly even the next one takes longer than the favourite, of whose -ln u at most (1 - u) / u is known without a logarithm.
    let u = uniforms[favourite]
    let rival = next * weights[favourite]
    if rival > (1 - u) / u * slack || rival > -log(u) * slack { return favourite }
    func value(_ token: Int) -> Double {
      (scores[token] - maximum) / sampling.temperature + GumbelNoise.gumbel(uniforms[token])
    }
    var winner = favourite
    var best = value(favourite)
    // x - ln(-ln u) beats the best value only if -ln u < exp(x) exp(-best).
    var limit = exp(-best) * slack
    var start = 0
    while let token = Double.next(from: start, uniforms, within: limit, weights: weights) {
      start = token + 1
      guard token != favourite else { continue }
      let value = value(token)
      guard value > best || value == best && token < winner else { continue }
      winner = token
      best = value
      limit = exp(-best) * slack
    }
    return winner
  }
}

// MARK: - Filters

extension Sampler {
  /// Sets the scores of what top-k, top-p and min-p leave out to -∞. `weights` has exp(z - max z)
  /// and is used up.
  ///
  /// Each filter keeps the first few in the order of falling probability, so together they keep the
  /// fewest that one of them does.
  private mutating func filter(_ logits: Row<Float>) {
    let minP = sampling.minP
    guard sampling.topK > 0 || sampling.topP < 1 else {
      // The most probable character has weight 1, and renormalizing keeps ratios.
      for token in scores.indices where weights[token] < minP { scores[token] = -.infinity }
      return
    }
    largestFirst.removeAll()
    var total = 0.0
    for token in scores.indices where scores[token] > -.infinity {
      largestFirst.add(logits[token], token: token)
      total += weights[token]
      scores[token] = -.infinity
    }
    largestFirst.order()

    let (topK, topP) = (sampling.topK, sampling.topP)
    kept.removeAll(keepingCapacity: true)
    var sum = 0.0
    // Without top-k the total is known already, and the search may end with top-p.
    let most = topK > 0 ? topK : vocabularySize
    let mass = topK > 0 ? .infinity : topP * total
    while kept.count < most, sum < mass, let token = largestFirst.next() {
      kept.append(token)
      sum += weights[token]
    }
    if topK > 0 { total = sum }
    let enough = topP < 1 ? topP * total : .infinity
    sum = 0
    for token in kept {
      guard sum < enough, weights[token] >= minP else { break }
      sum += weights[token]
      scores[token] = Double(logits[token])
    }
  }

  /// The CTRL rule on the characters that are left and occur in the last `repetitionWindow` of the
  /// text.
  private mutating func penalize(_ logits: Row<Float>, _ history: [Int32]) {
    let penalty = sampling.repetitionPenalty
    // From the logit itself, so that a character that occurs twice is penalized once.
    for token in history.suffix(sampling.repetitionWindow) {
      let token = Int(token)
      guard scores[token] > -.infinity else { continue }
      let logit = Double(logits[token])
      scores[token] = logit > 0 ? logit / penalty : logit * penalty
    }
  }
}
