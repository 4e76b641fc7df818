import Safetensors
import Testing
import Text
import Workbench

@Suite struct ResponseCurvesTests {
  /// A text that recites its vocabulary.
  private func sample(
    _ characters: [String], length: Int, prompt: String, corpus: String? = nil
  ) throws -> TextMeasures {
    let model = try recitingModel(characters: characters)
    let generator = try Generator(
      model, prompt: prompt, sampling: Sampling(temperature: 0), seed: 1, length: length)
    return TextMeasures(
      Sample(generator), vocabulary: model.vocabulary,
      corpus: try corpus.map { try index($0, model.vocabulary) })
  }

  private func index(_ text: String, _ vocabulary: Vocabulary) throws -> CorpusIndex {
    var index: CorpusIndex?
    try ModelFolderFixture.withFolder { folder in
      try FileSystem.createFolders(folder)
      let path = folder + "/corpus.txt"
      try ModelFolderFixture.write(Array(text.utf8), path)
      index = try CorpusIndex([path], vocabulary: vocabulary)
    }
    return try #require(index)
  }

  @Test func measuresOfATextThatRepeatsItself() throws {
    // "ab ab ab ab": the last word may have been cut off and does not count.
    let short = try sample(["a", "b", " "], length: 11, prompt: " ", corpus: "Ab cd ab")
    #expect(short[.distinct1] == 1.0 / 3)
    #expect(short[.distinct2] == 1.0 / 2)
    #expect(short[.distinct3] == 1)
    #expect(short[.distinct4] == nil)
    #expect(short[.repetition] == 0)
    #expect(short[.entropyBits] == 0 && short[.lossBits] == 0)
    #expect((short[.modelLossBits] ?? -1) > 0)
    #expect(short[.knownWords] == 1 && short[.newWords] == 0)
    // " ab": the corpus has no "ab ".
    #expect(short[.longestCopy] == 3)
    // Of 30 characters, those from the fourth on repeat what was there before.
    #expect(try sample(["a", "b", " "], length: 30, prompt: " ")[.repetition] == 27.0 / 30)
  }

  @Test func measuresOfWordsThatAreNewAndKnown() throws {
    // "one twone twone tw"
    let measures = try sample(
      ["o", "n", "e", " ", "t", "w"], length: 18, prompt: "w", corpus: "O wonder. One.\n")
    // It goes on with the word that the prompt began, and ends inside one: two are left.
    #expect(measures[.distinct1] == 1.0 / 2)
    #expect(measures[.knownWords] == 0 && measures[.newWords] == 1)
    let spaced = try sample(
      ["o", "n", "e", " ", "t", "w"], length: 19, prompt: " ", corpus: "Two! One. twone")
    // "twone twone twone t"
    #expect(spaced[.distinct1] == 1.0 / 3)
    #expect(spaced[.knownWords] == 1 && spaced[.newWords] == 0)
    #expect(spaced[.longestCopy] == 6)
    let unknown = try sample(
      ["o", "n", "e", " ", "t", "w"], length: 19, prompt: " ", corpus: "two one")
    #expect(unknown[.knownWords] == 0 && unknown[.newWords] == 1)
    #expect(unknown[.longestCopy] == 3)
  }

  @Test func anEmptyTextHasNoMeasures() throws {
    let measures = try sample(["a", "b"], length: 0, prompt: "a", corpus: "ab")
    #expect(TextMeasure.allCases.allSatisfy { measures[$0] == nil })
  }

  @Test func nothingIsCopiedAcrossFiles() throws {
    let model = try recitingModel(characters: ["a", "b", "c", "d"])
    try ModelFolderFixture.withFolder { folder in
      try FileSystem.createFolders(folder)
      try ModelFolderFixture.write(Array("xab".utf8), folder + "/1.txt")
      try ModelFolderFixture.write(Array("cdx".utf8), folder + "/2.txt")
      let index = try CorpusIndex(
        [folder + "/1.txt", folder + "/2.txt"], vocabulary: model.vocabulary)
      #expect(index.characters == 6)
      let text = Sample(
        try Generator(
          model, prompt: "d", sampling: Sampling(temperature: 0), seed: 1, length: 4))
      #expect(text.text == "abcd")
      let measures = TextMeasures(text, vocabulary: model.vocabulary, corpus: index)
      #expect(measures[.longestCopy] == 2)
      #expect(throws: TextError.self) {
        try CorpusIndex([folder + "/3.txt"], vocabulary: model.vocabulary)
      }
    }
  }

  @Test func intervalsAreStudents() throws {
    #expect(MeanEstimate([]) == nil)
    #expect(MeanEstimate([3]) == MeanEstimate([3]) && MeanEstimate([3])?.halfWidth == nil)
    // s = sqrt(5/3), t = 3.18245 at three degrees of freedom.
    let four = try #require(MeanEstimate([1, 2, 3, 4]))
    #expect(four.mean == 2.5)
    #expect(abs((four.halfWidth ?? 0) - 3.18245 * (5.0 / 3).squareRoot() / 2) < 1e-5)
    #expect(four.interval(within: 1...3) == 1...3)
    // t = 2.03951 at 31, 2.22814 at 10, 2.20099 at 11, 1.98422 at 99.
    for (count, t) in [(32, 2.039513), (12, 2.200985), (11, 2.228139), (100, 1.984217)] {
      let values = (0..<count).map { Double($0) }
      let mean = Double(count - 1) / 2
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      let error = (squares / Double((count - 1) * count)).squareRoot()
      let half = try #require(MeanEstimate(values)?.halfWidth)
      #expect(abs(half / error - t) < 2e-4, "\(count) values")
    }
  }

  private func curves(samples: Int = 5) throws -> (ComparisonReport, ResponseCurves) {
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let report = try TemperatureComparison.run(
      model, prompt: "cafe ", temperatures: [1, 0, 0.5, 1], samples: samples, length: 60, seed: 4)
    let corpus = try index("a bad cafe.\nhad a fig", model.vocabulary)
    return (report, ResponseCurves(report, vocabulary: model.vocabulary, corpus: corpus))
  }

  @Test func curvesAreMeansOverTheTexts() throws {
    let (report, curves) = try curves()
    #expect(curves.temperatures == [0, 0.5, 1] && curves.samples == 5)
    #expect(curves.corpus.count == 1)
    let entropy = try #require(curves[.entropyBits])
    let own = report.columns[2].samples.map { ($0.entropy ?? .nan) / 0.6931471805599453 }
    #expect(abs((entropy.values[1]?.mean ?? 0) - own.reduce(0, +) / 5) < 1e-12)
    #expect(entropy.values[0]?.mean == 0 && entropy.values[0]?.halfWidth == 0)
    // What a warmer distribution is: more undecided.
    #expect(entropy.values[1]?.mean ?? 0 < entropy.values[2]?.mean ?? 0)
    #expect(curves.curves.map(\.measure).contains(.longestCopy))
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let without = ResponseCurves(report, vocabulary: model.vocabulary, threads: 2)
    #expect(without.curves.allSatisfy { !$0.measure.needsCorpus })
    #expect(without[.repetition] == curves[.repetition])
  }

  @Test func tablesAndObjectsHaveTheirShape() throws {
    let (report, curves) = try curves()
    let lines = curves.csv.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.first == "measure,temperature,mean,low,high,samples" && lines.last == "")
    #expect(lines.count == 2 + 3 * curves.curves.count)
    #expect(
      lines.dropFirst().dropLast().allSatisfy {
        $0.split(separator: ",", omittingEmptySubsequences: false).count == 6
      })
    #expect(lines[1] == "entropy_bits,0.0,0.0,0.0,0.0,5")
    let json = report.json(with: curves)
    #expect(json.objectValue?.keys.last == "response")
    let response = try #require(json["response"])
    #expect(response.objectValue?.keys == ["samples", "interval", "corpus", "curves"])
    let curve = try #require(response["curves"]?[0])
    #expect(curve["measure"]?.stringValue == "entropy_bits")
    #expect(
      curve["points"]?[1]?.objectValue?.keys == ["temperature", "mean", "low", "high", "samples"])
    // One text gives no interval.
    let (_, single) = try self.curves(samples: 1)
    #expect(single.json["curves"]?[0]?["points"]?[1]?["low"]?.isNull == true)
    #expect(single.csv.contains(",,,1\n"))
    _ = try JSON.serialize(json)
  }

  @Test func figuresShowEveryCurve() throws {
    let (_, curves) = try curves()
    #expect(curves.plots.flatMap(\.series).count == curves.curves.count)
    let figure = curves.figure(title: "a < b").markup
    #expect(figure.hasPrefix("<svg xmlns") && figure.contains("a &lt; b"))
  }

  @Test func aPageHoldsNothingThatRuns() throws {
    let wild = ["<", ">", "/", "s", "c", "r", "i", "p", "t", "&", "\"", "\u{1B}", "\u{202E}", "\n"]
    let model = try randomModel(characters: wild, context: 8)
    let prompt = "<script>\u{202E}\u{1B}</script>"
    let report = try TemperatureComparison.run(
      model, prompt: prompt, temperatures: [0, 0.7, 3], samples: 8, length: 80, seed: 4)
    let curves = ResponseCurves(report, vocabulary: model.vocabulary)
    let page = ComparisonPage(
      report, curves: curves, model: "</dd><script>", command: "temper '<script>'", note: "<b>"
    ).page.document.markup
    #expect(!page.contains("<script") && !page.contains("script-src"))
    #expect(page.contains("&lt;script&gt;"))
    #expect(!page.unicodeScalars.contains { $0 == "\u{202E}" || $0 == "\u{1B}" })
    for outside in ["http://", "https://", "@import", "url(", "src=\"", "javascript:"] {
      #expect(!page.contains(outside))
    }
    // Both sides of a parting are marked, and it is explained once.
    let partings = report.divergences.filter { $0.sample == 0 }.count
    #expect(partings == 2)
    #expect(page.split(separator: "class=\"flag\" href=\"#part-1\"").count == 3)
    #expect(page.split(separator: "<figure id=\"part-").count == 1 + partings)
    #expect(page.contains("2 more texts") && !page.contains("are shown; all"))
    #expect(page.contains("<span>temper</span> <span>&#39;&lt;script&gt;&#39;</span>"))
    // Every opened element is closed.
    for tag in ["i", "div", "span", "figure", "article", "section", "details", "table", "p"] {
      let opened = page.split(separator: "<\(tag) ").count + page.split(separator: "<\(tag)>").count
      #expect(opened - 1 == page.split(separator: "</\(tag)>").count, "\(tag)")
    }
  }

  @Test func aPageDoesNotGrowWithoutEnd() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let most = ComparisonPage.mostCharacters
    let report = try TemperatureComparison.run(
      model, prompt: "a", temperatures: [1], samples: 2, length: most + 50, seed: 4, threads: 2)
    let page = ComparisonPage(report, curves: nil, model: "m", command: nil).page.document.markup
    #expect(page.split(separator: "when drawn, ").count == 1 + most)
    #expect(page.contains("first 2,000 characters are shown; all are measured"))
    #expect(page.contains("and 50 characters more"))
  }

  @Test func manyLineBreaksAreNoLongBlank() throws {
    let model = try randomModel(characters: ["\n"], context: 8)
    let report = try TemperatureComparison.run(
      model, prompt: "\n", temperatures: [1], samples: 2, length: 9, seed: 4)
    let page = ComparisonPage(report, curves: nil, model: "m", command: nil).page.document.markup
    // The first text has an element for each character, the second one for all.
    #expect(page.split(separator: ">↵</i>").count == 1 + 6)
    #expect(page.split(separator: ">↵\n</i>").count == 1 + 1)
    #expect(page.contains(">\n\n↵↵↵↵↵↵↵\n</i>"))
  }

  @Test func theCorpusOfAModelStandsBesideItsWeights() throws {
    try ModelFolderFixture.withFolder { root in
      for folder in ["weights/fables", "weights/notes", "corpus", "other/fables"] {
        try FileSystem.createFolders(root + "/" + folder)
      }
      try ModelFolderFixture.write([65], root + "/corpus/fables.txt")
      let found = try #require(ModelFolder.corpus(ofModelAt: root + "/weights/fables/"))
      #expect(found.hasSuffix("/corpus/fables.txt"))
      #expect(ModelFolder.corpus(ofModelAt: root + "/weights/notes") == nil)
      #expect(ModelFolder.corpus(ofModelAt: root + "/other/fables") == nil)
    }
  }
}
