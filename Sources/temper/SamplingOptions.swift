import ArgumentParser
import Text
import Transformer
import Workbench

/// Which model.
struct ModelOption: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The model: a folder, or the name of one that comes with temper.", valueName: "dir"))
  var model: String?

  func load() throws -> LanguageModel { try ModelFolder.load(try ModelChoice.path(model)) }
}

/// How exactly the model computes.
struct ProductsOption: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: """
      What the weights are multiplied as when texts are generated. bfloat16 rounds both factors, attention's too: faster for many texts at once on \
      processors with AVX512-BF16, and another text now and then.
      """)
  var products = ProductPrecision.float32
}

extension ProductPrecision: ExpressibleByArgument {}

/// What decides how characters are drawn, but for the temperature.
struct FilterOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Draw from the N likeliest characters only; 0 is off.", valueName: "n"))
  var topK = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Draw from the fewest likeliest characters that together have this probability; 1 is off.",
      valueName: "x"))
  var topP = 1.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Leave out characters less than this times as likely as the likeliest; 0 is off.",
      valueName: "x"))
  var minP = 0.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Hold back characters that came lately; 1 is off.", valueName: "x"))
  var repetitionPenalty = 1.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many characters count as lately, for the repetition penalty.", valueName: "n"))
  var repetitionWindow = 64

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp(
      "End a text before this text; may be given several times. \\n is a line break.",
      valueName: "text"))
  var stop: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Fixes the random numbers, so that a text can be had again.", valueName: "n")
  )
  var seed: UInt64?

  /// The settings with a temperature and a length.
  func settings(temperature: Double = 1, length: Int) -> SessionSettings {
    SessionSettings(
      sampling: Sampling(
        temperature: temperature, topK: topK, topP: topP, minP: minP,
        repetitionPenalty: repetitionPenalty, repetitionWindow: repetitionWindow),
      length: length, stop: stop.map(unescaped), seed: seed)
  }

  func validate() throws { try Options.check { try settings(length: 1).validate() } }

  /// The seed that was given, or a fresh one that a person can type.
  var chosenSeed: UInt64 { seed ?? UInt64.random(in: 0..<1_000_000) }
}

/// What decides how a text is generated.
struct SamplingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "0 takes the likeliest character, below 1 is bolder, above 1 more even; without it, the model's own of generation_config.json, or 0.8.",
      valueName: "x"))
  var temperature: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many characters a text gets at most.", valueName: "n"))
  var length = 400

  @OptionGroup var filters: FilterOptions

  /// The settings, with the model's own temperature where none was given.
  func settings(of model: LanguageModel) -> SessionSettings {
    filters.settings(
      temperature: temperature ?? model.temperature ?? Sampling().temperature, length: length)
  }

  /// What to say about a temperature that comes from the model; nil if it does not, or is as usual.
  func remark(about model: LanguageModel) -> String? {
    guard temperature == nil, let own = model.temperature, own != Sampling().temperature else {
      return nil
    }
    return "temperature \(own), the model's own"
  }

  func validate() throws {
    try Options.check {
      try filters.settings(temperature: temperature ?? Sampling().temperature, length: length)
        .validate()
    }
  }
}

/// The beginning of a text.
struct PromptOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The beginning that the model goes on from. \\n is a line break.", valueName: "text"))
  var prompt: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("A file that holds the beginning, as it is.", valueName: "file"))
  var promptFile: String?

  func validate() throws {
    guard prompt == nil || promptFile == nil else {
      throw ValidationError("--prompt and --prompt-file exclude each other; give one of them.")
    }
  }

  /// The prompt; empty if none was given.
  func text() throws -> String {
    if let promptFile { return try TextFile.text(at: promptFile) }
    return prompt.map(unescaped) ?? ""
  }
}

/// What validations of options share.
enum Options {
  /// Turns the error of a setting into one of usage, under the option's name.
  static func check(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch SamplingError.outOfRange(let option, let value, let allowed) {
      let shown = value.isEmpty ? "an empty text" : value
      throw ValidationError("--\(option) is \(shown); it has to be \(allowed).")
    }
  }

  static func check<Value: Comparable & CustomStringConvertible>(
    _ option: String, _ value: Value, _ allowed: ClosedRange<Value>
  ) throws {
    try check { try SessionSettings.check(option, value, allowed) }
  }

  /// Numbers between commas, each in a range.
  static func numbers(_ option: String, _ text: String, in allowed: ClosedRange<Double>) throws
    -> [Double]
  {
    let words = text.split(separator: ",", omittingEmptySubsequences: false)
    guard words.count <= 16 else {
      throw ValidationError("--\(option) has \(words.count) values; at most 16 fit side by side.")
    }
    return try words.map { word in
      let word = word.filter { $0 != " " }
      guard let number = Double(word) else {
        throw ValidationError(
          "--\(option) has to be numbers between commas, such as 0.5,1,1.5; \"\(word)\" is none.")
      }
      try check(option, number, allowed)
      return number
    }
  }
}
