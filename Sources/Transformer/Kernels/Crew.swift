import Dispatch
import Synchronization

/// Threads that stay at the ready between one task and the next.
///
/// A training step hands out work four times within a few milliseconds, and to wake a sleeping thread takes tens of microseconds. So a
/// thread that has nothing to do looks out for work as long as that takes, before it sleeps.
final class Crew: Sendable {
  static let shared = Crew()

  /// Whether somebody's work is in hand.
  private let isBusy = Atomic(false)
  private let unfinished = Atomic(0)
  private let finished = Signal()
  // Both change only while `isBusy` is the caller's.
  private nonisolated(unsafe) var helpers: [Signal] = []
  private nonisolated(unsafe) var task: (@Sendable (Int) -> Void)?

  /// Runs `body(0)` on this thread and `body(1)` ... `body(workers - 1)` on others, and returns when those that began are done.
  ///
  /// Each call takes its share of work that all have in common, and returns when there is none left: so who has not begun when this thread
  /// returns from its own need not. Where the crew is busy already, as it is for work within work, other threads do it.
  func run(_ workers: Int, _ body: @Sendable (Int) -> Void) {
    guard !isBusy.exchange(true, ordering: .acquiring) else {
      DispatchQueue.concurrentPerform(iterations: workers, execute: body)
      return
    }
    defer { isBusy.store(false, ordering: .releasing) }
    withoutActuallyEscaping(body) { body in
      while helpers.count < workers - 1 { hire() }
      let called = helpers.prefix(workers - 1)
      task = body
      // This thread counts, too: whoever finishes last knows that it is the last.
      unfinished.store(called.count + 1, ordering: .relaxed)
      for helper in called { helper.give() }
      body(0)
      let late = called.count { $0.takeBack() }
      if unfinished.subtract(late + 1, ordering: .acquiringAndReleasing).newValue > 0 {
        finished.take()
      }
      task = nil
    }
  }

  /// Not inlined: the task must be let go of before it is reported as done, because it may not outlive `run`.
  @inline(never)
  private func work(as helper: Int) { task?(helper) }

  /// A thread of its own for one more helper.
  private func hire() {
    let (start, number) = (Signal(), helpers.count + 1)
    helpers.append(start)
    DispatchQueue(label: "temper.worker.\(number)", qos: .userInitiated).async { [self] in
      while true {
        start.take()
        work(as: number)
        if unfinished.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 {
          finished.give()
        }
      }
    }
  }
}
