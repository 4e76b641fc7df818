import Transformer

/// How the learning rate moves over a training run.
public struct Schedule: Sendable, Equatable {
  /// The course after warm-up.
  public enum Shape: String, Sendable, Equatable, CaseIterable {
    /// Straight down to `finalShare`.
    case linear
    /// Half a cosine down to `finalShare`.
    case cosine
    /// No change.
    case constant
  }

  public var shape: Shape
  /// Steps over which the rate rises from 0.
  public var warmup: Int
  /// What is left of the rate at the end of the run.
  public static let finalShare = 0.02

  public init(shape: Shape = .linear, warmup: Int = 20) {
    self.shape = shape
    self.warmup = warmup
  }

  /// The share of the peak learning rate for one step.
  /// - Parameters:
  ///   - step: 0 for the first.
  ///   - progress: how much of the run is done, 0...1, in steps or in time.
  public func factor(step: Int, progress: Double) -> Double {
    let rise = step < warmup ? Double(step + 1) / Double(warmup) : 1
    let done = min(max(progress, 0), 1)
    let fall =
      switch shape {
      case .linear: 1 - (1 - Self.finalShare) * done
      case .cosine:
        Self.finalShare + (1 - Self.finalShare) * 0.5 * (1 + (Double.pi * done).cosine)
      case .constant: 1.0
      }
    return rise * fall
  }
}
