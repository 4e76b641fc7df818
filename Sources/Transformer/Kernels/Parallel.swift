import Synchronization

/// Runs `body(0)` ... `body(count - 1)` on at most `threads` threads and returns when all are done.
///
/// Each thread takes the next item as soon as it is done with one, so a thread that the system holds up does not hold up the others. Which
/// thread runs which item is left to chance: an item must depend on nothing but its index.
public func forEachInParallel(
  _ count: Int, threads: Int, _ body: @Sendable (Int) -> Void
) {
  forEachInParallel(count, threads: threads) { item, _ in body(item) }
}

/// The same, with a worker's number in 0..<threads as well: an item may use what belongs to its worker, such as room to compute in.
public func forEachInParallel(
  _ count: Int, threads: Int, _ body: @Sendable (_ item: Int, _ worker: Int) -> Void
) {
  let workers = min(count, threads)
  guard workers > 1 else {
    for item in 0..<count { body(item, 0) }
    return
  }
  let next = Atomic(0)
  Crew.shared.run(workers) { worker in
    while true {
      let item = next.add(1, ordering: .relaxed).oldValue
      guard item < count else { return }
      body(item, worker)
    }
  }
}

/// The same for small items that are done again and again, each on memory of its own: every thread begins with a share of neighbouring items,
/// the same in each call for as many, and so finds what it left in its caches. Who is done with its share helps the others.
package func forEachInParallel(
  sharing count: Int, threads: Int, _ body: @Sendable (Int) -> Void
) {
  let workers = min(count, threads)
  guard workers > 1 else {
    for item in 0..<count { body(item) }
    return
  }
  withUnsafeTemporaryAllocation(of: Atomic<Int>.self, capacity: workers) { buffer in
    nonisolated(unsafe) let taken = buffer
    for share in 0..<workers { taken.initializeElement(at: share, to: Atomic(0)) }
    defer { taken.deinitialize() }
    Crew.shared.run(workers) { worker in
      for turn in 0..<workers {
        let share = (worker + turn) % workers
        let items = share * count / workers..<(share + 1) * count / workers
        while true {
          let item = items.lowerBound + taken[share].add(1, ordering: .relaxed).oldValue
          guard item < items.upperBound else { break }
          body(item)
        }
      }
    }
  }
}
