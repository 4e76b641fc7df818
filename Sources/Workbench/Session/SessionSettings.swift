/// What a person can set about generating: the same names, defaults and limits in a session and on the command line.
public struct SessionSettings: Sendable, Equatable {
  /// How the next character is drawn.
  public var sampling: Sampling
  /// How many characters a text gets at most.
  public var length: Int
  /// Strings that end a text.
  public var stop: [String]
  /// The seed of every text; nil draws a fresh one for each.
  public var seed: UInt64?
  /// Whether generated text is coloured by probability.
  public var color: Bool

  public init(
    sampling: Sampling = Sampling(), length: Int = 400, stop: [String] = [], seed: UInt64? = nil,
    color: Bool = false
  ) {
    self.sampling = sampling
    self.length = length
    self.stop = stop
    self.seed = seed
    self.color = color
  }

  /// Temperatures that make a difference: at 1000 every character is as likely as any other.
  package static let temperatures = 0.0...1000
  /// Lengths of a text. The largest takes an hour and a gigabyte.
  package static let lengths = 1...10_000_000
  /// Values of top-k and of the repetition window: more than any vocabulary or context has.
  private static let counts = 0...2_000_000
  private static let penalties = 0.01...100

  /// - Throws: `SamplingError.outOfRange` for the first setting that makes no sense.
  public func validate() throws(SamplingError) {
    try sampling.validate()
    try Self.check("temperature", sampling.temperature, Self.temperatures)
    try Self.check("top-k", sampling.topK, Self.counts)
    try Self.check("repetition-penalty", sampling.repetitionPenalty, Self.penalties)
    try Self.check("repetition-window", sampling.repetitionWindow, Self.counts)
    try Self.check("length", length, Self.lengths)
    guard stop.allSatisfy({ !$0.isEmpty }) else {
      throw .outOfRange(option: "stop", value: "", allowed: "a text of at least one character")
    }
  }

  package static func check<Value: Comparable & CustomStringConvertible>(
    _ option: String, _ value: Value, _ allowed: ClosedRange<Value>
  ) throws(SamplingError) {
    guard allowed.contains(value) else {
      throw .outOfRange(
        option: option, value: value.description,
        allowed: "from \(allowed.lowerBound) to \(allowed.upperBound)")
    }
  }
}

/// One of the settings, by the name that it has as an option.
enum Setting: String, CaseIterable {
  case temperature
  case topK = "top-k"
  case topP = "top-p"
  case minP = "min-p"
  case repetitionPenalty = "repetition-penalty"
  case repetitionWindow = "repetition-window"
  case length
  case stop
  case seed
  case color

  /// The setting of a name, with or without the dashes that it has as an option.
  init(named word: String) throws(SessionFailure) {
    var name = Substring(word.lowercased())
    while name.hasPrefix("-") { name.removeFirst() }
    guard let setting = Setting(rawValue: name == "t" ? "temperature" : String(name)) else {
      let names = Setting.allCases.map(\.rawValue)
      throw SessionFailure(
        "there is no setting \(word)",
        suggestion: Suggestion.nearest(to: String(name), among: names))
    }
    self = setting
  }

  /// What it does, in a line.
  var summary: String {
    switch self {
    case .temperature: "0 takes the likeliest, low is bolder, high more even"
    case .topK: "only the K likeliest characters; 0 is off"
    case .topP: "the fewest likeliest that have this share; 1 is off"
    case .minP: "only those P times as likely as the likeliest; 0 is off"
    case .repetitionPenalty: "holds back characters that came lately; 1 is off"
    case .repetitionWindow: "how many characters count as lately"
    case .length: "how many characters a text gets at most"
    case .stop: "ends a text before this; \\n breaks a line; off: none"
    case .seed: "the same seed gives the same text; random: any"
    case .color: "on colours generated text by probability"
    }
  }

  /// Values worth offering.
  var examples: [String] {
    switch self {
    case .temperature: ["0", "0.5", "0.8", "1", "1.2"]
    case .topK: ["0", "10", "40"]
    case .topP: ["0.9", "0.95", "1"]
    case .minP: ["0", "0.05", "0.1"]
    case .repetitionPenalty: ["1", "1.1"]
    case .repetitionWindow: ["64"]
    case .length: ["200", "400", "1000"]
    case .stop: ["off"]
    case .seed: ["random"]
    case .color: ["on", "off"]
    }
  }

  /// Its value, as `/set` reads it.
  func value(in settings: SessionSettings) -> String {
    let sampling = settings.sampling
    return switch self {
    case .temperature: sampling.temperature.shortest
    case .topK: "\(sampling.topK)"
    case .topP: sampling.topP.shortest
    case .minP: sampling.minP.shortest
    case .repetitionPenalty: sampling.repetitionPenalty.shortest
    case .repetitionWindow: "\(sampling.repetitionWindow)"
    case .length: "\(settings.length)"
    case .stop:
      settings.stop.isEmpty ? "off" : settings.stop.map(SessionWords.escaped).joined(separator: " ")
    case .seed: settings.seed.map { "\($0)" } ?? "random"
    case .color: settings.color ? "on" : "off"
    }
  }

  /// Sets it; `validate` has to follow.
  func set(_ word: String, in settings: inout SessionSettings) throws(SessionFailure) {
    let isOff = word.lowercased() == "off"
    switch self {
    case .temperature: settings.sampling.temperature = try number(word)
    case .topK: settings.sampling.topK = isOff ? 0 : try wholeNumber(word)
    case .topP: settings.sampling.topP = isOff ? 1 : try number(word)
    case .minP: settings.sampling.minP = isOff ? 0 : try number(word)
    case .repetitionPenalty: settings.sampling.repetitionPenalty = isOff ? 1 : try number(word)
    case .repetitionWindow: settings.sampling.repetitionWindow = isOff ? 0 : try wholeNumber(word)
    case .length: settings.length = try wholeNumber(word)
    case .stop: if isOff { settings.stop = [] } else { settings.stop.append(word) }
    case .seed:
      guard word.lowercased() != "random", !isOff else {
        settings.seed = nil
        return
      }
      guard let seed = UInt64(word) else {
        throw SessionFailure(
          "seed is \(word); it has to be a whole number of at least 0, or random")
      }
      settings.seed = seed
    case .color:
      guard ["on", "off"].contains(word.lowercased()) else {
        throw SessionFailure("color is \(word); it has to be on or off")
      }
      settings.color = !isOff
    }
  }

  private func number(_ word: String) throws(SessionFailure) -> Double {
    guard let number = Double(word), number.isFinite else {
      throw SessionFailure("\(rawValue) is \(word); it has to be a number")
    }
    return number
  }

  private func wholeNumber(_ word: String) throws(SessionFailure) -> Int {
    guard let number = Int(word) else {
      throw SessionFailure("\(rawValue) is \(word); it has to be a whole number")
    }
    return number
  }
}

extension SessionSettings {
  /// The settings changed by names and values in turn; all of them, or none if one is wrong.
  ///
  /// `name=value` is one word or two. `stop` may be there several times.
  func changed(by words: [String]) throws(SessionFailure) -> (
    settings: SessionSettings, changed: [Setting]
  ) {
    var result = self
    var changed: [Setting] = []
    var rest = words[...]
    while let word = rest.popFirst() {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let setting = try Setting(named: String(parts[0]))
      guard let value = parts.count > 1 ? String(parts[1]) : rest.popFirst() else {
        throw SessionFailure(
          "\(setting.rawValue) needs a value: /set \(setting.rawValue) \(setting.examples[0])")
      }
      if setting == .stop, !changed.contains(.stop) { result.stop = [] }
      try setting.set(value, in: &result)
      if !changed.contains(setting) { changed.append(setting) }
    }
    do {
      try result.validate()
    } catch {
      throw SessionFailure(error.description)
    }
    return (result, changed)
  }
}

extension Double {
  /// The number as a person writes it: 1 and not 1.0.
  var shortest: String {
    if let whole = Int(exactly: self), abs(whole) < 1_000_000 { return "\(whole)" }
    return "\(self)"
  }

  /// The number with a fixed count of decimals, rounded half away from zero.
  package func decimals(_ count: Int) -> String {
    guard isFinite else { return isNaN ? "nan" : self < 0 ? "-inf" : "inf" }
    let scale = (0..<count).reduce(1.0) { product, _ in product * 10 }
    guard abs(self) * scale < 1e15 else { return "\(self)" }
    let scaled = Int((abs(self) * scale).rounded())
    let digits = "\(scaled)"
    let sign = self < 0 && scaled > 0 ? "-" : ""
    guard count > 0 else { return sign + digits }
    let padded = String(repeating: "0", count: max(0, count + 1 - digits.count)) + digits
    return sign + padded.dropLast(count) + "." + padded.suffix(count)
  }
}
