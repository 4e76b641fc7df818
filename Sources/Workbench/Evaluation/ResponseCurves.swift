import Safetensors
import Text
import Transformer

/// How texts respond to the temperature: each measure as a curve over it, with intervals.
///
/// A text counts once: a curve's value is the mean of the measure over the texts of a column, its
/// interval the one of `MeanEstimate`. Columns share their noise, so that the difference between
/// two temperatures is known better than the intervals at each of them tell.
public struct ResponseCurves: Sendable, Equatable {
  /// A measure at each temperature.
  public struct Curve: Sendable, Equatable {
    public let measure: TextMeasure
    /// In the order of `temperatures`; nil where no text has the measure.
    public let values: [MeanEstimate?]
  }

  /// From the lowest up, each once.
  public let temperatures: [Double]
  /// How many texts there are at each temperature.
  public let samples: Int
  /// Only measures that some text has.
  public let curves: [Curve]
  /// The files of the corpus that texts were compared with; empty without one.
  public let corpus: [String]

  /// - Parameters:
  ///   - report: texts of the model.
  ///   - vocabulary: the model's.
  ///   - corpus: made with this vocabulary; without one, the measures that need it are left out.
  ///   - threads: changes the time only; at least 1.
  public init(
    _ report: ComparisonReport, vocabulary: Vocabulary, corpus: CorpusIndex? = nil,
    threads: Int = 1
  ) {
    var columns: [ComparisonReport.Column] = []
    for column in report.columns.sorted(by: { $0.temperature < $1.temperature })
    where column.temperature != columns.last?.temperature {
      columns.append(column)
    }
    temperatures = columns.map(\.temperature)
    samples = columns.first?.samples.count ?? 0
    self.corpus = corpus?.paths ?? []

    let texts = columns.flatMap(\.samples)
    let words = corpus?.words ?? Words(vocabulary)
    let measured = mapInParallel(texts.count, threads: max(threads, 1)) {
      TextMeasures(texts[$0], words: words, vocabulary, corpus)
    }
    var starts = [0]
    for column in columns { starts.append((starts.last ?? 0) + column.samples.count) }
    curves = TextMeasure.allCases.compactMap { measure in
      let values = columns.indices.map { column in
        MeanEstimate(measured[starts[column]..<starts[column + 1]].compactMap { $0[measure] })
      }
      return values.contains { $0 != nil } ? Curve(measure: measure, values: values) : nil
    }
  }

  /// The curve of a measure.
  public subscript(measure: TextMeasure) -> Curve? { curves.first { $0.measure == measure } }

  // MARK: Files

  /// {"samples", "interval", "corpus": [paths], "curves": [{"measure", "points": [{"temperature",
  /// "mean", "low", "high", "samples"}...]}...]}; what is not known is null.
  public var json: JSONValue {
    [
      "samples": JSONValue(samples), "interval": JSONValue("95%, Student's t over texts"),
      "corpus": .array(corpus.map { JSONValue($0) }),
      "curves": .array(curves.map(json)),
    ]
  }

  private func json(_ curve: Curve) -> JSONValue {
    let points = zip(temperatures, curve.values).map { temperature, value -> JSONValue in
      let interval = value?.interval(within: curve.measure.bounds)
      return [
        "temperature": JSONValue(temperature), "mean": .numberOrNull(value?.mean),
        "low": .numberOrNull(interval?.lowerBound), "high": .numberOrNull(interval?.upperBound),
        "samples": JSONValue(value?.count ?? 0),
      ]
    }
    return ["measure": JSONValue(curve.measure.rawValue), "points": .array(points)]
  }

  /// A table with a row for each measure and temperature: `measure,temperature,mean,low,high,samples`;
  /// what is not known is empty. RFC 4180, with line feeds.
  public var csv: String {
    func number(_ value: Double?) -> String {
      value.flatMap { $0.isFinite ? "\($0)" : nil } ?? ""
    }
    var lines = ["measure,temperature,mean,low,high,samples"]
    for curve in curves {
      for (temperature, value) in zip(temperatures, curve.values) {
        let interval = value?.interval(within: curve.measure.bounds)
        lines.append(
          [
            curve.measure.rawValue, number(temperature), number(value?.mean),
            number(interval?.lowerBound), number(interval?.upperBound), "\(value?.count ?? 0)",
          ].joined(separator: ","))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  // MARK: Figures

  /// A plot for the measures that belong together.
  package var plots: [Plot] {
    let groups: [(title: String, measures: [(TextMeasure, String)])] = [
      (
        "Uncertainty and surprise, bits a character",
        [(.entropyBits, "entropy"), (.lossBits, "own loss"), (.modelLossBits, "loss at T = 1")]
      ),
      (
        "Variety: different words in a row",
        [
          (.distinct1, "words"), (.distinct2, "pairs"), (.distinct3, "triples"),
          (.distinct4, "fours"),
        ]
      ),
      ("Text that repeats itself", [(.repetition, "")]),
      ("Words that occur in the corpus", [(.knownWords, "")]),
      ("New words, of all different ones", [(.newWords, "")]),
      ("Longest copy from the corpus, characters", [(.longestCopy, "")]),
    ]
    return groups.compactMap { group in
      var plot = Plot(title: group.title, xTitle: "temperature")
      // The same in every plot, also where texts at some temperature do not have a measure.
      if let low = temperatures.first, let high = temperatures.last { plot.xRange = low...high }
      for (color, (measure, name)) in group.measures.enumerated() {
        guard let curve = self[measure] else { continue }
        plot.series.append(series(curve, name: name, color: color))
        if measure.isShare { plot.yUnit = "%" }
      }
      // The share of known words is close to 100%, and what it falls by is what matters.
      plot.isFromZero = group.measures.first?.0 != .knownWords
      return plot.series.isEmpty ? nil : plot
    }
  }

  private func series(_ curve: Curve, name: String, color: Int) -> Plot.Series {
    let measure = curve.measure
    let scale = measure.isShare ? 100.0 : 1
    let points = zip(temperatures, curve.values).compactMap { temperature, value in
      value.map { value in
        let interval = value.interval(within: measure.bounds)
        return Plot.Point(
          x: temperature, y: value.mean * scale,
          interval: interval.map { $0.lowerBound * scale...$0.upperBound * scale },
          hint: "\(measure.title) at T = \(temperature.shortest): \(measure.shown(value))")
      }
    }
    // Own loss and entropy agree but for chance: both should be seen.
    return Plot.Series(
      name: name, points: points, color: color, isDashed: measure == .lossBits)
  }

  /// All plots as one file of SVG.
  package func figure(title: String) -> HTML {
    Plot.file(plots, title: title, columns: plots.count == 4 ? 2 : 3)
  }
}

extension TextMeasure {
  /// A mean and its interval, as a person reads them.
  package func shown(_ value: MeanEstimate) -> String {
    value.halfWidth.map { "\(shown(value.mean)) ± \(shown($0))" } ?? shown(value.mean)
  }
}
