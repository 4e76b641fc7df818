import Safetensors
import Text
import Transformer

extension Session {
  /// Does one command.
  mutating func run(
    _ command: SessionCommand, _ arguments: Substring, _ shouldStop: @Sendable () -> Bool,
    _ emit: (SessionOutput) -> Void
  ) throws -> Next {
    /// The words after the command.
    func words(_ allowed: ClosedRange<Int>) throws -> [String] {
      let words = try SessionWords.words(arguments)
      guard allowed.contains(words.count) else {
        var usage = "/\(command.rawValue)"
        if !command.arguments.isEmpty { usage += " \(command.arguments)" }
        let amount = words.count < allowed.lowerBound ? "something is missing" : "that is too much"
        throw SessionFailure("\(amount); the command is \(usage)")
      }
      return words
    }

    switch command {
    case .help:
      let topic = try words(0...1).first
      for piece in try topic.map(SessionHelp.topic) ?? SessionHelp.overview { emit(piece) }
    case .show:
      _ = try words(0...0)
      show(emit)
    case .set:
      let words = try words(0...100)
      if words.isEmpty { show(emit) } else { try set(words, emit) }
    case .temperature:
      try setOrShow(.temperature, try words(0...1), emit)
    case .seed:
      try setOrShow(.seed, try words(0...1), emit)
    case .color:
      try setOrShow(.color, try words(0...1), emit)
      if settings.color { Self.legend.forEach(emit) }
    case .again:
      _ = try words(0...0)
      guard let passage else {
        throw SessionFailure("there is no text to repeat yet; type the beginning of one")
      }
      try begin(passage.prompt, seed: passage.seed, shouldStop, emit)
    case .more:
      let length = try words(0...1).first
      try goOn(by: length.map(Self.length) ?? settings.length, shouldStop, emit)
    case .compare:
      try compare(try words(0...16), shouldStop, emit)
    case .next:
      let text = arguments.isEmpty ? passage?.text ?? "" : SessionWords.unescaped(arguments)
      let next = try NextCharacter(
        after: text, model: model,
        temperatures: NextCharacter.temperatures(including: settings.sampling.temperature))
      next.output(width: environment.width(), at: settings.sampling.temperature).forEach(emit)
    case .why:
      DrawReplayLayout.output(try replay(try words(1...1)[0]), width: environment.width())
        .forEach(emit)
    case .attention:
      let text = arguments.isEmpty ? passage?.text ?? "" : SessionWords.unescaped(arguments)
      guard !text.isEmpty else {
        throw SessionFailure("there is no text to look at yet; the command is /attention TEXT")
      }
      let map = try AttentionMap(text, model: model)
      AttentionLayout.output(map, width: environment.width()).forEach(emit)
    case .score:
      if arguments.isEmpty { _ = try words(1...1) }
      let score = try Scoring.score(
        SessionWords.unescaped(arguments), model: model, source: "text")
      ScoreLayout.output(score).forEach(emit)
    case .softmax:
      try softmax(try words(0...100), emit)
    case .train:
      try train(try words(1...1000), shouldStop, emit)
    case .load:
      try load(try words(1...2), emit)
    case .save:
      try save(try words(1...2), emit)
    case .models:
      _ = try words(0...0)
      listModels(emit)
    case .quit:
      _ = try words(0...0)
      return .quit
    }
    return .continue
  }

  // MARK: Settings

  private mutating func set(_ words: [String], _ emit: (SessionOutput) -> Void) throws {
    let (changed, names) = try settings.changed(by: words)
    for stop in changed.stop where changed.stop != settings.stop {
      // Known characters only: a stop text that never comes would be a silent mistake.
      _ = try model.vocabulary.encode(stop, source: "stop text")
    }
    settings = changed
    emit(
      .line(names.map { "\($0.rawValue) \($0.value(in: changed))" }.joined(separator: ", ")))
  }

  private mutating func setOrShow(
    _ setting: Setting, _ words: [String], _ emit: (SessionOutput) -> Void
  ) throws {
    if let word = words.first {
      try set([setting.rawValue, word], emit)
    } else {
      emit(.line("\(setting.rawValue) \(setting.value(in: settings))"))
    }
  }

  private static func length(_ word: String) throws -> Int {
    guard let length = Int(word) else {
      throw SessionFailure("\(word) is not a number of characters")
    }
    try SessionSettings.check("length", length, SessionSettings.lengths)
    return length
  }

  private func show(_ emit: (SessionOutput) -> Void) {
    emit(.heading(Self.describe(model)))
    for setting in Setting.allCases {
      var value = setting.value(in: settings)
      if setting == .seed, settings.seed == nil, let passage { value += " (last \(passage.seed))" }
      emit(.line("  " + Display.padded(setting.rawValue, to: 20) + value))
    }
  }

  /// A model in a line: its name, its size, what it knows.
  public static func describe(_ model: LanguageModel) -> String {
    let parameters = model.configuration.parameterCount
    return "\(model.name): \(parameters.grouped) parameters, "
      + "\(count(model.vocabulary.count, "distinct character")), "
      + "sees \(count(model.configuration.context, "character")) at a time"
  }

  private static var legend: [SessionOutput] {
    let samples: [(String, Double)] = [
      ("expected ", 0.9), ("likely ", 0.4), ("possible ", 0.12), ("unlikely ", 0.03),
      ("surprising", 0.001),
    ]
    return samples.map { .text($0.0, .generated(probability: $0.1)) } + [.text("\n", .plain)]
  }

  // MARK: Temperatures

  private func compare(
    _ words: [String], _ shouldStop: @Sendable () -> Bool, _ emit: (SessionOutput) -> Void
  ) throws {
    var words = words
    var samples = 1
    if let last = words.last, let count = try Self.sampleCount(last) {
      samples = count
      words.removeLast()
    }
    var temperatures = try words.map { word in
      guard let temperature = Double(word), temperature.isFinite else {
        throw SessionFailure("\(word) is not a temperature: /compare 0.2 0.8 1.5 x8")
      }
      try SessionSettings.check("temperature", temperature, SessionSettings.temperatures)
      return temperature
    }
    if temperatures.isEmpty { temperatures = [0.2, 0.8, 1.5] }
    let report = try TemperatureComparison.run(
      model, prompt: passage?.prompt ?? "", temperatures: temperatures, samples: samples,
      length: settings.length, sampling: settings.sampling,
      seed: settings.seed ?? passage?.seed ?? environment.randomSeed(), stop: settings.stop,
      threads: environment.threads, shouldStop: shouldStop)
    // What was interrupted is too little to measure.
    let isWhole = !report.columns.contains { $0.samples.contains { $0.ending == .interrupted } }
    let curves =
      samples > 1 && isWhole
      ? ResponseCurves(
        report, vocabulary: model.vocabulary, corpus: try environment.corpus(model),
        threads: environment.threads) : nil
    ComparisonLayout.output(report, curves: curves, width: environment.width()).forEach(emit)
  }

  /// x8: eight texts at each temperature; nil for a word that is no such count.
  private static func sampleCount(_ word: String) throws -> Int? {
    guard let first = word.utf8.first, first | 0x20 == UInt8(ascii: "x") else { return nil }
    guard let count = Int(word.dropFirst()) else {
      throw SessionFailure("\(word) is not a number of texts: /compare 0.2 0.8 1.5 x8")
    }
    try SessionSettings.check("the number of texts", count, 1...1000)
    return count
  }

  /// What `/why` shows.
  private func replay(_ word: String) throws -> DrawReplay {
    guard let number = Int(word), number >= 1 else {
      throw SessionFailure("\(word) is not the number of a character; the first is 1: /why 1")
    }
    guard let passage, !passage.drawn.isEmpty else {
      throw SessionFailure("there is no text to explain yet; type the beginning of one")
    }
    guard let generator = passage.generator else {
      throw SessionFailure("the model has changed since the last text; /again makes a new one")
    }
    guard number <= passage.drawn.count else {
      throw SessionFailure(
        "the last text has \(Self.count(passage.drawn.count, "generated character"))")
    }
    return try DrawReplay(
      model, prompt: generator.prompt, drawn: Array(passage.drawn.prefix(number)),
      sampling: generator.sampling, seed: generator.seed)
  }

  // MARK: Models

  private mutating func train(
    _ words: [String], _ shouldStop: @Sendable () -> Bool, _ emit: (SessionOutput) -> Void
  ) throws {
    guard let train = environment.train else {
      throw SessionFailure("training is not possible here; `temper train` does it")
    }
    let trained = try train(Self.trainingRequest(words), model, shouldStop, emit)
    change(to: trained, hasUnsavedTraining: true)
    emit(.remark("This model now answers. /save DIR keeps it for good."))
  }

  /// Files, then `steps N` or `minutes X`.
  static func trainingRequest(_ words: [String]) throws
    -> SessionEnvironment.TrainingRequest
  {
    var request = SessionEnvironment.TrainingRequest(paths: [])
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "steps" where !request.paths.isEmpty, "--steps":
        guard let steps = rest.popFirst().flatMap({ Int($0) }) else {
          throw SessionFailure("steps needs a whole number: steps 500")
        }
        try SessionSettings.check("steps", steps, 1...1_000_000_000)
        request.steps = steps
      case "minutes" where !request.paths.isEmpty, "--minutes":
        guard let minutes = rest.popFirst().flatMap({ Double($0) }), minutes.isFinite else {
          throw SessionFailure("minutes needs a number: minutes 2")
        }
        guard minutes > 0, minutes <= 1_000_000 else {
          throw SessionFailure("minutes is \(minutes.shortest); it has to be above 0")
        }
        request.minutes = minutes
      default: request.paths.append(word)
      }
    }
    guard !request.paths.isEmpty else {
      throw SessionFailure("a file to train on is missing; the command is /train FILE ...")
    }
    return request
  }

  private mutating func load(_ words: [String], _ emit: (SessionOutput) -> Void) throws {
    let word = words[0]
    guard words.count == 1 || words[1] == "--force" else {
      throw SessionFailure("one model at a time; the command is /load NAME")
    }
    guard !hasUnsavedTraining || words.count == 2 else {
      throw SessionFailure(
        "the model that you trained is not saved; /save DIR keeps it, /load \(SessionWords.escaped(word)) --force gives it up"
      )
    }
    do {
      change(to: try environment.load(word), hasUnsavedTraining: false)
    } catch ModelFolderError.notFound {
      let names = environment.models().map(\.name)
      throw SessionFailure(
        "there is no model \(word); /models lists those that are here",
        suggestion: Suggestion.nearest(to: word, among: names).map { "/load \($0)" })
    }
    emit(.line(Self.describe(model)))
  }

  private mutating func save(_ words: [String], _ emit: (SessionOutput) -> Void) throws {
    let force = words.count == 2
    guard !force || words[1] == "--force", !words[0].hasPrefix("-") else {
      throw SessionFailure("a folder is missing; the command is /save DIR, or /save DIR --force")
    }
    try environment.save(model, words[0], force)
    hasUnsavedTraining = false
    let name = FileSystem.split(words[0]).name
    if !name.isEmpty { model.name = name }
    emit(.line("saved to \(words[0])"))
  }

  private func listModels(_ emit: (SessionOutput) -> Void) {
    let models = environment.models()
    if models.isEmpty {
      emit(.line("There are no models where they are looked for; /load DIR takes any folder."))
    }
    let width = models.map { Display.width(of: Display.inline($0.name)) }.max() ?? 0
    for listed in models {
      let mark = listed.name == model.name ? "*" : " "
      let name = Display.padded(Display.inline(listed.name), to: width)
      emit(.line("\(mark) \(name)  \(listed.path)"))
    }
  }

  private mutating func change(to model: LanguageModel, hasUnsavedTraining: Bool) {
    self.model = model
    self.hasUnsavedTraining = hasUnsavedTraining
    passage?.generator = nil
  }
}
