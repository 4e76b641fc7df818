import Dispatch

/// body(0) ... body(count - 1), computed on at most `threads` threads.
///
/// Which thread computes what depends on their number, so a result must depend on nothing but its
/// index.
package func mapInParallel<Result: Sendable>(
  _ count: Int, threads: Int, _ body: @Sendable (Int) -> Result
) -> [Result] {
  let results = Results<Result>(count: count)
  forEachInParallel(count, threads: threads) { results.set(body($0), at: $0) }
  return results.all
}

/// Results that arrive in any order, from any thread.
private final class Results<Result: Sendable>: @unchecked Sendable {
  private let queue = DispatchQueue(label: "temper.results")
  private var slots: [Result?]

  init(count: Int) { slots = Array(repeating: nil, count: count) }

  func set(_ result: Result, at index: Int) { queue.sync { slots[index] = result } }

  /// All of them, in order.
  var all: [Result] { queue.sync { slots.compactMap { $0 } } }
}
