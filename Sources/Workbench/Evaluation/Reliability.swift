import Safetensors

/// How far a model's confidence can be trusted: predictions sorted into bins of equal width by the
/// probability of the likeliest character, and how often that character came.
///
/// Source: Guo et al., "On Calibration of Modern Neural Networks" (2017), section 2.
public struct Reliability: Sendable, Equatable {
  /// The predictions with a confidence in one range.
  public struct Bin: Sendable, Equatable {
    public let lowest, highest: Double
    /// How many there are.
    public internal(set) var count = 0
    var summedConfidence = 0.0
    var right = 0

    /// The mean probability of the likeliest character; nil of none.
    public var confidence: Double? { count == 0 ? nil : summedConfidence / Double(count) }
    /// The share in which the likeliest character came; nil of none.
    public var accuracy: Double? { count == 0 ? nil : Double(right) / Double(count) }
  }

  /// From 0 to 1; a confidence on a border belongs to the upper bin.
  public private(set) var bins: [Bin]

  /// - Parameter bins: how many.
  public init(bins: Int = 10) {
    let count = max(bins, 1)
    self.bins = (0..<count).map {
      Bin(lowest: Double($0) / Double(count), highest: Double($0 + 1) / Double(count))
    }
  }

  /// Adds a prediction.
  /// - Parameters:
  ///   - confidence: the probability of the likeliest character, in 0...1.
  ///   - isRight: whether it came.
  public mutating func add(confidence: Double, isRight: Bool) {
    let place = min(max(confidence, 0), 1) * Double(bins.count)
    let index = min(Int(place), bins.count - 1)
    bins[index].count += 1
    bins[index].summedConfidence += confidence
    bins[index].right += isRight ? 1 : 0
  }

  /// Σ_b n_b / n · |accuracy_b - confidence_b|; 0 of nothing.
  public var expectedCalibrationError: Double {
    let count = bins.reduce(0) { $0 + $1.count }
    guard count > 0 else { return 0 }
    return bins.reduce(0) { $0 + abs(Double($1.right) - $1.summedConfidence) } / Double(count)
  }

  static func + (a: Reliability, b: Reliability) -> Reliability {
    var sum = a
    for index in sum.bins.indices {
      sum.bins[index].count += b.bins[index].count
      sum.bins[index].summedConfidence += b.bins[index].summedConfidence
      sum.bins[index].right += b.bins[index].right
    }
    return sum
  }

  /// [{"from", "to", "count", "confidence", "accuracy"}].
  var json: JSONValue {
    .array(
      bins.map { bin in
        [
          "from": JSONValue(bin.lowest), "to": JSONValue(bin.highest),
          "count": JSONValue(bin.count), "confidence": .numberOrNull(bin.confidence),
          "accuracy": .numberOrNull(bin.accuracy),
        ]
      })
  }
}
