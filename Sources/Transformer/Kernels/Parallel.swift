import Dispatch

/// Runs `body(0)` ... `body(count - 1)` on at most `threads` threads and returns when all are done.
///
/// Which thread runs which item depends on the number of threads, so an item must depend on nothing but its index.
public func forEachInParallel(
  _ count: Int, threads: Int, _ body: @Sendable (Int) -> Void
) {
  let workers = min(count, threads)
  guard workers > 1 else {
    for item in 0..<count { body(item) }
    return
  }
  DispatchQueue.concurrentPerform(iterations: workers) { worker in
    var item = worker
    while item < count {
      body(item)
      item += workers
    }
  }
}
