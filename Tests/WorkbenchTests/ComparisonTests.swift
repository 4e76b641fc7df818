import Testing
import Text
import Workbench

@Suite struct ComparisonTests {
  @Test func columnsAreWhatTheGeneratorGives() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let temperatures = [0, 0.5, 0.8, 0.8, 1.3]
    let shared = Sampling(temperature: 99, topK: 9, repetitionPenalty: 1.1)
    for threads in [1, 3] {
      let report = try TemperatureComparison.run(
        model, prompt: "Cafe", temperatures: temperatures, samples: 3, length: 50,
        sampling: shared, seed: 12, threads: threads)
      #expect(report.columns.map(\.temperature) == temperatures)
      #expect(report.prompt == "cafe")
      #expect(report.substitutions.map(\.character) == ["C"])
      for column in report.columns {
        var sampling = shared
        sampling.temperature = column.temperature
        for (i, sample) in column.samples.enumerated() {
          let generator = try Generator(
            model, prompt: "Cafe", sampling: sampling, seed: 12 + UInt64(i), length: 50)
          #expect(Array(generator) == sample.characters)
          #expect(sample.text == generator.text)
          #expect(sample.seed == 12 + UInt64(i))
        }
        let all = column.samples.flatMap(\.characters)
        let count = Double(all.count)
        #expect(all.count == 150)
        #expect(
          abs((column.entropy ?? .nan) - all.reduce(0) { $0 + $1.entropy } / count) < 1e-12)
        #expect(
          abs((column.loss ?? .nan) + all.reduce(0) { $0 + $1.logProbability } / count) < 1e-12)
        #expect(
          abs((column.modelLoss ?? .nan) + all.reduce(0) { $0 + $1.modelLogProbability } / count)
            < 1e-12)
      }
      #expect(report.columns[0].loss == 0)
      // Every pair of texts parts where it says, and texts without an entry are the same.
      for right in 1..<temperatures.count {
        for i in 0..<3 {
          let (a, b) = (report.columns[right - 1].samples[i], report.columns[right].samples[i])
          let found = report.divergences.first { $0.right == right && $0.sample == i }
          guard let found else {
            #expect(a.text == b.text)
            continue
          }
          #expect(found.left == right - 1)
          let (x, y) = (a.characters.map(\.text), b.characters.map(\.text))
          #expect(x.prefix(found.index) == y.prefix(found.index))
          #expect(found.leftCharacter == x[found.index])
          #expect(found.rightCharacter == y[found.index])
          #expect(x[found.index] != y[found.index])
          try checkCrossing(found, report)
        }
      }
      // The two columns of the same temperature never part.
      #expect(!report.divergences.contains { $0.right == 3 })
      #expect(!report.divergences.isEmpty)
    }
  }

  /// The two lines are those of the characters that were drawn, and cross between the temperatures.
  private func checkCrossing(
    _ parting: ComparisonReport.Divergence, _ report: ComparisonReport
  ) throws {
    let crossing = try #require(parting.crossing)
    let (left, right) = (report.columns[parting.left], report.columns[parting.right])
    let noise = GumbelNoise(seed: left.samples[parting.sample].seed)
    let a = left.samples[parting.sample].characters[parting.index]
    let b = right.samples[parting.sample].characters[parting.index]
    #expect(crossing.left.logit == a.logit && crossing.right.logit == b.logit)
    #expect(crossing.left.noise == noise.value(of: Int(a.token), at: parting.index))
    #expect(crossing.right.noise == noise.value(of: Int(b.token), at: parting.index))
    let low = min(left.temperature, right.temperature)
    let high = max(left.temperature, right.temperature)
    #expect((low...high).contains(crossing.temperature))
    let (t, u) = (left.temperature, right.temperature)
    #expect(crossing.left.value(at: t) >= crossing.right.value(at: t))
    #expect(crossing.right.value(at: u) >= crossing.left.value(at: u))
    let there = crossing.temperature
    #expect(abs(crossing.left.value(at: there) - crossing.right.value(at: there)) < 1e-9)
  }

  @Test func logitsAreThoseDrawnFrom() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let report = try TemperatureComparison.run(
      model, prompt: "cafe", temperatures: [0.6, 1.4], samples: 20, length: 30, seed: 2)
    for parting in report.divergences {
      let pair = report.columns.map { $0.samples[parting.sample].characters[parting.index] }
      // With the same text before them, logits and the model's own ln p differ by a constant.
      let own = pair[0].modelLogProbability - pair[1].modelLogProbability
      #expect(abs(pair[0].logit - pair[1].logit - own) < 1e-9)
    }
    #expect(report.divergences.count > 10)
  }

  @Test func aStopStringCanBeWhereTextsPart() throws {
    let model = try randomModel(characters: ["a", "b"], context: 8, seed: 5)
    var parted = false
    for seed in 0..<40 {
      let report = try TemperatureComparison.run(
        model, prompt: "a", temperatures: [0.5, 3], length: 12, seed: UInt64(seed), stop: ["bb"])
      for divergence in report.divergences {
        let (left, right) = (report.columns[0].samples[0], report.columns[1].samples[0])
        let atEnd =
          divergence.index == left.characters.count || divergence.index == right.characters.count
        #expect(atEnd == (divergence.crossing == nil))
        #expect(
          atEnd == (divergence.leftCharacter == nil || divergence.rightCharacter == nil))
        parted = parted || atEnd
      }
    }
    #expect(parted, "no seed showed the case")
  }

  @Test func interruptedTextsDoNotPart() throws {
    let model = try randomModel(characters: twelveCharacters, context: 8)
    let report = try TemperatureComparison.run(
      model, prompt: "a", temperatures: [0.5, 2], samples: 2, length: 12, seed: 1,
      shouldStop: { true })
    #expect(report.divergences.isEmpty)
    #expect(
      report.columns.allSatisfy { $0.entropy == nil && $0.loss == nil && $0.modelLoss == nil })
    #expect(report.json["columns"]?[0]?["entropy"]?.isNull == true)
  }

  @Test func senselessRequestsAreRefused() throws {
    let model = try recitingModel(characters: ["a", "b"])
    func run(
      temperatures: [Double] = [1], samples: Int = 1, length: Int = 1, threads: Int = 1,
      prompt: String = "a"
    ) throws {
      _ = try TemperatureComparison.run(
        model, prompt: prompt, temperatures: temperatures, samples: samples, length: length,
        seed: 0, threads: threads)
    }
    try run()
    #expect(throws: SamplingError.self) { try run(temperatures: []) }
    #expect(throws: SamplingError.self) { try run(temperatures: [1, -1]) }
    #expect(throws: SamplingError.self) { try run(temperatures: [.nan]) }
    #expect(throws: SamplingError.self) { try run(samples: 0) }
    #expect(throws: SamplingError.self) { try run(samples: .max, threads: 1) }
    #expect(throws: SamplingError.self) { try run(length: -1) }
    #expect(throws: SamplingError.self) { try run(threads: 0) }
    #expect(throws: TextError.self) { try run(prompt: "\u{4E2D}") }
  }

  @Test func jsonOfAComparison() throws {
    let model = try recitingModel(characters: ["a", "b", "c"])
    let report = try TemperatureComparison.run(
      model, prompt: "a", temperatures: [0, 1e6], samples: 2, length: 30, seed: 3)
    let json = report.json
    #expect(
      json.objectValue?.keys == [
        "prompt", "seed", "length", "top_k", "top_p", "min_p", "repetition_penalty",
        "repetition_window", "products", "columns", "divergences",
      ])
    #expect(json["columns"]?.arrayValue?.count == 2)
    let column = json["columns"]?[0]
    #expect(
      column?.objectValue?.keys == ["temperature", "entropy", "loss", "model_loss", "samples"])
    let sample = column?["samples"]?[1]
    #expect(
      sample?.objectValue?.keys == [
        "text", "seed", "ending", "entropy", "loss", "model_loss", "characters",
      ])
    #expect(sample?["text"]?.stringValue?.hasPrefix("bcabc") == true)
    #expect(sample?["seed"]?.intValue == 4)
    let divergence = json["divergences"]?[0]
    #expect(
      divergence?.objectValue?.keys == [
        "left", "right", "sample", "index", "left_character", "right_character", "crossing",
      ])
    let crossing = divergence?["crossing"]
    #expect(crossing?.objectValue?.keys == ["temperature", "left", "right"])
    #expect(crossing?["left"]?.objectValue?.keys == ["logit", "noise"])
  }
}
