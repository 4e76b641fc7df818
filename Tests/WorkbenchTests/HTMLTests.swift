import Testing
import Workbench

@Suite struct HTMLTests {
  @Test func interpolatedTextIsEscapedAndMarkupIsNot() {
    let wild = "<script>alert('a & \"b\"')</script>"
    let cell: HTML = "<td title=\"\(wild)\">\(wild)</td>"
    let escaped = "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;"
    #expect(cell.markup == "<td title=\"\(escaped)\">\(escaped)</td>")
    let row: HTML = "<tr>\(cell)\([cell, HTML(text: "&")])</tr>"
    #expect(row.markup == "<tr>\(cell.markup)\(cell.markup)&amp;</tr>")
  }

  @Test func nothingHidesOrTurnsText() {
    // A bracket with a combining mark is one character to Swift, but not to a browser.
    let tricky: HTML = "\("<\u{301}b>\u{202E}x\u{1B}[2J\u{200B}\u{0}\n\ty")"
    #expect(
      tricky.markup == "&lt;\u{301}b&gt;\\u{202E}x\u{241B}[2J\\u{200B}\u{2400}\n\ty")
  }

  @Test func numbersAreShort() {
    let numbers: HTML = "\(1.0) \(2.504) \(-0.001) \(1e300) \(Double.nan) \(7) \(UInt64.max)"
    #expect(numbers.markup == "1 2.5 0 1e+300 0 7 18446744073709551615")
  }

  @Test func aPageNeedsNothingFromElsewhere() {
    var plot = Plot(title: "a < b", xTitle: "T")
    plot.series = [Plot.Series(name: "loss", points: [Plot.Point(x: 0, y: 1, interval: 0...2)])]
    let page = HTMLPage(title: "One & two", body: plot.svg()).document.markup
    #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
    #expect(page.contains("<title>One &amp; two</title>"))
    #expect(page.contains("default-src 'none'"))
    #expect(!page.contains("script-src") && !page.contains("<script"))
    for outside in ["http://", "https://", "@import", "url(", "src=\""] {
      #expect(!page.contains(outside))
    }
    #expect(HTMLPage(title: "", body: .empty, script: "f()").document.markup.contains("script-src"))
  }

  @Test func plotsSurviveAnyValues() {
    let values = [
      0, 1, -1, 1e-300, 1e300, .infinity, -.infinity, .nan, 1e14, .leastNonzeroMagnitude, 0.3,
    ]
    for first in values {
      for second in values {
        var plot = Plot(title: "t", xTitle: "x")
        plot.series = [
          Plot.Series(
            name: "s",
            points: [
              Plot.Point(x: first, y: second), Plot.Point(x: second, y: first, interval: 0...1),
            ])
        ]
        plot.bars = [Plot.Bar(x: 0...1, y: first)]
        plot.marks = [Plot.Mark(x: second, label: "m")]
        let markup = plot.svg().markup
        #expect(markup.hasPrefix("<svg") && markup.hasSuffix("</svg>"))
        #expect(!markup.contains("nan") && !markup.contains("inf\""))
        #expect(markup.utf8.count < 10_000)
      }
    }
    #expect(Plot(title: "t", xTitle: "x").svg().markup.contains("no values"))
  }

  @Test func ticksAreRound() {
    func ticks(_ low: Double, _ high: Double) -> [String] {
      var plot = Plot(title: "", xTitle: "")
      plot.series = [
        Plot.Series(name: "", points: [Plot.Point(x: 0, y: low), Plot.Point(x: 1, y: high)])
      ]
      // The labels of the y axis are the texts that end at their place.
      return plot.svg().markup.split(separator: "text-anchor=\"end\">").dropFirst().map {
        String($0.prefix { $0 != "<" })
      }
    }
    #expect(ticks(0, 2) == ["0.0", "0.5", "1.0", "1.5", "2.0"])
    #expect(ticks(0, 100) == ["0", "20", "40", "60", "80", "100"])
    #expect(ticks(0.031, 0.049) == ["0.030", "0.035", "0.040", "0.045", "0.050"])
    #expect(ticks(-3, 4) == ["-4", "-2", "0", "2", "4"])
    #expect(ticks(0, 0) == ["0.00", "0.01"] || ticks(0, 0).count > 2)
  }

  @Test func aFigureIsAFileOfItsOwn() {
    let plots = (0..<4).map { Plot(title: "plot \($0)", xTitle: "x") }
    let file = Plot.file(plots, title: "all", columns: 3).markup
    #expect(file.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\""))
    #expect(file.contains("prefers-color-scheme: dark"))
    #expect(file.components("<g transform") == 4)
  }

  @Test func aMapDrawsWhatCanBeSeen() {
    let map = HeatMap(
      title: "m", values: [[1, 0, .nan], [0.25, 0.75, 0.001]], rowLabels: ["a", "<"],
      columnLabels: ["a", "<", "c"])
    let markup = map.svg { "\($0) \($1) \($2)" }.markup
    #expect(markup.components("<rect") == 3)
    #expect(markup.contains("<title>1 0 0.25</title>") && markup.contains("&lt;"))
    #expect(markup.contains("fill-opacity=\"0.5\"><title>1 0"))
  }
}

extension String {
  fileprivate func components(_ part: String) -> Int { split(separator: part).count - 1 }
}
