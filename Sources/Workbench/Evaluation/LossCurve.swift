/// A small plot of a training run in characters: training loss as dots, validation loss as circles.
public struct LossCurve: Sendable {
  private let points: [TrainingEvent.HistoryPoint]

  /// Points whose loss is not finite are left out.
  public init(_ points: [TrainingEvent.HistoryPoint]) {
    self.points = points.filter { $0.loss.isFinite && ($0.validationLoss ?? 0).isFinite }
  }

  /// The plot, `height` lines of at most `width` columns and two below for the axis; nothing for fewer than two points.
  public func lines(width: Int, height: Int) -> [String] {
    let values = points.flatMap { [$0.loss] + ($0.validationLoss.map { [$0] } ?? []) }
    guard points.count > 1, height > 1, width > 20, let low = values.min(),
      let high = values.max(), let lastStep = points.last?.step
    else { return [] }
    let labelWidth = 7
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

    var lines = canvas.enumerated().map { index, cells in
      let value = high - (high - low) * Double(index) / Double(height - 1)
      var line = Self.label(value, width: labelWidth) + "|" + String(cells)
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

  /// A value with two decimals, flush right.
  private static func label(_ value: Double, width: Int) -> String {
    let hundredths = Int((min(max(value, 0), 9_999) * 100).rounded())
    let text = "\(hundredths / 100).\(hundredths % 100 / 10)\(hundredths % 10) "
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }
}
