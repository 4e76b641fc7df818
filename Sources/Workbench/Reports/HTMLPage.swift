/// A page that stands by itself: one file, no network, no fonts or programs from elsewhere; light
/// or dark as the reader's system is, readable on a phone and on paper.
///
/// Its content security policy forbids a browser to load anything. What the style offers: `main`
/// with sections; `figure`; `table` (numbers flush right; wide ones inside `div.scroll`); `.plots`,
/// a grid of figures; `.note` for remarks; `.text` for text of a model or a corpus, which keeps its
/// lines; `code` for commands, whose words stay whole; the colours of `SharedStyle`.
package struct HTMLPage: Sendable {
  /// What the page is called.
  package var title: String
  /// What `main` holds, but for the heading.
  package var body: HTML
  /// Rules of this page's own, added to the shared ones.
  package var style: HTML
  /// A program of this page's own; a page without one lets none run.
  package var script: HTML

  package init(title: String, body: HTML, style: HTML = .empty, script: HTML = .empty) {
    self.title = title
    self.body = body
    self.style = style
    self.script = script
  }

  /// The whole document.
  package var document: HTML {
    let scripts: HTML = script == .empty ? "" : "; script-src 'unsafe-inline'"
    let program: HTML = script == .empty ? "" : "<script>\(script)</script>\n"
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" \
      content="default-src 'none'; style-src 'unsafe-inline'; img-src data:\(scripts)">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <link rel="icon" href="data:,">
      <title>\(title)</title>
      <style>
      \(SharedStyle.colors)
      \(SharedStyle.plots)
      \(SharedStyle.page)
      \(style)
      </style>
      </head>
      <body>
      <main>
      <h1>\(title)</h1>
      \(body)
      </main>
      \(program)</body>
      </html>

      """
  }

  /// What a page is about, as a list of names and texts.
  package static func facts(_ facts: [(name: String, text: HTML)]) -> HTML {
    let rows = facts.map { "<dt>\($0.name)</dt><dd>\($0.text)</dd>\n" as HTML }
    return "<dl>\n\(rows)</dl>\n"
  }

  /// A command. Lines break between its words only, so that no option is torn apart.
  package static func command(_ text: String) -> HTML {
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    return "<code class=\"words\">"
      + HTML(
        words.enumerated().map { index, word in
          "\(index == 0 ? "" : " ")<span>\(String(word))</span>"
        }) + "</code>"
  }

  /// The document as UTF-8, for a file.
  package var bytes: [UInt8] { Array(document.markup.utf8) }
}

/// The look that pages and figures share.
package enum SharedStyle {
  /// The colours, light and dark: `--page`, `--card`, `--ink`, `--muted`, `--rule`, `--accent`,
  /// `--likely` and `--unlikely` (as channels, for `rgb(var(--likely) / .5)`), and `--c0` ...
  /// `--c5` for curves. They can be told apart by readers with any kind of colour vision, or by
  /// their lightness in print.
  package static let colors: HTML = """
    :root {
      --page: #faf9f6; --card: #ffffff; --ink: #1c1b19; --muted: #66635d; --rule: #dcd8d0;
      --accent: #0b5fa5; --likely: 11 95 165; --unlikely: 214 84 0;
      --c0: #0b5fa5; --c1: #c24a00; --c2: #14775a; --c3: #7a3fb5; --c4: #a8205f; --c5: #5f5b52;
    }
    @media screen and (prefers-color-scheme: dark) {
      :root {
        --page: #171614; --card: #201f1c; --ink: #e9e6df; --muted: #a29d93; --rule: #3d3a35;
        --accent: #74b7f2; --likely: 90 170 245; --unlikely: 250 140 60;
        --c0: #74b7f2; --c1: #f79a5c; --c2: #5cc9a3; --c3: #bfa0f5; --c4: #f08cb8; --c5: #bdb8ac;
      }
    }
    """

  /// What `Plot` and `HeatMap` draw with.
  package static let plots: HTML = """
    .plot text { font: 11px system-ui, sans-serif; fill: var(--muted); }
    .plot.map text { font-size: var(--label, 11px); text-anchor: middle; }
    .plot .title { font-size: 13px; font-weight: 600; fill: var(--ink); }
    .plot .grid { stroke: var(--rule); stroke-width: 1; }
    .plot .axis { stroke: var(--muted); stroke-width: 1; }
    .plot .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
    .plot .dashed { stroke-dasharray: 4 4; }
    .plot .band { stroke: none; fill-opacity: .18; }
    .plot .whisker { stroke-width: 1.25; stroke-opacity: .75; }
    .plot .bar { fill-opacity: .55; stroke: none; }
    .plot .mark { stroke: var(--muted); stroke-width: 1; stroke-dasharray: 3 3; }
    .plot .c0 { stroke: var(--c0); } .plot .f0 { fill: var(--c0); }
    .plot .c1 { stroke: var(--c1); } .plot .f1 { fill: var(--c1); }
    .plot .c2 { stroke: var(--c2); } .plot .f2 { fill: var(--c2); }
    .plot .c3 { stroke: var(--c3); } .plot .f3 { fill: var(--c3); }
    .plot .c4 { stroke: var(--c4); } .plot .f4 { fill: var(--c4); }
    .plot .c5 { stroke: var(--c5); } .plot .f5 { fill: var(--c5); }
    .plot .cell { fill: var(--accent); }
    .plot .cell:hover { stroke: var(--c1); stroke-width: 2; }
    """

  /// What `HTMLPage` needs besides.
  package static let page: HTML = """
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
    body { margin: 0; background: var(--page); color: var(--ink);
      font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
    main { max-width: 82rem; margin: 0 auto; padding: 1rem clamp(.75rem, 3vw, 2rem) 3rem; }
    h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0 .75rem; }
    h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.25rem 0 .5rem; }
    h3 { font-size: 1rem; line-height: 1.3; margin: 1rem 0 .25rem; }
    p { margin: .5rem 0; max-width: 46rem; }
    a { color: var(--accent); }
    code, kbd { font: .875em/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
    .note, figcaption, caption { color: var(--muted); font-size: .875rem; }
    .words { font-size: .8125rem; }
    .words span { display: inline-block; max-width: 100%; white-space: pre-wrap; }
    .text { white-space: pre-wrap; overflow-wrap: anywhere;
      font: .9375rem/1.6 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
    .scroll { overflow-x: auto; max-width: 100%; }
    figure { margin: 0; }
    .plots { display: grid; gap: 1rem;
      grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); }
    .plots > figure { background: var(--card); border: 1px solid var(--rule);
      border-radius: .5rem; padding: .5rem .5rem .6rem; }
    .plots figcaption { padding: 0 .4rem; }
    svg.plot { display: block; width: 100%; height: auto; }
    table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
    caption { text-align: left; padding: .25rem 0; }
    th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--rule); text-align: right;
      white-space: nowrap; }
    th:first-child, td:first-child { text-align: left; padding-left: 0; }
    thead th { vertical-align: bottom; }
    thead th[colspan] { text-align: center; }
    tbody th { font-weight: 400; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .75rem 0;
      font-size: .875rem; }
    dt { color: var(--muted); }
    dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
    @media (max-width: 30rem) {
      dl { grid-template-columns: 1fr; gap: 0; }
      dd { margin-bottom: .35rem; }
    }
    @media print {
      main { max-width: none; padding: 0; }
      body { font-size: 10pt; background: none; }
      figure, tr, h2, h3 { break-inside: avoid; }
      h2, h3, h2 + p { break-after: avoid; }
      .scroll { overflow: visible; }
      * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    }
    """
}
