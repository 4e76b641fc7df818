/// What the softmax laboratory can tell about.
package enum LaboratoryTopic: String, CaseIterable, Sendable {
  case overview, naive, shift, hard, differences, temperature, log, logistic, jacobian
  case change
  case crossEntropy = "cross-entropy"
  case saturation, hessian, divergence, smoothing, distillation, regularization, margin, online
  case sparsemax, entmax15, attention

  /// The topics that a word asks for; all of them for `all`.
  package static func named(_ word: String) throws(LaboratoryError) -> [LaboratoryTopic] {
    if word == "all" { return allCases }
    guard let topic = LaboratoryTopic(rawValue: word) else { throw .topic(word) }
    return [topic]
  }

  /// What it is about, in a line.
  package var title: String {
    switch self {
    case .overview: "softmax: exp(z) divided by its sum"
    case .naive: "the formula as written against the stable one"
    case .shift: "adding a number to all logits changes nothing"
    case .hard: "hard maximum against soft"
    case .differences: "larger differences, more extreme shares"
    case .temperature: "temperature: softmax(z / T)"
    case .log: "log-softmax: z - ln sum exp(z)"
    case .logistic: "two classes: the logistic function"
    case .jacobian: "the derivative diag(p) - p pT"
    case .change: "half the sum of all derivatives is 1 - sum p^2"
    case .crossEntropy: "cross-entropy, whose gradient is p - y"
    case .saturation: "that gradient where the answer is sure"
    case .hessian: "the second derivative has no negative eigenvalue, and a zero"
    case .divergence: "KL divergence and entropy"
    case .smoothing: "label smoothing"
    case .distillation: "soft targets, and why they are scaled by T^2"
    case .regularization: "l2 and z-loss on the logits"
    case .margin: "the margin law ln(1 + (K-1) e^-m)"
    case .online: "softmax in one pass, tile by tile"
    case .sparsemax: "sparsemax: shares that are exactly zero"
    case .entmax15: "1.5-entmax, between softmax and sparsemax"
    case .attention: "why attention divides by the root of d"
    }
  }
}
