/// Values between 0 and 1 as a grid of cells, whose colour is as strong as the square root of the
/// value: small ones can be seen.
package struct HeatMap: Sendable {
  /// What it shows, for those who cannot see it.
  package var title: String
  /// values[row][column]; what is not above `smallest` is left blank.
  package var values: [[Double]]
  /// A label for each row and each column; shown where there is room.
  package var rowLabels: [String]
  package var columnLabels: [String]
  /// Values that nobody could see are not drawn, which keeps large maps small.
  package var smallest = 0.004

  package init(title: String, values: [[Double]], rowLabels: [String], columnLabels: [String]) {
    self.title = title
    self.values = values
    self.rowLabels = rowLabels
    self.columnLabels = columnLabels
  }

  /// How wide the map is in CSS pixels, and the width to which it may shrink before its labels
  /// become too small to read.
  package func widths(cell: Double) -> (natural: Double, least: Double) {
    let size = Self.labelSize(cell: cell)
    let natural =
      (rowLabels.isEmpty ? 2 : 2 * size) + cell * Double(values.map(\.count).max() ?? 0) + 2
    return (natural, rowLabels.isEmpty ? 0 : natural * min(1, 7 / size))
  }

  /// The height of labels, in CSS pixels before scaling.
  private static func labelSize(cell: Double) -> Double { min(0.85 * cell, 13) }

  /// The map as an element of a page.
  /// - Parameters:
  ///   - cell: the side of a cell, in CSS pixels before scaling.
  ///   - hint: what the reader is told on pointing at a cell.
  package func svg(
    cell: Double = 14,
    hint: (_ row: Int, _ column: Int, _ value: Double) -> String? = { _, _, _ in nil }
  ) -> HTML {
    let columns = values.map(\.count).max() ?? 0
    let size = Self.labelSize(cell: cell)
    let room = 2 * size
    let (left, top) = (rowLabels.isEmpty ? 2 : room, columnLabels.isEmpty ? 2 : room)
    let width = widths(cell: cell).natural
    let height = top + cell * Double(values.count) + 2
    var pieces: [HTML] = []
    if cell >= 9 {
      pieces += rowLabels.prefix(values.count).enumerated().map { row, label in
        let y = top + (Double(row) + 0.5) * cell + 0.35 * size
        return "<text x=\"\(left / 2)\" y=\"\(y)\">\(label)</text>"
      }
      pieces += columnLabels.prefix(columns).enumerated().map { column, label in
        let x = left + (Double(column) + 0.5) * cell
        return "<text x=\"\(x)\" y=\"\(top - 0.6 * size)\">\(label)</text>"
      }
    }
    for (row, cells) in values.enumerated() {
      for (column, value) in cells.enumerated() where value.isFinite && value > smallest {
        let told: HTML = hint(row, column, value).map { "<title>\($0)</title>" } ?? .empty
        pieces.append(
          """
          <rect class="cell" x="\(left + Double(column) * cell)" y="\(top + Double(row) * cell)" \
          width="\(cell)" height="\(cell)" fill-opacity="\(min(value, 1).squareRoot())">\(told)</rect>
          """)
      }
    }
    return """
      <svg class="plot map" viewBox="0 0 \(width) \(height)" role="img" aria-label="\(title)" \
      style="--label: \(size)px">\(pieces)</svg>
      """
  }
}
