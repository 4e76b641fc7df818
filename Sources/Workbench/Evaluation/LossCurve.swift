import Text

/// A small plot of a training run in characters: training loss as dots, validation loss as circles.
public struct LossCurve: Sendable {
  private let points: [TrainingEvent.HistoryPoint]

  /// - Parameter points: in the order of their steps, which are at least 0. Those whose loss is not finite are left out.
  public init(_ points: [TrainingEvent.HistoryPoint]) {
    self.points = points.filter { $0.loss.isFinite && ($0.validationLoss ?? 0).isFinite }
  }

  /// The plot, `height` lines of at most `width` columns and two below for the axis; nothing for fewer than two points.
  public func lines(width: Int, height: Int) -> [String] {
    let losses = points.flatMap { [$0.loss] + ($0.validationLoss.map { [$0] } ?? []) }
    guard points.count > 1, height > 1, width > 20, let low = losses.min(),
      let high = losses.max(), let lastStep = points.map(\.step).max()
    else { return [] }
    let values = (0..<height).map { high - (high - low) * Double($0) / Double(height - 1) }
    let labels = Self.labels(values)
    let labelWidth = max(7, (labels.map(\.count).max() ?? 0) + 2)
    let columns = width - labelWidth - 1
    var canvas = Array(repeating: Array(repeating: Character(" "), count: columns), count: height)

    func row(_ value: Double) -> Int {
      guard high > low else { return height - 1 }
      return Int(((high - value) / (high - low) * Double(height - 1)).rounded())
    }
    func column(_ step: Int) -> Int {
      Int((Double(step) / Double(max(lastStep, 1)) * Double(columns - 1)).rounded())
    }
    for point in points { canvas[row(point.loss)][column(point.step)] = "·" }
    for point in points {
      if let loss = point.validationLoss { canvas[row(loss)][column(point.step)] = "o" }
    }

    var lines = zip(labels, canvas).map { label, cells in
      var line =
        Display.padded(label, to: labelWidth - 1, alignedRight: true) + " |" + String(cells)
      while line.last == " " { line.removeLast() }
      return line
    }
    let blank = String(repeating: " ", count: labelWidth)
    lines.append(blank + "+" + String(repeating: "-", count: columns))
    let end = "step \(lastStep)"
    let hasValidation = points.contains { $0.validationLoss != nil }
    let legend = hasValidation ? "· training  o validation" : "· training"
    let gap = max(1, columns - legend.count - end.count)
    lines.append(blank + " " + legend + String(repeating: " ", count: gap) + end)
    return lines
  }

  /// The values, two at least and falling, at most 9,999, with two decimals, or as many as it takes to tell neighbours from one another.
  private static func labels(_ values: [Double]) -> [String] {
    let distance = values[0] - values[1]
    var (decimals, smallest) = (2, 0.01)
    while distance > 0, distance < smallest, decimals < 6 {
      decimals += 1
      smallest /= 10
    }
    return values.map { min($0, 9_999).decimals(decimals) }
  }
}
