import Text

/// Shows a comparison of temperatures to a person.
package enum ComparisonLayout {
  /// Narrower columns cannot be read.
  private static let narrowest = 14

  /// The texts in columns side by side, as wide as fits into `width`, with the measures under each; one below another if the
  /// columns would be too narrow.
  package static func output(_ report: ComparisonReport, width: Int) -> [SessionOutput] {
    var output: [SessionOutput] = []
    if let remark = Session.remark(about: report.substitutions) { output.append(.remark(remark)) }
    let count = report.columns.count
    let columnWidth = (width - 2 * (count - 1)) / max(count, 1)
    if columnWidth >= narrowest {
      output += columns(report, columnWidth: min(columnWidth, 60), width: width)
    } else {
      output += blocks(report)
    }
    let samples = report.columns.first?.samples.count ?? 0
    let seeds =
      samples == 1 ? "seed \(report.seed)" : "seeds from \(report.seed), one for each row"
    output.append(
      .remark("\(seeds) · the same noise at every temperature · entropy and loss in nats"))
    return output
  }

  private static func columns(
    _ report: ComparisonReport, columnWidth: Int, width: Int
  ) -> [SessionOutput] {
    func rows(_ style: SessionOutput.Style, _ block: (ComparisonReport.Column) -> [String])
      -> [SessionOutput]
    {
      TextColumns.sideBySide(report.columns.map(block), width: columnWidth)
        .map { .text($0 + "\n", style) }
    }
    var output: [SessionOutput] = []
    if !report.prompt.isEmpty {
      output.append(.text(Display.truncated(shown(report.prompt), to: width) + "\n", .prompt))
    }
    output += rows(.heading) { ["T = \($0.temperature.shortest)"] }
    for sample in 0..<(report.columns.first?.samples.count ?? 0) {
      if sample > 0 { output.append(.line("")) }
      output += rows(.plain) { TextColumns.wrap($0.samples[sample].text, width: columnWidth) }
    }
    output += rows(.remark, measures)
    return output
  }

  private static func blocks(_ report: ComparisonReport) -> [SessionOutput] {
    var output: [SessionOutput] = []
    for column in report.columns {
      output.append(.heading("T = \(column.temperature.shortest)"))
      for sample in column.samples {
        output.append(.text(report.prompt, .prompt))
        output.append(.text(sample.text, .generated(probability: nil)))
        if sample.text.last != "\n" { output.append(.text("\n", .plain)) }
      }
      output.append(.remark(measures(column).joined(separator: " · ")))
    }
    return output
  }

  private static func measures(_ column: ComparisonReport.Column) -> [String] {
    func value(_ number: Double?) -> String { number?.decimals(3) ?? "-" }
    return [
      "entropy \(value(column.entropy))", "loss \(value(column.loss))",
      "at T = 1 \(value(column.modelLoss))",
    ]
  }

  /// The prompt's end on one line: what the columns go on from.
  private static func shown(_ prompt: String) -> String {
    let prompt = Display.inline(prompt)
    return prompt.count > 200 ? "…" + prompt.suffix(200) : prompt
  }
}
