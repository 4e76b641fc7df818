import Text

/// Shows attention maps to a person, on a terminal and on a page.
package enum AttentionLayout {
  private static let most = 64

  /// A heat map of each layer: a column for each character looked at, half a line for each that
  /// looks. Of a long text, as many of the last characters as fit.
  /// - Parameters:
  ///   - width: columns of the terminal.
  ///   - layer: which one, from 0; nil for all.
  package static func output(_ map: AttentionMap, width: Int, layer: Int? = nil) -> [SessionOutput]
  {
    let labels = map.characters.map { NextCharacter.shown($0) }
    let cell = labels.map { Display.width(of: $0) }.max() ?? 1 > 1 ? 2 : 1
    let left = 2 * cell + 3
    let shown = max(min(map.characters.count, (width - left - 1) / cell, most), 1)
    let first = map.characters.count - shown

    var output: [SessionOutput] = []
    if let remark = Session.remark(about: map.substitutions) { output.append(.remark(remark)) }
    if first + map.leftOut > 0 {
      output.append(
        .remark(
          "the last \(shown) of \((map.characters.count + map.leftOut).grouped) characters"))
    }
    let top =
      String(repeating: " ", count: left)
      + labels[first...].map { Display.padded(Display.truncated($0, to: cell), to: cell) }.joined()
    for (index, rows) in map.weights.enumerated() where layer == nil || layer == index {
      output.append(.heading("Layer \(index + 1)"))
      output.append(.remark(top))
      for query in stride(from: first, to: map.characters.count, by: 2) {
        let lower = query + 1 < map.characters.count ? query + 1 : nil
        let names = [labels[query], lower.map { labels[$0] } ?? ""].map {
          Display.padded(Display.truncated($0, to: cell), to: cell)
        }
        output.append(.text(" " + names.joined() + "  ", .remark))
        for key in first...(lower ?? query) {
          func weight(_ query: Int?) -> Double {
            query.map { key <= $0 ? Double(rows[$0][key]) : 0 } ?? 0
          }
          output.append(
            .text(
              String(repeating: "▀", count: cell),
              .shade(upper: weight(query), lower: weight(lower))))
        }
        output.append(.text("\n", .plain))
      }
    }
    output.append(
      .remark("Each character (left, two to a line) looks at those above; brighter is more."))
    return output
  }

  /// Characters that a page shows; cells grow with their square.
  private static let mostOnPage = 128

  /// A page with a heat map for each layer, which tells the numbers on pointing at a cell.
  package static func page(_ map: AttentionMap, model: String) -> HTMLPage {
    let count = min(map.characters.count, mostOnPage)
    let first = map.characters.count - count
    let labels = map.characters[first...].map { NextCharacter.shown($0) }
    let cell = count <= 40 ? 18.0 : count <= 80 ? 12 : 9
    let figures = map.weights.enumerated().map { layer, rows -> HTML in
      let values = rows[first...].map { row in row.dropFirst(first).map { Double($0) } }
      let heat = HeatMap(
        title: "Attention of layer \(layer + 1)", values: values, rowLabels: labels,
        columnLabels: labels)
      let drawing = heat.svg(cell: cell) { row, column, value in
        "\(labels[row]) looks at \(labels[column]), \(row - column) back: "
          + "\((100 * value).decimals(1))%"
      }
      let widths = heat.widths(cell: cell)
      return """
        <figure style="--natural: \(widths.natural)px; --least: \(widths.least)px"><h2>Layer \(layer + 1)</h2><div class="scroll" tabindex="0">\(drawing)</div></figure>

        """
    }
    let leftOut = first + map.leftOut
    let rest: HTML =
      leftOut > 0
      ? "<p class=\"note\">The last \(count) of \((count + leftOut).grouped) characters.</p>"
      : .empty
    return HTMLPage(
      title: "What \(model) looks at",
      body: """
        <p>Each row is a character that the model reads, each column one that it may look back at; \
        the stronger the colour, the more weight. A row's weights add up to 1. Pointing at a cell \
        tells its weight.</p>
        <p class="text">\(map.characters[first...].joined())</p>
        \(rest)<div class="maps">
        \(figures)</div>
        """, style: style)
  }

  /// Maps stand side by side where there is room. They shrink while labels can be read, and scroll
  /// from there on.
  private static let style: HTML = """
    .maps { display: flex; flex-wrap: wrap; gap: 0 2rem; }
    .maps > figure { flex: 1 1 max(50% - 1rem, var(--least)); min-width: 0;
      max-width: min(100%, var(--natural)); }
    .maps h2 { margin: 1rem 0 .25rem; font-size: 1rem; }
    .maps svg { min-width: var(--least); }
    @media (max-width: 60rem) { .maps > figure { flex-basis: 100%; } }
    @media print { .maps svg { min-width: 0; } }
    """
}
