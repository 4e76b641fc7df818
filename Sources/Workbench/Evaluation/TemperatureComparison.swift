import Safetensors
import Text
import Transformer

/// One prompt continued at several temperatures with the same noise in each, so that differences
/// come from the temperature alone.
public enum TemperatureComparison {
  /// Generates the texts.
  ///
  /// Sample i of every column has the seed `seed + i` and is, character for character, what a
  /// `Generator` at the column's temperature gives with that seed.
  ///
  /// - Parameters:
  ///   - temperatures: one for each column, in the order in which neighbours are compared.
  ///   - samples: texts in each column.
  ///   - length: characters of each text, at most.
  ///   - sampling: the other settings; its own temperature is not used.
  ///   - shouldStop: asked before each character, on every thread; the texts then end where they
  ///     are.
  /// - Throws: as `Generator.init` does; `SamplingError` if there is no temperature, or a count is
  ///   out of range.
  public static func run(
    _ model: LanguageModel, prompt: String, temperatures: [Double], samples: Int = 1, length: Int,
    sampling: Sampling = Sampling(), seed: UInt64, stop: [String] = [], threads: Int = 1,
    shouldStop: @Sendable () -> Bool = { false }
  ) throws -> ComparisonReport {
    guard !temperatures.isEmpty else {
      throw SamplingError.outOfRange(
        option: "temperatures", value: "", allowed: "one temperature or more")
    }
    try Generator.check(threads: threads)
    // The product cannot overflow once both are in range.
    try Generator.check(samples: samples)
    guard temperatures.count <= Generator.mostSamples,
      temperatures.count * samples <= Generator.mostSamples
    else {
      throw SamplingError.outOfRange(
        option: "samples", value: "\(samples) for each of \(temperatures.count) temperatures",
        allowed: "at most \(Generator.mostSamples) in all")
    }
    // Found out before any time is spent.
    let settings = try temperatures.map { temperature in
      var settings = sampling
      settings.temperature = temperature
      try settings.validate()
      return settings
    }
    let reading = try model.vocabulary.encodePrompt(prompt)

    let draws = settings.flatMap { settings in
      (0..<samples).map { (sampling: settings, seed: seed &+ UInt64($0)) }
    }
    let texts = try Generator.samples(
      model, prompt: prompt, draws, length: length, stop: stop, threads: threads,
      shouldStop: shouldStop)
    let columns = settings.indices.map { column in
      ComparisonReport.Column(
        temperature: settings[column].temperature,
        samples: Array(texts[column * samples..<(column + 1) * samples]))
    }
    return ComparisonReport(
      prompt: model.vocabulary.decode(reading.tokens), substitutions: reading.substitutions,
      seed: seed, length: length, sampling: sampling, columns: columns)
  }
}

/// What a comparison of temperatures found.
public struct ComparisonReport: Sendable, Equatable {
  /// The prompt in the model's characters; see `Generator.prompt`.
  public let prompt: String
  public let substitutions: [Prompt.Substitution]
  /// The seed of each column's first sample.
  public let seed: UInt64
  /// Characters of each text, at most.
  public let length: Int
  /// The settings that the columns share; the temperature in it is not used.
  public let sampling: Sampling
  public let columns: [Column]
  /// How exactly the model computed; see `LanguageModel.products`.
  public var products: ProductPrecision { columns.first?.samples.first?.products ?? .float32 }
  /// Where the samples of neighbouring columns part. Pairs that never do are not listed.
  public let divergences: [Divergence]

  /// The texts at one temperature.
  public struct Column: Sendable, Equatable {
    public let temperature: Double
    public let samples: [Sample]

    private var characters: [GeneratedCharacter] { samples.flatMap(\.characters) }

    /// The mean entropy of the distributions drawn from, in nats, over all characters of all
    /// samples; nil without characters.
    public var entropy: Double? { characters.mean(\.entropy) }

    /// The mean of -ln p in the distributions drawn from, in nats a character; nil without
    /// characters.
    public var loss: Double? { characters.mean { -$0.logProbability } }

    /// The mean of -ln p in the model's own distributions (T = 1, nothing left out), in nats a
    /// character; nil without characters.
    public var modelLoss: Double? { characters.mean { -$0.modelLogProbability } }
  }

  /// The first difference between two neighbouring columns' texts with the same seed.
  public struct Divergence: Sendable, Equatable {
    /// The columns, as indices; `right` is `left + 1`.
    public let left, right: Int
    /// Which sample of the columns.
    public let sample: Int
    /// The place among the generated characters, from 0. Up to it the texts are the same.
    public let index: Int
    /// The characters there; nil where a stop string ended the text.
    public let leftCharacter, rightCharacter: String?
    /// Why it is there; nil where a stop string ended one of the texts.
    public let crossing: Crossing?
  }

  /// Two characters' lines, and where they cross.
  ///
  /// A draw takes the character with the largest z + T g: z its logit, g the noise that the seed
  /// has for it at this place. In T that is a straight line; at either temperature another one is
  /// on top.
  public struct Crossing: Sendable, Equatable {
    /// The lines of the character that the left column drew and of the right one's.
    public let left, right: Line
    /// T* = (z_a - z_b) / (g_b - g_a), between the temperatures of the two columns. Just beside it
    /// a third character may win against both.
    public let temperature: Double

    /// z + T g.
    public struct Line: Sendable, Equatable {
      /// z: the logit after filters and penalty.
      public let logit: Double
      /// g.
      public let noise: Double

      /// Its height at a temperature.
      public func value(at temperature: Double) -> Double { logit + temperature * noise }
    }
  }

  init(
    prompt: String, substitutions: [Prompt.Substitution], seed: UInt64, length: Int,
    sampling: Sampling, columns: [Column]
  ) {
    self.prompt = prompt
    self.substitutions = substitutions
    self.seed = seed
    self.length = length
    self.sampling = sampling
    self.columns = columns
    divergences = columns.indices.dropFirst().flatMap { right in
      zip(columns[right - 1].samples, columns[right].samples).enumerated().compactMap { pair in
        Divergence(pair.element.0, pair.element.1, left: right - 1, sample: pair.offset)
      }
    }
  }
}

extension ComparisonReport.Divergence {
  fileprivate init?(_ a: Sample, _ b: Sample, left: Int, sample: Int) {
    let shared = zip(a.characters, b.characters).prefix { $0.token == $1.token }.count
    func character(_ sample: Sample) -> String?? {
      if shared < sample.characters.count { return .some(sample.characters[shared].text) }
      // A text that somebody interrupted does not differ from a longer one.
      if case .stop = sample.ending { return .some(nil) }
      return .none
    }
    guard let leftCharacter = character(a), let rightCharacter = character(b),
      leftCharacter != nil || rightCharacter != nil
    else { return nil }
    var crossing: ComparisonReport.Crossing?
    if leftCharacter != nil, rightCharacter != nil {
      crossing = ComparisonReport.Crossing(
        a.characters[shared], b.characters[shared], index: shared,
        noise: GumbelNoise(seed: a.seed))
    }
    self.init(
      left: left, right: left + 1, sample: sample, index: shared, leftCharacter: leftCharacter,
      rightCharacter: rightCharacter, crossing: crossing)
  }
}

extension ComparisonReport.Crossing {
  fileprivate init?(
    _ a: GeneratedCharacter, _ b: GeneratedCharacter, index: Int, noise: GumbelNoise
  ) {
    left = Line(logit: a.logit, noise: noise.value(of: Int(a.token), at: index))
    right = Line(logit: b.logit, noise: noise.value(of: Int(b.token), at: index))
    temperature = (left.logit - right.logit) / (right.noise - left.noise)
    guard temperature.isFinite else { return nil }
  }
}

// MARK: - JSON

extension ComparisonReport {
  /// {"prompt", "seed", "length", the shared settings, "products", "columns": [{"temperature", "entropy",
  /// "loss", "model_loss", "samples": [{"text", "seed", "ending", "entropy", "loss", "model_loss",
  /// "characters"}...]}...], "divergences": [{"left", "right", "sample", "index", "left_character",
  /// "right_character", "crossing": {"temperature", "left": {"logit", "noise"}, "right": {...}} or
  /// null}...]}; entropies and losses in nats a character.
  public var json: JSONValue {
    var object: JSONObject = [
      "prompt": JSONValue(prompt), "seed": JSONValue(seed), "length": JSONValue(length),
    ]
    for (key, value) in sampling.json where key != "temperature" { object[key] = value }
    object["products"] = JSONValue(products.rawValue)
    object["columns"] = .array(columns.map(\.json))
    object["divergences"] = .array(divergences.map(\.json))
    return .object(object)
  }

  /// The same with the measures over the temperature as the last member, "response"; see
  /// `ResponseCurves.json`.
  public func json(with curves: ResponseCurves) -> JSONValue {
    guard var object = json.objectValue else { return json }
    object["response"] = curves.json
    return .object(object)
  }
}

extension ComparisonReport.Column {
  fileprivate var json: JSONValue {
    [
      "temperature": JSONValue(temperature), "entropy": .numberOrNull(entropy),
      "loss": .numberOrNull(loss), "model_loss": .numberOrNull(modelLoss),
      "samples": .array(samples.map(\.columnJSON)),
    ]
  }
}

extension Sample {
  /// Without what all samples of a comparison share.
  fileprivate var columnJSON: JSONValue {
    [
      "text": JSONValue(text), "seed": JSONValue(seed), "ending": JSONValue(ending.name),
      "entropy": .numberOrNull(entropy), "loss": .numberOrNull(loss),
      "model_loss": .numberOrNull(modelLoss), "characters": .array(characters.map(\.json)),
    ]
  }
}

extension ComparisonReport.Divergence {
  fileprivate var json: JSONValue {
    [
      "left": JSONValue(left), "right": JSONValue(right), "sample": JSONValue(sample),
      "index": JSONValue(index), "left_character": leftCharacter.map { JSONValue($0) } ?? .null,
      "right_character": rightCharacter.map { JSONValue($0) } ?? .null,
      "crossing": crossing.map(\.json) ?? .null,
    ]
  }
}

extension ComparisonReport.Crossing {
  fileprivate var json: JSONValue {
    func line(_ line: Line) -> JSONValue {
      ["logit": JSONValue(line.logit), "noise": JSONValue(line.noise)]
    }
    return ["temperature": JSONValue(temperature), "left": line(left), "right": line(right)]
  }
}
