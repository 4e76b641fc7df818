import Foundation
import Synchronization
import Testing
import Transformer

/// Work that is handed out: all of it done, once, before the caller goes on.
@Suite struct ParallelTests {
  /// How often each item was done.
  private static func counts(_ items: Int, threads: Int) -> [Int] {
    let counts = Mutex([Int](repeating: 0, count: items))
    forEachInParallel(items, threads: threads) { item, worker in
      precondition(worker >= 0 && worker < threads)
      counts.withLock { $0[item] += 1 }
    }
    return counts.withLock { $0 }
  }

  @Test(arguments: [0, 1, 2, 3, 17, 200], [1, 2, 3, 8])
  func eachItemIsDoneOnce(items: Int, threads: Int) {
    for _ in 0..<50 {
      #expect(Self.counts(items, threads: threads) == Array(repeating: 1, count: items))
    }
  }

  @Test(arguments: [0, 1, 2, 3, 17, 200], [1, 2, 3, 8])
  func eachItemOfAShareIsDoneOnce(items: Int, threads: Int) {
    for round in 0..<50 {
      let counts = Mutex([Int](repeating: 0, count: items))
      forEachInParallel(sharing: items, threads: threads) { item in
        // One is slow now and then, so that others help.
        if item == round % 4 { usleep(200) }
        counts.withLock { $0[item] += 1 }
      }
      #expect(counts.withLock { $0 } == Array(repeating: 1, count: items))
    }
  }

  /// A helper that has gone to sleep wakes up again.
  @Test func pausesOfEveryLength() {
    for microseconds in [0, 10, 40, 50, 60, 100, 1_000, 20_000] {
      for _ in 0..<20 {
        usleep(UInt32(microseconds))
        #expect(Self.counts(4, threads: 3) == [1, 1, 1, 1])
      }
    }
  }

  @Test func workWithinWork() {
    let total = Atomic(0)
    forEachInParallel(6, threads: 3) { _ in
      forEachInParallel(5, threads: 2) { _ in total.add(1, ordering: .relaxed) }
    }
    #expect(total.load(ordering: .relaxed) == 30)
  }

  @Test func manyCallersAtOnce() async {
    let sums = await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          (0..<100).reduce(0) { sum, _ in sum + Self.counts(9, threads: 4).reduce(0, +) }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(sums == Array(repeating: 900, count: 8))
  }
}
