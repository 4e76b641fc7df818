import Text

/// Shows a comparison of temperatures to a person.
package enum ComparisonLayout {
  /// Narrower columns cannot be read.
  private static let narrowest = 14
  /// More texts than this at each temperature are measured, but not shown.
  private static let mostShown = 3

  /// The texts in columns side by side, as wide as fits into `width`, with the measures under each; one below another if the
  /// columns would be too narrow. Then why neighbours part, and the measures over the temperature.
  package static func output(
    _ report: ComparisonReport, curves: ResponseCurves? = nil, width: Int
  ) -> [SessionOutput] {
    var output: [SessionOutput] = []
    if let remark = Session.remark(about: report.substitutions) { output.append(.remark(remark)) }
    let count = report.columns.count
    let columnWidth = (width - 2 * (count - 1)) / max(count, 1)
    let samples = report.columns.first?.samples.count ?? 0
    let shown = samples > mostShown ? 1 : samples
    if columnWidth >= narrowest {
      output += columns(report, shown, columnWidth: min(columnWidth, 60), width: width)
    } else {
      output += blocks(report, shown)
    }
    let seeds =
      samples == 1
      ? "seed \(report.seed)"
      : shown == samples
        ? "seeds from \(report.seed), one for each row"
        : "seed \(report.seed), the first of \(samples)"
    let everywhere = samples == 1 ? "at every temperature" : "everywhere"
    output.append(.remark("\(seeds) · the same noise \(everywhere) · entropy and loss in nats"))
    output += partings(report, width: width)
    if let curves { output += Self.curves(curves, width: width) }
    return output
  }

  private static func columns(
    _ report: ComparisonReport, _ samples: Int, columnWidth: Int, width: Int
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
    for sample in 0..<samples {
      if sample > 0 { output.append(.line("")) }
      output += rows(.plain) { TextColumns.wrap($0.samples[sample].text, width: columnWidth) }
    }
    output += rows(.remark, measures)
    return output
  }

  private static func blocks(_ report: ComparisonReport, _ samples: Int) -> [SessionOutput] {
    var output: [SessionOutput] = []
    for column in report.columns {
      output.append(.heading("T = \(column.temperature.shortest)"))
      for sample in column.samples.prefix(samples) {
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

  // MARK: Why texts part

  /// A line or two for each pair of neighbours: where their first texts part, and why.
  private static func partings(_ report: ComparisonReport, width: Int) -> [SessionOutput] {
    let partings = report.divergences.filter { $0.sample == 0 }
    guard !partings.isEmpty else { return [] }
    var output: [SessionOutput] = [
      .heading("Where neighbours part: each character is a line z + T g, the highest is drawn")
    ]
    for parting in partings {
      let left = report.columns[parting.left].temperature.shortest
      let right = report.columns[parting.right].temperature.shortest
      let a = character(parting.leftCharacter)
      let b = character(parting.rightCharacter)
      let place = "character \((parting.index + 1).grouped)"
      var lines = [
        "T = \(left) takes \(a), T = \(right) takes \(b), at \(place)"
      ]
      if let crossing = parting.crossing {
        let rows = ["\(a): \(formula(crossing.left))", "\(b): \(formula(crossing.right))"]
        let end = "cross at T = \(temperature(crossing.temperature))"
        let whole = "  " + rows.joined(separator: "   ") + "   " + end
        lines +=
          Display.width(of: whole) <= width ? [whole] : (rows + [end]).map { "  " + $0 }
      }
      output += lines.map(SessionOutput.line)
    }
    return output
  }

  /// z + T g in numbers.
  package static func formula(_ line: ComparisonReport.Crossing.Line) -> String {
    let sign = line.noise < 0 ? "-" : "+"
    return "\(line.logit.decimals(3)) \(sign) \(line.noise.magnitude.decimals(3)) T"
  }

  /// A temperature with three significant decimals, however small.
  package static func temperature(_ value: Double) -> String {
    value.magnitude >= 0.01 || value == 0 ? value.decimals(3) : "\(value)"
  }

  /// A character in a sentence; nil is the end of a text.
  package static func character(_ character: String?) -> String {
    guard let character else { return "the stop text" }
    switch character {
    case " ": return "a space"
    case "\n": return "a line break"
    case "\t": return "a tab"
    default: return "\"\(Display.inline(character))\""
    }
  }

  // MARK: Measures over the temperature

  private static let labelWidth = 33

  private static func curves(_ curves: ResponseCurves, width: Int) -> [SessionOutput] {
    guard !curves.curves.isEmpty else { return [] }
    let count = curves.temperatures.count
    let texts = Session.count(curves.samples, "text")
    var output: [SessionOutput] = [.heading("Over \(texts) at each temperature")]
    let cellWidth = 17
    let sparkWidth = max(count, 5) + 2
    let hasCells = labelWidth + sparkWidth + count * cellWidth <= width
    func label(_ text: String, _ spark: String) -> String {
      Display.padded(text, to: labelWidth) + Display.padded(spark, to: sparkWidth)
    }
    func trimmed(_ line: String) -> String {
      var line = line
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }
    if hasCells {
      let heads = curves.temperatures.map {
        Display.padded("T = \($0.shortest)", to: cellWidth)
      }
      output.append(.text(trimmed(label("", "") + heads.joined()), .heading))
    }
    for curve in curves.curves {
      let means = curve.values.map { $0?.mean }
      var line = label(curve.measure.title, Sparkline.text(means))
      if hasCells {
        for value in curve.values {
          line += Display.padded(value.map(curve.measure.shown) ?? "-", to: cellWidth)
        }
      } else if let first = curve.values.first, let last = curve.values.last {
        // Both ends, with intervals where they fit.
        let ends = [first, last].map { $0.map(curve.measure.shown) ?? "-" }
        let whole = line + ends.joined(separator: " … ")
        line =
          Display.width(of: whole) <= width
          ? whole
          : line
            + [first, last].map { $0.map { curve.measure.shown($0.mean) } ?? "-" }
            .joined(separator: " … ")
      }
      output.append(.text(trimmed(line), .plain))
    }
    let low = curves.temperatures.first?.shortest ?? ""
    let high = curves.temperatures.last?.shortest ?? ""
    let range = "from T = \(low) to T = \(high)"
    let meaning = curves.samples > 1 ? " · mean ± 95% interval (Student's t over texts)" : ""
    output.append(.remark(range + meaning))
    return output
  }
}
