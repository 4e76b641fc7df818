import Text

/// Shows to a person how reliable a model's probabilities are.
package enum CalibrationLayout {
  /// A fitted temperature in a line.
  package static func line(_ fit: TemperatureFit) -> String {
    guard !fit.isAtLimit else {
      return "fitted temperature: none; the loss falls on and on towards T = "
        + (fit.temperature < 1 ? "0, as no character was a surprise" : "infinity")
    }
    let error = fit.standardError.map { " (± \($0.decimals(4)) standard error)" } ?? ""
    return "fitted temperature \(fit.temperature.decimals(4))\(error), "
      + "loss there \(fit.loss.decimals(4)) nats a character"
  }

  /// The temperatures and the reliability diagram, for a terminal.
  package static func output(_ calibration: Calibration) -> [SessionOutput] {
    let fit = calibration.fit
    var output: [SessionOutput] = [
      .heading("Calibration"),
      .line(line(fit)),
      .line(
        "  fitted on the first \(Session.count(fit.characters, "character")), measured on the "
          + "other \(calibration.characters.grouped):"),
    ]
    func row(_ name: String, _ loss: Double, _ reliability: Reliability) -> SessionOutput {
      .line(
        "  " + Display.padded(name, to: 12) + "loss \(loss.decimals(4))   "
          + "ECE \(reliability.expectedCalibrationError.decimals(4))")
    }
    output.append(row("T = 1", calibration.loss, calibration.reliability))
    output.append(
      row(
        "T = \(fit.temperature.decimals(4))", calibration.lossAtBestTemperature,
        calibration.reliabilityAtBestTemperature))
    if let match = calibration.entropyMatch {
      let about = "over \(match.samples) texts of \(match.length) characters"
      output.append(
        .line(
          match.isAtLimit
            ? "no temperature found at which its own text is as uncertain as its loss"
            : "at T = \(match.temperature.decimals(2)) its own text has entropy "
              + "\(match.entropy.decimals(3)), its loss (\(about))"))
    }
    output.append(.heading("How often it is right when it is so sure (T = 1)"))
    for bin in calibration.reliability.bins {
      guard let confidence = bin.confidence, let accuracy = bin.accuracy else { continue }
      let range = "\((100 * bin.lowest).decimals(0))-\((100 * bin.highest).decimals(0))%"
      output.append(
        .line(
          "  " + Display.padded(range, to: 9) + percent(confidence) + " sure, " + percent(accuracy)
            + " right  " + diagram(confidence, accuracy, width: 30)
            + Display.padded(bin.count.grouped, to: 10, alignedRight: true)))
    }
    output.append(.remark("  the bar: how often right; |: how sure; the last column: characters"))
    return output
  }

  private static func percent(_ share: Double) -> String {
    Display.padded("\((100 * share).decimals(1))%", to: 6, alignedRight: true)
  }

  /// A bar for the accuracy and a mark at the confidence.
  static func diagram(_ confidence: Double, _ accuracy: Double, width: Int) -> String {
    let bar = Int((accuracy * Double(width)).rounded())
    let mark = min(Int(confidence * Double(width)), width - 1)
    return (0..<width).map { $0 == mark ? "|" : $0 < bar ? "█" : "·" }.joined()
  }

  /// A page with the reliability diagrams.
  /// - Parameters:
  ///   - model: what the model is called.
  ///   - facts: what else the page is about, in pairs of a name and a text.
  package static func page(
    _ calibration: Calibration, model: String, facts: [(name: String, text: HTML)] = []
  ) -> HTMLPage {
    let fit = calibration.fit
    let temperature = fit.temperature.decimals(3)
    let rows = zip(calibration.reliability.bins, calibration.reliabilityAtBestTemperature.bins)
      .map { plain, best -> HTML in
        func cells(_ bin: Reliability.Bin) -> HTML {
          func percent(_ share: Double?) -> String {
            share.map { "\((100 * $0).decimals(1))%" } ?? "–"
          }
          return
            "<td>\(bin.count.grouped)</td><td>\(percent(bin.confidence))</td><td>\(percent(bin.accuracy))</td>"
        }
        let range = "\((100 * plain.lowest).decimals(0))–\((100 * plain.highest).decimals(0))%"
        return "<tr><th scope=\"row\">\(range)</th>\(cells(plain))\(cells(best))</tr>\n"
      }
    let match: HTML =
      calibration.entropyMatch.map { match in
        match.isAtLimit
          ? """
          <p>No temperature was found at which its own text is as uncertain as its loss.</p>
          """
          : """
          <p>At T = \(match.temperature.decimals(2)) the model is as undecided about its own text \
          (\(match.entropy.decimals(3)) nats a character, over \(match.samples) texts of \
          \(match.length) characters, seeds from \(match.seed)) as it is surprised by the second \
          half (\(calibration.loss.decimals(3)) nats).</p>
          """
      } ?? .empty
    let about = facts.isEmpty ? HTML.empty : HTMLPage.facts(facts)
    return HTMLPage(
      title: "Calibration of \(model)",
      body: """
        \(about)<p>The \(line(fit)), on the first \(fit.characters.grouped) characters of the text. \
        What follows was measured on the other \(calibration.characters.grouped): loss \
        \(calibration.loss.decimals(4)) at T = 1 and \(calibration.lossAtBestTemperature.decimals(4)) \
        at T = \(temperature).</p>
        \(match)
        <div class="plots">
        <figure>\(plot(calibration.reliability, "T = 1").svg())</figure>
        <figure>\(plot(calibration.reliabilityAtBestTemperature, "T = \(temperature)").svg())</figure>
        </div>
        <p class="note">Predictions are sorted by the probability of the likeliest character; a bar \
        is the share in which that character came, and the dashed line what its height would be if \
        probabilities were exact.</p>
        <div class="scroll" tabindex="0"><table>
        <thead><tr><th rowspan="2">Sure</th><th colspan="3">T = 1</th>\
        <th colspan="3">T = \(temperature)</th></tr>
        <tr><th>characters</th><th>sure</th><th>right</th>\
        <th>characters</th><th>sure</th><th>right</th></tr></thead>
        <tbody>
        \(rows)</tbody></table></div>
        """)
  }

  private static func plot(_ reliability: Reliability, _ name: String) -> Plot {
    let error = (100 * reliability.expectedCalibrationError).decimals(2)
    var plot = Plot(
      title: "\(name): expected calibration error \(error)%", xTitle: "how sure")
    plot.bars = reliability.bins.compactMap { bin in
      bin.accuracy.map {
        Plot.Bar(
          x: bin.lowest...bin.highest, y: $0,
          hint: "\((100 * (bin.confidence ?? 0)).decimals(1))% sure, "
            + "\((100 * $0).decimals(1))% right, \(bin.count.grouped) characters")
      }
    }
    plot.series = [
      Plot.Series(
        name: "", points: [Plot.Point(x: 0, y: 0), Plot.Point(x: 1, y: 1)], color: 1,
        isDashed: true, hasDots: false)
    ]
    plot.xRange = 0...1
    plot.yRange = 0...1
    return plot
  }
}
