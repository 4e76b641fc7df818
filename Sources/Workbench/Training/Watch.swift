import Safetensors

/// Tells steps that must not reach the weights from ordinary ones.
///
/// A step is refused when its loss or the length of its gradient
/// - is not a finite number, or,
/// - until `enough` steps have been taken, the loss is more than 2 nats above the first one, or,
/// - once `enough` steps have been taken, is far outside what the last `window` of them had: a loss of more than median + 1 nat + 10 x the median
///   absolute deviation, or a gradient more than 100 times as long as the median one.
///
/// Medians make a few odd steps harmless, and refused steps leave no trace in them: after one bad step, the good ones that
/// follow are judged as if it had not been. A loss that falls, as in early training, can never be too high.
package struct Watch: Equatable {
  /// Steps that are remembered, and how many must be before one is judged by their medians.
  package static let window = 64
  package static let enough = 32
  /// Refused steps in a row after which the run goes back to the last good state.
  package static let patience = 10
  /// How often it goes back, each time with half the learning rate, before it stops.
  package static let maximumRollbacks = 4
  /// Steps taken between two good states that are kept.
  package static let snapshotInterval = 50

  private(set) var losses: [Double] = []
  private(set) var norms: [Double] = []
  package private(set) var refusedInARow = 0
  package private(set) var refused = 0
  package private(set) var rollbacks = 0

  package init() {}

  /// What the learning rate is multiplied by.
  package var rateFactor: Double { (0..<rollbacks).reduce(1.0) { rate, _ in rate / 2 } }

  /// Judges a step, and remembers it if it may be taken.
  package mutating func accepts(loss: Double, gradientNorm: Double) -> Bool {
    guard loss.isFinite, gradientNorm.isFinite, isOrdinary(loss, gradientNorm) else {
      refused += 1
      refusedInARow += 1
      return false
    }
    refusedInARow = 0
    losses.append(loss)
    norms.append(gradientNorm)
    if losses.count > Self.window {
      losses.removeFirst()
      norms.removeFirst()
    }
    return true
  }

  private func isOrdinary(_ loss: Double, _ norm: Double) -> Bool {
    // So early none has been forgotten yet: the first one remembered is the very first.
    guard losses.count >= Self.enough else { return loss <= (losses.first ?? loss) + 2 }
    let center = Self.median(losses)
    let deviation = Self.median(losses.map { abs($0 - center) })
    return loss <= center + 1 + 10 * deviation && norm <= 100 * Self.median(norms)
  }

  /// The run has gone back: the next steps have their full patience.
  package mutating func rolledBack() {
    rollbacks += 1
    refusedInARow = 0
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}

extension Watch {
  /// What resuming exactly needs of it.
  package var json: JSONValue {
    [
      "losses": .array(losses.map { JSONValue($0) }), "norms": .array(norms.map { JSONValue($0) }),
      "refused_in_a_row": JSONValue(refusedInARow), "refused": JSONValue(refused),
      "rollbacks": JSONValue(rollbacks),
    ]
  }

  /// nil when `json` is not what `json` gives.
  package init?(json: JSONValue) {
    guard let losses = json["losses"]?.arrayValue?.compactMap(\.doubleValue),
      let norms = json["norms"]?.arrayValue?.compactMap(\.doubleValue),
      losses.count == norms.count, losses.count <= Self.window,
      let inARow = json["refused_in_a_row"]?.intValue, (0..<Self.patience).contains(inARow),
      let refused = json["refused"]?.intValue, refused >= inARow,
      let rollbacks = json["rollbacks"]?.intValue, (0...Self.maximumRollbacks).contains(rollbacks)
    else { return nil }
    self.losses = losses
    self.norms = norms
    refusedInARow = inARow
    self.refused = refused
    self.rollbacks = rollbacks
  }
}
