/// Told which part of a forward or backward pass runs, so that somebody with a clock can see where the time goes.
///
/// Parts nest: what a product takes inside attention belongs to the product. While none is set, asking costs a load and a branch. To be
/// set only while one thread runs passes.
package protocol Probe: AnyObject {
  /// A part begins, inside the one that has begun before.
  func enter(_ part: ProbedPart)
  /// The part that began last is over.
  func leave()
  /// What follows is the work of layer `layer`; nil for what lies before and after the layers.
  func enterLayer(_ layer: Int?)
}

/// What a forward and backward pass consists of.
public enum ProbedPart: Int, CaseIterable, Sendable {
  case products, attention, normalization, rotation, gate, crossEntropy, dropout, embedding,
    reduction
}

package enum Probes {
  nonisolated(unsafe) package static var current: (any Probe)?

  /// Runs `body` as a part.
  @inline(__always)
  package static func measure<Result>(_ part: ProbedPart, _ body: () -> Result) -> Result {
    guard let probe = current else { return body() }
    probe.enter(part)
    defer { probe.leave() }
    return body()
  }
}
