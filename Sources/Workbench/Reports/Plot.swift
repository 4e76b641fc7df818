/// A small plot as SVG: curves with intervals, bars, vertical marks.
///
/// It is drawn in units of CSS pixels and scales with the width it is given. Colours come from
/// `SharedStyle`. Values that are not finite are left out.
package struct Plot: Sendable {
  /// A place on a curve.
  package struct Point: Sendable, Equatable {
    package let x, y: Double
    /// The interval around `y`; nil if there is none.
    package let interval: ClosedRange<Double>?
    /// What the reader is told on pointing at it; nil for none.
    package let hint: String?

    package init(
      x: Double, y: Double, interval: ClosedRange<Double>? = nil, hint: String? = nil
    ) {
      self.x = x
      self.y = y
      self.interval = interval
      self.hint = hint
    }
  }

  /// A curve.
  package struct Series: Sendable {
    package var name: String
    /// In rising order of x.
    package var points: [Point]
    /// Which of the six colours.
    package var color: Int
    package var isDashed: Bool
    /// Whether each point has a dot.
    package var hasDots: Bool

    package init(
      name: String, points: [Point], color: Int = 0, isDashed: Bool = false, hasDots: Bool = true
    ) {
      self.name = name
      self.points = points
      self.color = color
      self.isDashed = isDashed
      self.hasDots = hasDots
    }
  }

  /// A bar from y = 0.
  package struct Bar: Sendable {
    package let x: ClosedRange<Double>
    package let y: Double
    package let hint: String?

    package init(x: ClosedRange<Double>, y: Double, hint: String? = nil) {
      self.x = x
      self.y = y
      self.hint = hint
    }
  }

  /// A vertical line with a label at its top.
  package struct Mark: Sendable {
    package let x: Double
    package let label: String

    package init(x: Double, label: String) {
      self.x = x
      self.label = label
    }
  }

  /// One line above the plot; about 50 characters fit.
  package var title: String
  package var xTitle: String
  package var series: [Series] = []
  package var bars: [Bar] = []
  /// Which of the six colours bars have.
  package var barColor = 0
  package var marks: [Mark] = []
  /// What the axes span; nil takes what the values need.
  package var xRange: ClosedRange<Double>?
  package var yRange: ClosedRange<Double>?
  /// Whether y starts at 0 or below, so that lengths can be compared.
  package var isFromZero = false
  /// How y values are written; nil writes what the ticks need.
  package var yUnit = ""

  package init(title: String, xTitle: String) {
    self.title = title
    self.xTitle = xTitle
  }

  /// The plot as an element of a page.
  package func svg(width: Double = 360, height: Double = 230) -> HTML {
    """
    <svg class="plot" viewBox="0 0 \(width) \(height)" role="img" aria-label="\(title)">\
    \(drawing(width: width, height: height))</svg>
    """
  }

  /// Several plots in a grid as one file of SVG, with its own background, light or dark as the
  /// reader's system is.
  package static func file(
    _ plots: [Plot], title: String, columns: Int = 3, width: Double = 320, height: Double = 220
  ) -> HTML {
    let columns = max(1, min(columns, plots.count))
    let rows = (plots.count + columns - 1) / columns
    let (margin, top) = (12.0, 40.0)
    let totalWidth = 2 * margin + Double(columns) * width
    let totalHeight = top + margin + Double(rows) * height
    let drawings = plots.enumerated().map { index, plot -> HTML in
      let x = margin + Double(index % columns) * width
      let y = top + Double(index / columns) * height
      return """
        <g transform="translate(\(x) \(y))">\(plot.drawing(width: width, height: height))</g>

        """
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" class="plot" width="\(totalWidth)" \
      height="\(totalHeight)" viewBox="0 0 \(totalWidth) \(totalHeight)" role="img">
      <title>\(title)</title>
      <style>
      \(SharedStyle.colors)
      \(SharedStyle.plots)
      .plot .back { fill: var(--card); stroke: var(--rule); }
      .plot .heading { font-size: 15px; }
      </style>
      <rect class="back" x="0.5" y="0.5" width="\(totalWidth - 1)" height="\(totalHeight - 1)" \
      rx="8"/>
      <text class="title heading" x="\(margin + 8)" y="26">\(title)</text>
      \(drawings)</svg>

      """
  }

  // MARK: Drawing

  /// Where values are on the paper.
  private struct Frame {
    let x, y: Axis
    let left, right, top, bottom: Double

    func place(x value: Double) -> Double { left + x.share(value) * (right - left) }
    func place(y value: Double) -> Double { bottom - y.share(value) * (bottom - top) }
  }

  private func drawing(width: Double, height: Double) -> HTML {
    let curves = series.map { one -> Series in
      var one = one
      one.points = one.points.filter { $0.x.isFinite && $0.y.isFinite }
      return one
    }
    let bars = bars.filter { $0.y.isFinite }
    let xValues =
      curves.flatMap { $0.points.map(\.x) } + bars.flatMap { [$0.x.lowerBound, $0.x.upperBound] }
    let yValues =
      curves.flatMap {
        $0.points.flatMap { [$0.y, $0.interval?.lowerBound, $0.interval?.upperBound] }
      }
      .compactMap { $0 }.filter(\.isFinite) + bars.map(\.y)
      + (bars.isEmpty && !isFromZero ? [] : [0])
    let heading: HTML = "<text class=\"title\" x=\"8\" y=\"16\">\(title)</text>"
    guard let x = Axis(xValues, range: xRange, isPadded: false),
      let y = Axis(yValues, range: yRange, isPadded: true)
    else {
      return heading
        + "<text x=\"\(width / 2)\" y=\"\(height / 2)\" text-anchor=\"middle\">no values</text>"
    }
    let labels = y.ticks.map { y.label($0) + yUnit }
    let labelWidth = 6.4 * Double(labels.map(\.count).max() ?? 0)
    let named = curves.count > 1 ? curves.filter { !$0.name.isEmpty } : []
    let frame = Frame(
      x: x, y: y, left: 14 + labelWidth, right: width - 14,
      top: 30 + (named.isEmpty ? 0 : 16) + (marks.isEmpty ? 0 : 14), bottom: height - 36)
    return HTML([
      heading, legend(named), axes(frame, labels, height: height),
      HTML(bars.map { draw($0, frame) }), HTML(marks.map { draw($0, frame) }),
      HTML(curves.map { draw($0, frame) }),
    ])
  }

  private func legend(_ series: [Series]) -> HTML {
    var x = 8.0
    return HTML(
      series.map { one in
        let start = x
        x += 30 + 6.4 * Double(one.name.count)
        return """
          <line class="curve c\(one.color % 6)\(one.isDashed ? " dashed" : "")" x1="\(start)" \
          x2="\(start + 16)" y1="30" y2="30"/><text x="\(start + 21)" y="34">\(one.name)</text>
          """
      })
  }

  private func axes(_ frame: Frame, _ labels: [String], height: Double) -> HTML {
    let rows = zip(frame.y.ticks, labels).map { value, label -> HTML in
      let y = frame.place(y: value)
      return """
        <line class="grid" x1="\(frame.left)" x2="\(frame.right)" y1="\(y)" y2="\(y)"/>\
        <text x="\(frame.left - 6)" y="\(y + 4)" text-anchor="end">\(label)</text>
        """
    }
    let columns = frame.x.ticks.map { value -> HTML in
      let x = frame.place(x: value)
      return """
        <line class="axis" x1="\(x)" x2="\(x)" y1="\(frame.bottom)" y2="\(frame.bottom + 4)"/>\
        <text x="\(x)" y="\(frame.bottom + 16)" text-anchor="middle">\(frame.x.label(value))</text>
        """
    }
    return """
      \(rows)\(columns)<line class="axis" x1="\(frame.left)" x2="\(frame.right)" \
      y1="\(frame.bottom)" y2="\(frame.bottom)"/>\
      <text x="\((frame.left + frame.right) / 2)" y="\(height - 5)" \
      text-anchor="middle">\(xTitle)</text>
      """
  }

  private func draw(_ bar: Bar, _ frame: Frame) -> HTML {
    let (left, right) = (frame.place(x: bar.x.lowerBound), frame.place(x: bar.x.upperBound))
    let (top, bottom) = (frame.place(y: max(bar.y, 0)), frame.place(y: min(bar.y, 0)))
    return """
      <rect class="bar f\(barColor % 6)" x="\(left + 1)" y="\(top)" \
      width="\(max(right - left - 2, 0.5))" height="\(max(bottom - top, 0))">\(hint(bar.hint))</rect>
      """
  }

  private func draw(_ mark: Mark, _ frame: Frame) -> HTML {
    guard mark.x.isFinite, (frame.x.low...frame.x.high).contains(mark.x) else { return .empty }
    let x = frame.place(x: mark.x)
    let share = frame.x.share(mark.x)
    let anchor = share < 0.15 ? "start" : share > 0.85 ? "end" : "middle"
    return """
      <line class="mark" x1="\(x)" x2="\(x)" y1="\(frame.top - 4)" y2="\(frame.bottom)"/>\
      <text x="\(x)" y="\(frame.top - 8)" text-anchor="\(anchor)">\(mark.label)</text>
      """
  }

  private func draw(_ series: Series, _ frame: Frame) -> HTML {
    let color = series.color % 6
    func path(_ places: [(x: Double, y: Double)]) -> HTML {
      HTML(places.enumerated().map { "\($0 == 0 ? "M" : "L")\($1.x) \($1.y)" })
    }
    func clipped(_ value: Double) -> Double { min(max(value, frame.y.low), frame.y.high) }
    let spans = series.points.compactMap { point in
      point.interval.map { (point.x, clipped($0.lowerBound), clipped($0.upperBound)) }
    }
    var pieces: [HTML] = []
    if spans.count > 1 {
      let upper = spans.map { (x: frame.place(x: $0.0), y: frame.place(y: $0.2)) }
      let lower = spans.reversed().map { (x: frame.place(x: $0.0), y: frame.place(y: $0.1)) }
      pieces.append("<path class=\"band f\(color)\" d=\"\(path(upper + lower))Z\"/>")
    }
    pieces += spans.map { x, low, high in
      let x = frame.place(x: x)
      return """
        <line class="whisker c\(color)" x1="\(x)" x2="\(x)" y1="\(frame.place(y: low))" \
        y2="\(frame.place(y: high))"/>
        """
    }
    let places = series.points.map {
      (x: frame.place(x: $0.x), y: frame.place(y: clipped($0.y)))
    }
    let dashes: HTML = series.isDashed ? " dashed" : ""
    pieces.append("<path class=\"curve c\(color)\(dashes)\" d=\"\(path(places))\"/>")
    if series.hasDots {
      pieces += zip(series.points, places).map { point, place in
        """
        <circle class="f\(color)" cx="\(place.x)" cy="\(place.y)" r="3">\(hint(point.hint))</circle>
        """
      }
    }
    return HTML(pieces)
  }

  private func hint(_ text: String?) -> HTML { text.map { "<title>\($0)</title>" } ?? .empty }
}

/// What an axis spans, and its ticks at multiples of 1, 2 or 5 times a power of ten.
struct Axis: Sendable {
  let low, high: Double
  let ticks: [Double]
  private let decimals: Int

  /// - Parameters:
  ///   - values: finite; with none, and no range, there is no axis.
  ///   - range: what to span instead.
  ///   - isPadded: whether the axis goes on to the next tick at both ends.
  init?(_ values: [Double], range: ClosedRange<Double>?, isPadded: Bool) {
    guard var low = range?.lowerBound ?? values.min(),
      var high = range?.upperBound ?? values.max(), low.isFinite, high.isFinite,
      abs(low) < 1e15, abs(high) < 1e15
    else { return nil }
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-6) {
      let room = max(abs(high) * 0.1, 0.01)
      (low, high) = (low == 0 ? 0 : low - room, high + room)
    }
    var step = 1.0
    var decimals = 0
    let rough = (high - low) / 5
    while step > rough {
      step /= 10
      decimals += 1
    }
    while step * 10 <= rough { step *= 10 }
    for factor in [10.0, 5, 2] where step * factor <= rough * 1.5 {
      step *= factor
      if factor == 10, decimals > 0 { decimals -= 1 }
      break
    }
    if range == nil, isPadded {
      low = (low / step + 1e-9).rounded(.down) * step
      high = (high / step - 1e-9).rounded(.up) * step
    }
    let first = (low / step - 1e-9).rounded(.up)
    let last = (high / step + 1e-9).rounded(.down)
    self.low = low
    self.high = high
    self.decimals = decimals
    // At most 20 however the division came out.
    ticks = last < first ? [] : (0...min(Int(last - first), 20)).map { (first + Double($0)) * step }
  }

  /// Where between low (0) and high (1).
  func share(_ value: Double) -> Double { (value - low) / (high - low) }

  func label(_ tick: Double) -> String { tick.decimals(decimals) }
}
