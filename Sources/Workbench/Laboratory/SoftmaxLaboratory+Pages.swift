import Text

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// The laboratory's pages: a screen of text for each topic.
extension SoftmaxLaboratory {
  /// Logits that a page lists; the rest are too many for a screen.
  private static let rows = 12
  private static let cell = 12

  /// One topic's page.
  package func page(_ topic: LaboratoryTopic) -> [SessionOutput] {
    [.heading("\(topic.rawValue): \(topic.title)")] + lines(topic).map { .line($0) }
  }

  private func lines(_ topic: LaboratoryTopic) -> [String] {
    switch topic {
    case .overview: overview
    case .naive: naive
    case .shift: shift
    case .hard: hard
    case .differences: differences
    case .temperature: temperature
    case .log: logSoftmax
    case .logistic: logistic
    case .jacobian: jacobianPage
    case .change: change
    case .crossEntropy: crossEntropyPage
    case .saturation: saturation
    case .hessian: hessian
    case .divergence: divergencePage
    case .smoothing: smoothing
    case .distillation: distillationPage
    case .regularization: regularization
    case .margin: margin
    case .online: online
    case .sparsemax: sparsemaxPage
    case .entmax15: entmaxPage
    case .attention: attention
    }
  }

  // MARK: - Layout

  /// A number for a table: six decimals, or powers of ten where those would hide it.
  static func number(_ value: Double) -> String {
    let size = abs(value)
    guard value.isFinite, value != 0, size < 1e-4 || size >= 1e5 else {
      return value.isFinite ? value.decimals(size >= 1000 ? 2 : 6) : value.decimals(0)
    }
    var exponent = Int(log10(size).rounded(.down))
    // In two steps, because 10^-exponent may overflow.
    let half = pow(10, -Double(exponent / 2))
    var mantissa = size * half * pow(10, -Double(exponent - exponent / 2))
    if mantissa >= 9.9995 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    return "\(value < 0 ? "-" : "")\(mantissa.decimals(3))e\(exponent)"
  }

  private static func right(_ text: String) -> String {
    let width = Display.width(of: text)
    return width >= cell ? " " + text : Display.padded(text, to: cell, alignedRight: true)
  }

  /// A heading and a row for each logit, with a bar for the last column if wanted.
  private func table(_ columns: [(title: String, values: [Double])], bars: Bool = false) -> [String]
  {
    let label = 10
    let heading =
      Display.padded("z", to: label) + columns.map { Self.right($0.title) }.joined()
    var lines = ["  " + heading]
    for i in logits.indices.prefix(Self.rows) {
      var line =
        Display.padded(Display.truncated(NextCharacter.shown(labels[i]), to: label), to: label)
      line += columns.map { Self.right(Self.number($0.values[i])) }.joined()
      if bars, let last = columns.last {
        line += "  " + NextCharacter.bar(last.values[i], width: 20)
      }
      while line.last == " " { line.removeLast() }
      lines.append("  " + line)
    }
    if logits.count > Self.rows { lines.append("  and \(logits.count - Self.rows) more") }
    return lines
  }

  /// Rows of numbers, each with a bar for a share of the largest.
  private static func plot(
    _ heading: (String, String), _ points: [(x: Double, y: Double)], upTo top: Double? = nil
  ) -> [String] {
    let largest = top ?? points.map(\.y).reduce(0, max)
    return ["  " + right(heading.0) + right(heading.1)]
      + points.map { x, y in
        let bar = largest > 0 && largest.isFinite ? NextCharacter.bar(y / largest, width: 30) : ""
        let line = "  " + right(x.shortest) + right(number(y)) + (bar.isEmpty ? "" : "  " + bar)
        return line
      }
  }

  private static func matrix(_ rows: [[Double]]) -> [String] {
    let shown = rows.prefix(6).map { row in
      "  " + row.prefix(6).map { right(number($0)) }.joined() + (row.count > 6 ? " ..." : "")
    }
    return shown + (rows.count > 6 ? ["  ... \(rows.count) rows and columns in all"] : [])
  }

  // MARK: - Pages

  private var overview: [String] {
    table(
      [("sparsemax", sparsemax), ("1.5-entmax", entmax15), ("softmax", probabilities())], bars: true
    )
      + [
        "  entropy \(Self.number(entropy())) nats, as undecided as "
          + "\(exp(entropy()).decimals(2)) equal choices; ln sum exp \(Self.number(logSumExp))",
        "", "  Topics, for --topic NAME (all shows every one):",
      ]
      + LaboratoryTopic.allCases.dropFirst().map {
        "  \(Display.padded($0.rawValue, to: 16))\($0.title)"
      }
  }

  private var naive: [String] {
    let naive = logits.map { Double(expf(Float($0))) }
    let sum = Float(naive.reduce(0) { $0 + $1 })
    let shares = naive.map { Double(Float($0) / sum) }
    return table([
      ("exp float32", naive), ("exp float16", logits.map(FloatLimits.half)), ("naive p", shares),
      ("stable p", probabilities()),
    ]) + [
      "  A float's exp is finite up to z = \(FloatLimits.largestFinite) and zero below "
        + "\(FloatLimits.leastNonZero);",
      "  in half precision it overflows above \(FloatLimits.largestHalf.decimals(4)). "
        + "inf / inf is NaN, and 0 / 0 too.",
      "  The stable form takes exp(z - max): no term exceeds 1, and one of them is 1.",
    ]
  }

  private var shift: [String] {
    let shifts = [1.0, 100, -1000]
    let shifted = shifts.map { by in
      (
        title: by < 0 ? "z - \((-by).shortest)" : "z + \(by.shortest)",
        values: Self.plain(logits.map { $0 + by })
      )
    }
    return table([("p", probabilities())] + shifted)
      + ["  exp(z + c) = e^c exp(z), and e^c cancels: only differences of logits matter."]
  }

  /// softmax of logits that have one already.
  private static func plain(_ logits: [Double]) -> [Double] {
    let largest = logits.reduce(-.infinity, max)
    let weights = logits.map { exp($0 - largest) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  private var hard: [String] {
    table(
      [
        ("hard max", probabilities(at: 0)), ("T = 0.1", probabilities(at: 0.1)),
        ("softmax", probabilities()),
      ], bars: true)
      + [
        "  The hard maximum takes all for the largest and has no useful derivative. Softmax is",
        "  smooth: every logit gets a share, and a nudge of any changes all. As T falls to 0 it",
        "  becomes the hard maximum. The smooth maximum itself is ln sum exp(z) = "
          + "\(Self.number(logSumExp)),",
        "  above max z = \(Self.number(maximum)) by at most ln K = "
          + "\(Self.number(ln(Double(logits.count)))).",
      ]
  }

  private var differences: [String] {
    let factors = [0.25, 0.5, 1.0, 2, 4, 8]
    return table(factors.map { (title: "\($0.shortest) z", values: probabilities(at: 1 / $0)) })
      + Self.plot(
        ("factor", "largest p"),
        factors.map { ($0, probabilities(at: 1 / $0).reduce(0, max)) }, upTo: 1)
      + [
        "  A difference d of two logits is a ratio e^d of their shares; twice it squares the ratio."
      ]
  }

  private var temperature: [String] {
    var lines = table(
      temperatures.prefix(6).map { (title: "T = \($0.shortest)", values: probabilities(at: $0)) })
    lines.append(
      "  \(Display.padded("entropy", to: 10))"
        + temperatures.prefix(6).map { Self.right(Self.number(entropy(at: $0))) }.joined())
    lines.append(
      "  \(Display.padded("choices", to: 10))"
        + temperatures.prefix(6).map { Self.right(exp(entropy(at: $0)).decimals(2)) }.joined())
    let at = [0.25, 0.5, 1, 1.5, 2, 4, 8]
    lines += Self.plot(
      ("T", "entropy"), at.map { ($0, entropy(at: $0)) },
      upTo: ln(Double(max(2, logits.count))))
    lines.append("  At T = 1, dp/dT is p (E[z] - z):")
    lines += table([("dp/dT", temperatureDerivative(at: 1))])
    lines.append("  Those below the mean logit gain as T rises. T = 0 is the hard maximum.")
    return lines
  }

  private var logSoftmax: [String] {
    table([
      ("p", probabilities()), ("ln p", logProbabilities()), ("p at T=.01", probabilities(at: 0.01)),
      ("ln p there", logProbabilities(at: 0.01)),
    ])
      + [
        "  ln p = z - max - ln sum exp(z - max). Taking the logarithm of a p that has become zero",
        "  would be -inf; this form never takes it, so losses stay finite.",
      ]
  }

  private var logistic: [String] {
    let finite = logits.filter(\.isFinite).sorted(by: >)
    var lines: [String] = []
    if finite.count >= 2 {
      let d = finite[0] - finite[1]
      let two = Self.plain([finite[0], finite[1]])[0]
      lines.append(
        "  The two largest alone: softmax gives \(Self.number(two)), and "
          + "1 / (1 + e^-\(Self.number(d))) = \(Self.number(1 / (1 + exp(-d)))).")
    }
    return lines
      + Self.plot(
        ("z1 - z2", "p1"),
        stride(from: -6.0, through: 6, by: 1.5).map { ($0, Self.plain([$0, 0])[0]) }, upTo: 1)
      + [
        "  e^a / (e^a + e^b) = 1 / (1 + e^-(a-b)): two classes need one number, their difference."
      ]
  }

  private var jacobianPage: [String] {
    let sums = jacobian.map { $0.reduce(0, +) }
    let worst = sums.map { abs($0) }.reduce(0, max)
    return ["  dp_i/dz_j = p_i (1 if i = j, else 0) - p_i p_j:"] + Self.matrix(jacobian)
      + [
        "  Its rows sum to zero (the largest sum is \(Self.number(worst))): raising all logits",
        "  together changes nothing. It is symmetric. Raising a logit helps it and harms all others.",
      ]
  }

  private var change: [String] {
    let squares = probabilities().reduce(0) { $0 + $1 * $1 }
    return [
      "  half of sum |dp_i/dz_j|  \(Self.number(totalChange))",
      "  1 - sum p^2              \(Self.number(1 - squares))",
      "  The same number: the chance that two draws differ. How much probability moves when",
      "  logits do is greatest for even shares and vanishes as one takes all:",
    ]
      + Self.plot(
        ("T", "1 - sum p^2"),
        [0.125, 0.25, 0.5, 1, 2, 4].map { t in
          (t, 1 - probabilities(at: t).reduce(0) { $0 + $1 * $1 })
        }, upTo: 1)
  }

  private var crossEntropyPage: [String] {
    let all = logits.indices.map { -logProbabilities()[$0] }
    return table([("p", probabilities()), ("loss if y", all), ("gradient", crossEntropy.gradient)])
      + [
        "  With the right answer \(target) (counted from 0): loss -ln p = "
          + "\(Self.number(crossEntropy.value)) nats.",
        "  Its gradient by the logits is p - y: what was said less what was right. It sums to zero.",
      ]
  }

  private var saturation: [String] {
    let margins = [-8.0, -4, -2, 0, 2, 4, 8]
    return ["  Two classes, the right one ahead by m: the gradient by its logit is p - 1."]
      + Self.plot(
        ("m", "size"), margins.map { ($0, 1 / (1 + exp($0))) }, upTo: 1)
      + [
        "  A wrong certainty is corrected at full strength, a right one hardly any more. Had the loss",
        "  been (p - 1)^2, its gradient 2 (p - 1) p (1 - p) would vanish on both sides:",
      ]
      + Self.plot(
        ("m", "size"),
        margins.map { m in
          let p = 1 / (1 + exp(-m))
          return (m, 2 * (1 - p) * p * (1 - p))
        }, upTo: 1)
  }

  private var hessian: [String] {
    let values = hessianEigenvalues
    let shown = values.prefix(8).map(Self.number).joined(separator: "  ")
    return [
      "  The second derivative of the cross-entropy is diag(p) - p pT, whatever the answer is.",
      "  Eigenvalues: \(shown)\(values.count > 8 ? "  ..." : "")",
      "  None is negative: vT H v is the variance of v under p. So the loss is convex in the logits.",
      "  One is zero (up to rounding), for moving all logits together. The largest is "
        + "\(Self.number(values.last ?? 0)), at most 1/2.",
    ]
  }

  private var divergencePage: [String] {
    let uniform = logits.map { $0.isFinite ? -ln(Double(finiteCount)) : -.infinity }
    let p = logProbabilities()
    return [
      "  entropy H(p) = -sum p ln p            \(Self.number(entropy())) nats",
      "  the most it can be, ln K              \(Self.number(ln(Double(finiteCount)))) nats",
      "  KL(p || even) = ln K - H(p)           \(Self.number(divergenceFromUniform)) nats",
      "  KL(even || p)                         \(Self.number(Self.divergence(from: uniform, to: p))) nats",
      "  cross-entropy of target \(target): KL(y || p) \(Self.number(crossEntropy.value)) nats",
      "  KL is never negative, zero only for the same distribution, and not symmetric. A loss",
      "  H(y, p) = H(y) + KL(y || p) can fall to the entropy of the truth and no further.",
    ]
  }

  private var finiteCount: Int { logits.count { $0.isFinite } }

  private var smoothing: [String] {
    let epsilons = [0, 0.05, 0.1, 0.2, 0.4]
    return Self.plot(("epsilon", "loss"), epsilons.map { ($0, labelSmoothing($0).value) })
      + table([
        ("p - y", crossEntropy.gradient), ("at 0.1", labelSmoothing(0.1).gradient),
      ])
      + [
        "  The target gives 1 - epsilon to answer \(target) and spreads epsilon evenly. The gradient",
        "  p - t is zero at a finite lead of the right logit, so the model is not driven to certainty.",
      ]
  }

  private var distillationPage: [String] {
    let example = distillationExample
    var lines = [
      "  A teacher with the same order and half the differences, both at T = 2:"
    ]
    lines += table([
      ("teacher z", example.teacher), ("p at T=2", probabilities(at: 2)),
      ("gradient", example.loss.gradient),
    ])
    lines.append(
      "  T^2 KL(teacher || p) = \(Self.number(example.loss.value)); the gradient is T (p - q).")
    let temperatures = [1.0, 2, 4, 8, 16]
    lines += Self.plot(
      ("T", "T^2 KL"),
      temperatures.map { t in
        (t, (try? distillation(teacher: example.teacher, temperature: t).value) ?? 0)
      })
    lines.append(
      "  KL alone falls as 1/T^2; with T^2 it tends to half the variance of z - teacher.")
    return lines
  }

  private var regularization: [String] {
    let (z, l2) = (zLoss(1e-4), squares(1e-4))
    return table([("z-loss'", z.gradient), ("l2'", l2.gradient)])
      + [
        "  z-loss 0.0001 (ln sum exp z)^2 = \(Self.number(z.value)); l2 0.0001 sum z^2 = "
          + "\(Self.number(l2.value)).",
        "  Softmax does not mind a shift of all logits, so they may drift until they overflow.",
        "  z-loss pulls ln sum exp z to 0 and leaves differences alone; l2 pulls every logit to 0,",
        "  and differences with it.",
      ]
  }

  private var margin: [String] {
    let classes = max(2, logits.count)
    return Self.plot(
      ("m", "loss, K=\(classes)"),
      [0, 1, 2, 3, 4, 6, 8, 10].map { ($0, Self.marginLoss(classes: classes, margin: $0)) })
      + [
        "  The right one of K ahead of all others by m: loss ln(1 + (K-1) e^-m). It is never zero.",
        "  A long lead makes it about (K-1) e^-m: a tenth of the loss takes ln 10 = 2.303 more of it.",
      ]
  }

  private var online: [String] {
    let tiled = onlineProbabilities(tile: 2)
    let difference = zip(tiled, probabilities()).map { abs($0 - $1) }.reduce(0, max)
    var lines = ["  " + ["z", "maximum", "sum"].map(Self.right).joined()]
    var (largest, sum) = (-Double.infinity, 0.0)
    for z in logits.prefix(Self.rows) where z.isFinite {
      let next = max(largest, z)
      sum = (sum == 0 ? 0 : sum * exp(largest - next)) + exp(z - next)
      largest = next
      lines.append("  " + [z, largest, sum].map { Self.right(Self.number($0)) }.joined())
    }
    return lines + [
      "  One pass keeps the largest so far, m, and s = sum exp(z - m). A new largest m' turns s into",
      "  s exp(m - m'). Tiles merge in the same way. In tiles of 2 the probabilities differ from the",
      "  plain ones by at most \(Self.number(difference)). So attention need not hold all its scores.",
    ]
  }

  private var sparsemaxPage: [String] {
    table([("softmax", probabilities()), ("sparsemax", sparsemax)], bars: true)
      + [
        "  The nearest point of the simplex: [z - tau]+ with tau making the sum 1. "
          + "\(sparsemax.count { $0 == 0 }) of \(logits.count) are exactly 0.",
        "  Its loss for target \(target): \(Self.number(sparsemaxLoss.value)), "
          + "gradient sparsemax - y, zero once the target leads by 1.",
      ]
      + Self.twoClasses { min(max(($0 + 1) / 2, 0), 1) }
  }

  private static func twoClasses(_ share: (Double) -> Double) -> [String] {
    plot(
      ("z1 - z2", "p1"), stride(from: -2.0, through: 2, by: 0.5).map { ($0, share($0)) }, upTo: 1)
  }

  private var entmaxPage: [String] {
    table(
      [("softmax", probabilities()), ("sparsemax", sparsemax), ("1.5-entmax", entmax15)], bars: true
    )
      + [
        "  [z/2 - tau]+ squared, with tau making the sum 1: zeros like sparsemax's "
          + "(\(entmax15.count { $0 == 0 }) of \(logits.count) here), and a",
        "  derivative without jumps, like softmax's.",
      ]
      + Self.twoClasses { d in
        (try? SoftmaxLaboratory([d, 0]).entmax15[0]) ?? 0
      }
  }

  private var attention: [String] {
    let measured = AttentionScaling.measure()
    return [
      "  Queries and keys of d standard normal numbers, \(AttentionScaling.queries) queries over "
        + "\(AttentionScaling.keys) keys, measured:",
      "  " + ["d", "var of q.k", "entropy", "with 1/rt d"].map(Self.right).joined(),
    ]
      + measured.map {
        "  " + Self.right("\($0.width)")
          + [$0.variance, $0.entropy, $0.scaledEntropy].map { Self.right($0.decimals(3)) }.joined()
          + "  " + NextCharacter.bar($0.entropy / ln(Double(AttentionScaling.keys)), width: 20)
      }
      + [
        "  q.k adds d products of variance 1, so its variance is d. Undivided, softmax over wide",
        "  queries starts as a hard choice, whose gradient is nearly zero. Divided by the root of d",
        "  it starts undecided (the most is ln \(AttentionScaling.keys) = "
          + "\(ln(Double(AttentionScaling.keys)).decimals(3))) and can learn.",
      ]
  }
}

private func ln(_ x: Double) -> Double { log(x) }
