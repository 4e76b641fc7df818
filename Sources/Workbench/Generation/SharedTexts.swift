import Synchronization
import Transformer

/// Texts that several threads generate. Each worker takes one group of them after the other; who finds none left gets half of those that another
/// one is at, where these stand. So threads that are not equally fast, or are held up by other programs, are done at about the same time.
final class SharedTexts: Sendable {
  private let workers: [Worker]
  private let state: Mutex<State>

  private struct State {
    /// The numbers of texts that nobody has begun, the next group last.
    var groups: [ArraySlice<Int>]
    /// Workers that have texts, or are about to look for some.
    var atWork = 0
    /// Workers that found none.
    var idle: [Worker] = []
  }

  /// What a worker has to itself. Another one gives it texts while it is idle.
  private final class Worker: @unchecked Sendable {
    /// There from `prepare` on.
    var texts: TextsInStep!
    /// Given to an idle worker when it has texts, or will get none any more.
    let news = Signal()
    private let make: () -> TextsInStep

    init(_ make: @escaping () -> TextsInStep) { self.make = make }

    /// Takes memory, on its own thread, so that the memory is near.
    func prepare() { texts = make() }
  }

  /// - Parameters:
  ///   - groups: the numbers of texts that grow together; no group is larger than the first.
  ///   - workers: how many there are, at most as many as groups.
  ///   - make: makes room for a group.
  init(_ groups: [ArraySlice<Int>], workers: Int, _ make: @escaping () -> TextsInStep) {
    self.workers = (0..<workers).map { _ in Worker(make) }
    state = Mutex(State(groups: groups.reversed()))
  }

  /// Lets all texts grow to their ends. To be called once.
  ///
  /// - Parameters:
  ///   - shouldStop: asked before each character, on every thread.
  ///   - begin: gives the text with a number, as far as it is; called once for each, on the thread that begins it.
  ///   - finish: takes it; called once for each, on the thread where it came to its end.
  func grow(
    shouldStop: @Sendable () -> Bool, begin: @Sendable (Int) -> GrowingText,
    finish: @Sendable (Int, inout GrowingText) -> Void
  ) {
    forEachInParallel(workers.count, threads: workers.count) {
      let worker = workers[$0]
      worker.prepare()
      state.withLock { $0.atWork += 1 }
      while findTexts(for: worker, begin) {
        while worker.texts.areGrowing, !shouldStop() {
          if worker.texts.areWorthHalving { giveHalf(of: worker) }
          worker.texts.step()
        }
        for var numbered in worker.texts.takeAll() { finish(numbered.number, &numbered.text) }
      }
    }
  }

  /// Waits until a worker has texts.
  /// - Returns: false if there is nothing left to do.
  private func findTexts(for worker: Worker, _ begin: (Int) -> GrowingText) -> Bool {
    enum Found {
      case group(ArraySlice<Int>)
      case nothingYet
      case nothing(waiting: [Worker])
    }
    let found: Found = state.withLock { state in
      if let group = state.groups.popLast() { return .group(group) }
      state.atWork -= 1
      guard state.atWork == 0 else {
        state.idle.append(worker)
        return .nothingYet
      }
      defer { state.idle = [] }
      return .nothing(waiting: state.idle)
    }
    switch found {
    case .group(let group):
      worker.texts.begin(group.map { TextsInStep.Numbered(number: $0, text: begin($0)) })
      return true
    case .nothingYet:
      worker.news.take()
      return worker.texts.areGrowing
    case .nothing(let waiting):
      for worker in waiting { worker.news.give() }
      return false
    }
  }

  /// Gives half of a worker's texts to an idle one, if there is one.
  private func giveHalf(of worker: Worker) {
    let idle = state.withLock { state in
      let idle = state.idle.popLast()
      if idle != nil { state.atWork += 1 }
      return idle
    }
    guard let idle else { return }
    worker.texts.giveHalf(to: &idle.texts)
    idle.news.give()
  }
}
