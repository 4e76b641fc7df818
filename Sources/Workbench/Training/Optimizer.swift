import Transformer

/// What moves the weights against their gradient.
public enum OptimizerKind: String, Sendable, Equatable, CaseIterable {
  /// AdamW for every tensor.
  case adamw
  /// Muon for the matrices of the layers, AdamW for embedding, output projection and gains.
  case muon
}

/// The optimizer's settings for one step.
package struct OptimizerStep {
  /// The learning rate of AdamW, and of Muon where it applies.
  var adamRate, muonRate: Double
  var beta1, beta2: Double
  package var weightDecay: Double
  /// What every gradient is multiplied by: less than 1 when it is clipped.
  var gradientScale: Double
  /// 0 for the first step.
  var step: Int

  package init(
    adamRate: Double, muonRate: Double, beta1: Double, beta2: Double, weightDecay: Double,
    gradientScale: Double, step: Int
  ) {
    self.adamRate = adamRate
    self.muonRate = muonRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.weightDecay = weightDecay
    self.gradientScale = gradientScale
    self.step = step
  }
}

/// AdamW and Muon over all parameters, in tasks that do not depend on one another, so that the result does not depend on
/// which thread does which.
final class Optimizer {
  /// First and second moments of the gradient. Muon keeps its momentum in the first and leaves the second at zero.
  let first, second: Parameters<Float>
  private let tasks: [Task]

  private enum Task {
    /// AdamW on some of the elements, of which all or none decay.
    case adam(Range<Int>, decays: Bool)
    case muon(ParameterEntry, Muon)
  }

  /// Elements of one AdamW task.
  private static let chunk = 16_384

  init(_ configuration: Configuration, kind: OptimizerKind) {
    let parameters = Parameters<Float>(configuration)
    first = parameters
    second = Parameters(configuration)
    var (muon, adam): ([Task], [Task]) = ([], [])
    for entry in parameters.entries {
      if kind == .muon, entry.role == .input || entry.role == .output {
        muon.append(.muon(entry, Muon(rows: entry.shape[0], columns: entry.shape[1])))
      } else {
        for start in stride(from: entry.offset, to: entry.range.upperBound, by: Self.chunk) {
          let range = start..<min(start + Self.chunk, entry.range.upperBound)
          adam.append(.adam(range, decays: entry.decays))
        }
      }
    }
    // The costly tasks first, so that no thread is left with one at the end.
    tasks = muon + adam
  }

  /// Moves the weights by one step.
  func update(
    _ weights: Parameters<Float>, gradient: Parameters<Float>, _ step: OptimizerStep, threads: Int
  ) {
    nonisolated(unsafe) let this = self
    forEachInParallel(sharing: tasks.count, threads: threads) { index in
      switch this.tasks[index] {
      case .adam(let range, let decays):
        AdamW.update(
          weights.elements[range], gradient: gradient.elements[range],
          first: this.first.elements[range], second: this.second.elements[range], step,
          decay: decays ? step.weightDecay : 0)
      case .muon(let entry, let muon):
        muon.update(
          weights.matrix(entry), gradient: gradient.row(entry), momentum: this.first.row(entry),
          step)
      }
    }
  }
}
