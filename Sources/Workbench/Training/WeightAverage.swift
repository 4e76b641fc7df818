import Transformer

/// The average of the weights over the last steps of a run, as far as it is known without keeping them: each step moves it by 1/n towards the
/// weights, where n counts the steps so far up to `window`. It is their plain mean at first, then an exponential one.
///
/// Steps of a small batch scatter around where they lead on average, the more the higher the learning rate is. The average loses most of
/// that scatter, which another way to lose is many steps at a low rate.
///
/// Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging" (1992).
final class WeightAverage {
  let weights: Parameters<Float>
  /// Steps that are in it.
  private(set) var steps: Int
  private let window: Int

  /// Elements that are averaged as one task.
  private static let chunk = 65_536

  /// - Parameter window: n grows up to this; at least 1.
  init(_ configuration: Configuration, window: Int) {
    weights = Parameters(configuration)
    steps = 0
    self.window = window
  }

  /// Takes in the weights after a step.
  func add(_ latest: Parameters<Float>, threads: Int) {
    steps = min(steps + 1, window)
    let share = 1 / Float(steps)
    let (average, latest) = (weights.elements, latest.elements)
    let tasks = (average.count + Self.chunk - 1) / Self.chunk
    forEachInParallel(sharing: tasks, threads: threads) { task in
      for i in task * Self.chunk..<min((task + 1) * Self.chunk, average.count) {
        average[i] += share * (latest[i] - average[i])
      }
    }
  }

  /// Goes on with an average of so many steps, which `weights` has received.
  func resume(steps: Int) { self.steps = min(steps, window) }
}
