import Transformer

/// Adds up the time of each part of a forward and backward pass, by layer.
///
/// A part's time is without that of the parts inside it.
final class PartClock: Probe {
  /// Seconds by layer (the last row: outside of the layers) and part.
  private(set) var seconds: [[Double]]
  private let outside: Int
  private var row: Int
  private var parts: [ProbedPart] = []
  private var since: Double = 0
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant

  init(layers: Int) {
    seconds = Array(
      repeating: Array(repeating: 0, count: ProbedPart.allCases.count), count: layers + 1)
    outside = layers
    row = layers
    start = clock.now
  }

  func enterLayer(_ layer: Int?) { row = layer ?? outside }

  func enter(_ part: ProbedPart) {
    book()
    parts.append(part)
  }

  func leave() {
    book()
    parts.removeLast()
  }

  /// Gives the time since the last change to the part that it was spent in.
  private func book() {
    let now = (clock.now - start).inSeconds
    if let part = parts.last { seconds[row][part.rawValue] += now - since }
    since = now
  }
}
