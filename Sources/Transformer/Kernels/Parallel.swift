import Dispatch
import Synchronization

/// Runs `body(0)` ... `body(count - 1)` on at most `threads` threads and returns when all are done.
///
/// Each thread takes the next item as soon as it is done with one, so a thread that the system holds up does not hold up the others. Which
/// thread runs which item is left to chance: an item must depend on nothing but its index.
public func forEachInParallel(
  _ count: Int, threads: Int, _ body: @Sendable (Int) -> Void
) {
  let workers = min(count, threads)
  guard workers > 1 else {
    for item in 0..<count { body(item) }
    return
  }
  let next = Atomic(0)
  DispatchQueue.concurrentPerform(iterations: workers) { _ in
    while true {
      let item = next.add(1, ordering: .relaxed).oldValue
      guard item < count else { return }
      body(item)
    }
  }
}
