import Safetensors
import Text

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// A comparison of temperatures as a page: the texts side by side, why they part, and the measures
/// over the temperature.
package struct ComparisonPage {
  private let report: ComparisonReport
  private let curves: ResponseCurves?
  /// What stands at the top: what the page is about, in pairs of a name and a text.
  private let facts: [(name: String, text: HTML)]
  private let note: String?

  /// Texts beyond this many at each temperature are measured, but not shown.
  private static let mostShown = 6
  /// Characters beyond this many of a text are measured, but not shown: a browser has to lay out
  /// each of them by itself.
  package static let mostCharacters = 2000
  /// Characters of a prompt's end that are shown before each text.
  private static let promptShown = 160

  /// - Parameters:
  ///   - model: what the model is called.
  ///   - command: what was typed to make the page; nil to leave it out.
  ///   - note: what else there is to say about the measures.
  package init(
    _ report: ComparisonReport, curves: ResponseCurves?, model: String, command: String?,
    note: String? = nil
  ) {
    self.report = report
    self.curves = curves
    self.note = note
    let samples = report.columns.first?.samples.count ?? 0
    var facts: [(name: String, text: HTML)] = []
    func add(_ name: String, _ text: String) { facts.append((name, HTML(text: text))) }
    add("model", model)
    add(
      "prompt",
      report.prompt.isEmpty
        ? "none: texts begin as if after a line break" : Self.end(of: report.prompt))
    add(
      samples > 1 ? "seeds" : "seed",
      samples > 1
        ? "\(report.seed) and the \(samples - 1) after it, the same at each temperature"
        : "\(report.seed)")
    add("length", "at most \(report.length.grouped) characters")
    add("filters", Self.filters(report.sampling))
    if let corpus = curves?.corpus, !corpus.isEmpty {
      add("corpus", corpus.map { FileSystem.split($0).name }.joined(separator: ", "))
    }
    if let command { facts.append(("command", HTMLPage.command(command))) }
    self.facts = facts
  }

  /// The page.
  package var page: HTMLPage {
    HTMLPage(
      title: "One prompt, \(Session.count(report.columns.count, "temperature"))",
      body: """
        <p>Every column is drawn with the same random numbers, so the temperature alone makes the \
        difference, until the first character that differs: from there on the texts go on from \
        different beginnings.</p>
        \(HTMLPage.facts(facts))\(texts)
        \(partings)
        \(measures)
        """, style: Self.style)
  }

  // MARK: Texts

  private var texts: HTML {
    let samples = report.columns.first?.samples.count ?? 0
    let shown = min(samples, Self.mostShown)
    let more: HTML =
      shown < 2
      ? .empty
      : HTML(
        (1..<shown).map { sample in
          """
          <details><summary>seed \(report.seed &+ UInt64(sample))</summary>
          <div class="columns">\(report.columns.indices.map { column($0, sample) })</div></details>

          """
        })
    let left: HTML =
      samples > shown
      ? """
      <p class="note">\(samples - shown) more texts at each temperature are measured below, and not \
      shown.</p>
      """ : .empty
    let isCut = report.columns.contains {
      $0.samples.prefix(shown).contains { $0.characters.count > Self.mostCharacters }
    }
    let cut: HTML =
      isCut
      ? """
      <p class="note">Of each text the first \(Self.mostCharacters.grouped) characters are shown; all \
      are measured.</p>
      """ : .empty
    return """
      <section class="texts">
      <h2>Side by side</h2>
      <span class="note">Colour by</span>
      <input type="radio" name="color" id="by-probability" checked>\
      <label for="by-probability">probability</label>
      <input type="radio" name="color" id="by-surprise">\
      <label for="by-surprise">surprise</label>
      <input type="radio" name="color" id="by-nothing"><label for="by-nothing">none</label>
      \(Self.legends)
      \(cut)<div class="columns">\(report.columns.indices.map { column($0, 0) })</div>
      \(more)\(left)</section>
      """
  }

  private static var legends: HTML {
    let probabilities: [HTML] = ["&lt; 1%", "1–5%", "5–20%", "20–50%", "50–80%", "&gt; 80%"]
    let surprises: [HTML] = ["&lt; ½", "½–1", "1–2", "2–4", "4–6", "&gt; 6"]
    func keys(_ labels: [HTML], _ prefix: HTML) -> HTML {
      HTML(
        labels.enumerated().map { "<span class=\"\(prefix)\($0.offset)\">\($0.element)</span> " })
    }
    return """
      <p class="note legend for-p">how probable each character was in the distribution it was drawn \
      from: \(keys(probabilities, "p"))</p>
      <p class="note legend for-s">how surprising it is to the model itself, at T = 1, in bits: \
      \(keys(surprises, "s"))</p>
      """
  }

  private func column(_ index: Int, _ sample: Int) -> HTML {
    let column = report.columns[index]
    let text = column.samples[sample]
    /// Where this text parts from a neighbour, and the numbers under which that is explained.
    var flags: [Int: [Int]] = [:]
    if sample == 0 {
      for (number, parting) in shownPartings.enumerated()
      where parting.left == index || parting.right == index {
        flags[parting.index, default: []].append(number + 1)
      }
    }
    let hidden = text.characters.count - Self.mostCharacters
    let ending: HTML =
      if hidden > 0 {
        "<span class=\"end\" title=\"and \(hidden.grouped) characters more\">…</span>"
      } else if case .stop(let stop) = text.ending {
        "<span class=\"end\" title=\"the stop text \(Display.inline(stop))\">■</span>"
      } else { .empty }
    let atEnd = hidden > 0 ? .empty : flags[text.characters.count].map(Self.flag) ?? .empty
    func bits(_ nats: Double?) -> String { nats.map { ($0 / log(2)).decimals(2) } ?? "–" }
    return """
      <article>
      <h3>T = \(column.temperature.shortest)</h3>
      <p class="note">\(bits(text.entropy)) bits of entropy, \(bits(text.modelLoss)) of surprise</p>
      <div class="text"><span class="prompt">\(Self.end(of: report.prompt))</span>\
      \(sample == 0 ? characters(text, flags) : runs(text))\(atEnd)\(ending)</div>
      </article>

      """
  }

  /// The characters of a text that are shown. Of many line breaks in a row all but two are shown
  /// as marks: a text of nothing else, which a low temperature may give, would be a long blank.
  private static func shown(_ sample: Sample) -> [(text: String, character: GeneratedCharacter)] {
    let characters = Array(sample.characters.prefix(mostCharacters))
    var breaks = 0
    return characters.indices.map { index in
      let text = characters[index].text
      breaks = text == "\n" ? breaks + 1 : 0
      guard breaks > 2 else { return (text, characters[index]) }
      let isLast = index + 1 == characters.count || characters[index + 1].text != "\n"
      return (isLast ? "↵\n" : "↵", characters[index])
    }
  }

  /// Each character by itself, with what there is to say about it.
  private func characters(_ sample: Sample, _ flags: [Int: [Int]]) -> HTML {
    HTML(
      Self.shown(sample).enumerated().map { index, shown in
        let (text, character) = shown
        let drawn = Self.percent(exp(character.logProbability))
        let own = Self.percent(exp(character.modelLogProbability))
        let hint = "\(drawn) when drawn, \(own) at T = 1"
        let levels = Self.levels(character)
        guard let numbers = flags[index] else {
          return "<i class=\"\(levels)\" title=\"\(hint)\">\(text)</i>"
        }
        // A mark that nobody can see would be none.
        let visible =
          switch character.text {
          case "\n": "↵"
          case " ": "␣"
          default: character.text
          }
        let end = text.hasSuffix("\n") ? "\n" : ""
        return """
          <i class="\(levels) part" title="\(hint)">\(visible)</i>\(Self.flag(numbers))\(end)
          """
      })
  }

  private static func flag(_ numbers: [Int]) -> HTML {
    HTML(numbers.map { "<a class=\"flag\" href=\"#part-\($0)\">\($0)</a>" })
  }

  /// Neighbours of one look together.
  private func runs(_ sample: Sample) -> HTML {
    var pieces: [HTML] = []
    var run = ""
    var look = ""
    func end() {
      if !run.isEmpty { pieces.append("<i class=\"\(look)\">\(run)</i>") }
      run = ""
    }
    for (text, character) in Self.shown(sample) {
      let levels = Self.levels(character)
      if levels != look {
        end()
        look = levels
      }
      run += text
    }
    end()
    return HTML(pieces)
  }

  private static func levels(_ character: GeneratedCharacter) -> String {
    let p = exp(character.logProbability)
    let bits = -character.modelLogProbability / log(2)
    let probable = [0.01, 0.05, 0.2, 0.5, 0.8].count { p >= $0 }
    let surprising = [0.5, 1, 2, 4, 6].count { bits > $0 }
    return "p\(probable) s\(surprising)"
  }

  // MARK: Why texts part

  private var shownPartings: [ComparisonReport.Divergence] {
    report.divergences.filter { $0.sample == 0 }
  }

  private var partings: HTML {
    let partings = shownPartings
    guard !partings.isEmpty else {
      return report.columns.count < 2
        ? .empty
        : """
        <section><h2>Where they part</h2>
        <p>Nowhere: the texts of the first seed are the same at all these temperatures.</p></section>
        """
    }
    return """
      <section>
      <h2>Where they part, and why</h2>
      <p>A character is drawn if its z + T g is the highest: z is its logit, g the random number that \
      the seed has for it in this place. In T that is a straight line. Between two temperatures that \
      take different characters, their lines cross.</p>
      <div class="plots partings">
      \(partings.enumerated().map { parting($0.element, number: $0.offset + 1) })</div>
      </section>
      """
  }

  private func parting(_ parting: ComparisonReport.Divergence, number: Int) -> HTML {
    let (low, high) = (report.columns[parting.left], report.columns[parting.right])
    let (left, right) = (low.temperature, high.temperature)
    let a = ComparisonLayout.character(parting.leftCharacter)
    let b = ComparisonLayout.character(parting.rightCharacter)
    let shared = low.samples[0].characters.prefix(parting.index).suffix(24).map(\.text).joined()
    let before = parting.index > 24 ? "…" + shared : Self.end(of: report.prompt, 24) + shared
    let context = before.split(separator: "\n", omittingEmptySubsequences: false)
      .joined(separator: "↵")
    let what: HTML = """
      <b>\(number).</b> After <span class="text">\(Display.inline(context))</span><br>T = \
      \(left.shortest) takes \(a), T = \(right.shortest) takes \(b), as character \
      \((parting.index + 1).grouped).
      """
    guard let crossing = parting.crossing else {
      return "<figure id=\"part-\(number)\"><figcaption>\(what)</figcaption></figure>\n"
    }
    let last = max(left, right) * 1.15
    func series(_ line: ComparisonReport.Crossing.Line, _ name: String, _ color: Int)
      -> Plot.Series
    {
      Plot.Series(
        name: name,
        points: [0, last].map { Plot.Point(x: $0, y: line.value(at: $0)) }, color: color,
        hasDots: false)
    }
    var plot = Plot(title: "z + T g", xTitle: "temperature")
    plot.series = [series(crossing.left, a, 0), series(crossing.right, b, 1)]
    let crossingAt = ComparisonLayout.temperature(crossing.temperature)
    plot.marks = [Plot.Mark(x: crossing.temperature, label: "T = \(crossingAt)")]
    for (temperature, line, color) in [(left, crossing.left, 0), (right, crossing.right, 1)] {
      plot.series.append(
        Plot.Series(
          name: "",
          points: [
            Plot.Point(
              x: temperature, y: line.value(at: temperature),
              hint: "drawn at T = \(temperature.shortest)")
          ], color: color))
    }
    return """
      <figure id="part-\(number)">
      \(plot.svg(width: 290, height: 190))
      <figcaption>\(what) Their lines, \
      <span class="formula">\(ComparisonLayout.formula(crossing.left))</span> and \
      <span class="formula">\(ComparisonLayout.formula(crossing.right))</span>, cross at \
      <span class="formula">T = \(crossingAt)</span>.</figcaption>
      </figure>

      """
  }

  // MARK: Measures

  private var measures: HTML {
    guard let curves, !curves.curves.isEmpty else { return .empty }
    let meaning: HTML =
      curves.samples > 1
      ? """
      Dots are means over \(curves.samples) texts at each temperature, bands their 95% intervals \
      (Student's t over texts). As the seeds are the same at every temperature, differences between \
      temperatures are known better than the bands tell.
      """
      : "One text at each temperature: too few for an interval. More samples give them."
    let remark: HTML = note.map { "<p class=\"note\">\($0)</p>\n" } ?? .empty
    let plots: HTML =
      curves.temperatures.count < 2
      ? .empty
      : "<div class=\"plots\">\(curves.plots.map { "<figure>\($0.svg())</figure>\n" })</div>\n"
    return """
      <section>
      <h2>What the temperature does</h2>
      <p>\(meaning)</p>
      \(remark)\(plots)</section>
      <section>
      <h2>The numbers</h2>
      \(table(curves))
      \(explanations(curves))</section>
      """
  }

  private func table(_ curves: ResponseCurves) -> HTML {
    let heads = curves.temperatures.map { "<th scope=\"col\">T = \($0.shortest)</th>" as HTML }
    let rows = curves.curves.map { curve -> HTML in
      let cells = curve.values.map { value -> HTML in
        guard let value else { return "<td>–</td>" }
        let half: HTML =
          value.halfWidth.map { "<span class=\"half\"> ± \(curve.measure.shown($0))</span>" }
          ?? .empty
        return "<td>\(curve.measure.shown(value.mean))\(half)</td>"
      }
      return "<tr><th scope=\"row\">\(curve.measure.title)</th>\(cells)</tr>\n"
    }
    return """
      <div class="scroll" tabindex="0"><table>
      <thead><tr><th></th>\(heads)</tr></thead>
      <tbody>
      \(rows)</tbody>
      </table></div>
      """
  }

  private func explanations(_ curves: ResponseCurves) -> HTML {
    var seen: Set<String> = []
    let entries = curves.curves.filter { seen.insert($0.measure.explanation).inserted }.map {
      "<dt>\($0.measure.title)</dt><dd>\($0.measure.explanation)</dd>\n" as HTML
    }
    return "<dl class=\"meanings\">\(entries)</dl>\n"
  }

  // MARK: Words

  private static func end(of prompt: String, _ count: Int = promptShown) -> String {
    prompt.count > count ? "…" + prompt.suffix(count) : prompt
  }

  private static func percent(_ share: Double) -> String {
    share >= 0.0995
      ? "\((100 * share).decimals(0))%"
      : share >= 0.00095 ? "\((100 * share).decimals(1))%" : "< 0.1%"
  }

  private static func filters(_ sampling: Sampling) -> String {
    var names: [String] = []
    if sampling.topK > 0 { names.append("top-k \(sampling.topK)") }
    if sampling.topP < 1 { names.append("top-p \(sampling.topP.shortest)") }
    if sampling.minP > 0 { names.append("min-p \(sampling.minP.shortest)") }
    if sampling.penalizes {
      names.append(
        "repetition penalty \(sampling.repetitionPenalty.shortest) over "
          + "\(sampling.repetitionWindow) characters")
    }
    return names.isEmpty ? "none" : names.joined(separator: ", ")
  }

  private static let style: HTML = """
    .columns { display: grid; gap: .75rem; margin: .75rem 0;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 13rem), 1fr)); }
    .columns > article { background: var(--card); border: 1px solid var(--rule);
      border-radius: .5rem; padding: .5rem .75rem .75rem; min-width: 0; }
    .columns h3 { margin: 0; font-size: 1.1rem; }
    .columns .note { margin: 0 0 .4rem; }
    .columns .text { font-size: .875rem; }
    .text i { font-style: normal; }
    .text .part { border-radius: .2em; }
    .formula { white-space: nowrap; }
    .prompt { color: var(--muted); }
    .end { color: var(--muted); padding-left: .3em; }
    .part { outline: 2px solid var(--accent); outline-offset: -1px; font-weight: 700; }
    .flag { font: 600 .7em/1 system-ui, sans-serif; vertical-align: super; text-decoration: none;
      padding: 0 .25em; user-select: none; -webkit-user-select: none; }
    figure:target { outline: 2px solid var(--accent); }
    .texts > input { accent-color: var(--accent); margin: 0 .3rem 0 0; }
    .texts > label { margin-right: .75rem; font-size: .9375rem; white-space: nowrap; }
    .legend { display: none; max-width: none; line-height: 1.8; }
    .legend span { display: inline-block; padding: 0 .4em; border-radius: .2em; color: var(--ink);
      white-space: nowrap; }
    #by-probability:checked ~ .for-p, #by-surprise:checked ~ .for-s { display: block; }
    #by-probability:checked ~ * .p0, .for-p .p0 { background: rgb(var(--unlikely) / .62); }
    #by-probability:checked ~ * .p1, .for-p .p1 { background: rgb(var(--unlikely) / .38); }
    #by-probability:checked ~ * .p2, .for-p .p2 { background: rgb(var(--unlikely) / .18); }
    #by-probability:checked ~ * .p4, .for-p .p4 { background: rgb(var(--likely) / .07); }
    #by-probability:checked ~ * .p5, .for-p .p5 { background: rgb(var(--likely) / .17); }
    #by-surprise:checked ~ * .s1, .for-s .s1 { background: rgb(var(--unlikely) / .08); }
    #by-surprise:checked ~ * .s2, .for-s .s2 { background: rgb(var(--unlikely) / .18); }
    #by-surprise:checked ~ * .s3, .for-s .s3 { background: rgb(var(--unlikely) / .32); }
    #by-surprise:checked ~ * .s4, .for-s .s4 { background: rgb(var(--unlikely) / .48); }
    #by-surprise:checked ~ * .s5, .for-s .s5 { background: rgb(var(--unlikely) / .66); }
    summary { cursor: pointer; font-size: .9375rem; }
    .half { color: var(--muted); }
    figcaption .text { font-size: .8125rem; background: var(--page); border-radius: .2em;
      padding: .05em .35em; -webkit-box-decoration-break: clone; box-decoration-break: clone; }
    .partings { grid-template-columns: repeat(auto-fill, minmax(min(100%, 16.5rem), 1fr)); }
    @media (max-width: 30rem) {
      tbody th { white-space: normal; min-width: 7.5rem; }
    }
    @media print {
      .texts > input, .texts > label, .texts > span, details:not([open]) { display: none; }
      .columns { grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .5rem; }
      table { font-size: 7.5pt; }
      th, td { padding: .15rem .3rem; }
      tbody th { white-space: normal; }
      .half { display: block; }
    }
    """
}
