import CKernels
import Dispatch
import Synchronization

/// What one thread gives and another takes, once each in turn; the taker looks out for it for a while before it sleeps.
package final class Signal: Sendable {
  private let isGiven = Atomic(false)
  private let isAsleep = Atomic(false)
  private let alarm = DispatchSemaphore(value: 0)

  /// How often to look: for 47 microseconds on a processor of 4.2 GHz.
  private static let patience = 2_000

  package init() {}

  package func give() {
    isGiven.store(true, ordering: .sequentiallyConsistent)
    if isAsleep.exchange(false, ordering: .sequentiallyConsistent) { alarm.signal() }
  }

  /// Whether what was given had not been taken; then it will not be.
  func takeBack() -> Bool { isGiven.exchange(false, ordering: .acquiringAndReleasing) }

  package func take() {
    var looks = 0
    while !(isGiven.load(ordering: .relaxed) && takeBack()) {
      looks += 1
      if looks < Self.patience {
        temper_pause()
      } else {
        sleep()
      }
    }
  }

  private func sleep() {
    isAsleep.store(true, ordering: .sequentiallyConsistent)
    // Given meanwhile? Then the alarm goes off only if the giver saw that this thread was about to sleep.
    if isGiven.load(ordering: .sequentiallyConsistent),
      isAsleep.exchange(false, ordering: .sequentiallyConsistent)
    {
      return
    }
    alarm.wait()
  }
}
