import ArgumentParser
import Safetensors
import Text
import Transformer
import Workbench

/// `temper evaluate`: the loss of a model over a corpus.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how well the model predicts a corpus.",
    discussion: """
      The loss is in nats for each character, over the part of each file that training holds back (its last tenth, or what \
      the model's config.json says) or over all of it, in windows of the model's context that do not overlap, which is how training measures too.
      """)

  /// Which part of a corpus.
  enum Part: String, CaseIterable, ExpressibleByArgument {
    case validation, all
  }

  @Argument(help: "Text files, or folders of them.")
  var files: [String]

  @OptionGroup var model: ModelOption

  @Option(
    parsing: .unconditional,
    help:
      "Which part: validation (what training holds back) or all; all if the model held nothing back."
  )
  var split: Part?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Windows start every N characters, and each predicts only what the one before has not: slower, with a longer past.",
      valueName: "n"))
  var stride: Int?

  @Flag(
    help:
      "Fit the temperature that predicts best on the first half of the text, and tell on the second how reliable probabilities are."
  )
  var calibrate = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "With --calibrate, write a page with the reliability diagrams.", valueName: "file"))
  var html: String?

  @Flag(
    help:
      "With --calibrate, make the fitted temperature the model's own, in its generation_config.json."
  )
  var save = false

  @OptionGroup var threads: ThreadsOption

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if let stride { try Options.check("stride", stride, 1...1_048_576) }
    guard calibrate || html == nil && !save else {
      throw ValidationError("--html and --save need --calibrate.")
    }
  }

  func run() throws {
    let folder = try ModelChoice.path(model.model)
    let model = try ModelFolder.load(folder)
    let context = model.configuration.context
    if let stride, stride > context {
      throw ValidationError(
        "--stride is \(stride); it has to be at most the model's context, \(context).")
    }
    let corpus = try Corpus.read(files, vocabulary: model.vocabulary, extending: false).corpus
    let heldBack = try ModelFolder.provenance(of: folder)?.validation ?? 0.1
    let split = split ?? (heldBack == 0 ? .all : .validation)
    let tokens = try part(split, of: corpus, heldBack)
    let evaluator = Evaluator(model.configuration, threads: threads.count)
    let evaluation = evaluator.evaluate(model.model, tokens: tokens, stride: stride)
    let training = Split(corpus, validation: heldBack).training
    let bigram = BigramBaseline(training, vocabularySize: model.vocabulary.count)
    let bigramLoss = bigram?.loss(tokens)
    let descentLoss = bigram?.descended()?.loss(tokens)
    let zeros =
      model.configuration.attention == .softmax
      ? nil : try AttentionMap.zeros(in: tokens, model: model)
    Interrupts.set(.record)
    let calibration =
      calibrate
      ? try Calibration(
        model, tokens: tokens, threads: threads.count, shouldStop: { Interrupts.isRequested })
      : nil
    if Interrupts.isRequested { throw ExitCode(130) }
    let output = Console.output()
    if json {
      var object: JSONObject = [
        "bigram": bigramLoss == nil
          ? .null
          : [
            "loss": .numberOrNull(bigramLoss),
            "loss_by_gradient_descent": .numberOrNull(descentLoss),
            "smoothing": JSONValue(BigramBaseline.smoothing),
          ],
        "characters": JSONValue(evaluation.characters), "loss": .numberOrNull(evaluation.loss),
        "bits_per_character": .numberOrNull(evaluation.bitsPerCharacter),
        "perplexity": .numberOrNull(evaluation.perplexity),
        "accuracy": .numberOrNull(evaluation.accuracy),
        "split": JSONValue(split.rawValue), "model": JSONValue(model.name),
      ]
      if let zeros { object["attention_zeros"] = .array(zeros.map { JSONValue($0) }) }
      for (key, value) in calibration?.json ?? [:] { object[key] = value }
      try output.write(bytes: JSON.serialize(.object(object)))
      output.line()
    } else {
      output.line("loss         \(evaluation.loss.decimals(4)) nats a character")
      output.line("             \(evaluation.bitsPerCharacter.decimals(4)) bits a character")
      output.line("perplexity   \(evaluation.perplexity.decimals(3))")
      output.line("accuracy     \((100 * evaluation.accuracy).decimals(2))%")
      if let bigramLoss {
        output.line(
          "bigram       \(bigramLoss.decimals(4)) nats from the current character alone "
            + "(counts + \(BigramBaseline.smoothing)"
            + (descentLoss.map { "; by gradient descent \($0.decimals(4))" } ?? "") + ")")
        output.line(
          "attention    buys \((bigramLoss - evaluation.loss).decimals(4)) nats a character")
      }
      if let zeros {
        let mean = zeros.reduce(0, +) / Double(zeros.count)
        output.line(
          "zeros        \((100 * mean).decimals(1))% of attention's weights; by layer "
            + zeros.map { (100 * $0).decimals(1) }.joined(separator: ", "))
      }
      let isTrained = heldBack == 0 && split == .all
      output.line(
        "characters   \(evaluation.characters.grouped) "
          + "(\(split.rawValue)\(isTrained ? "; the model held nothing back of what it was trained on" : ""))"
      )
      if let calibration {
        for piece in CalibrationLayout.output(calibration) { output.show(piece) }
      }
    }
    // What was measured is told before anything else can fail.
    try output.flush()
    guard let calibration else { return }
    if let html {
      let page = CalibrationLayout.page(
        calibration, model: model.name, facts: facts(model, evaluation, bigramLoss, split))
      try FileSystem.replaceFile(html, with: page.bytes)
      if !json { output.line("wrote \(html)", .remark) }
    }
    if save {
      guard !calibration.fit.isAtLimit else { throw EvaluationError.noTemperature }
      try ModelFolder.setTemperature(calibration.fit.temperature, of: folder)
      if !json {
        output.line("generate and repl take this temperature now if none is given", .remark)
      }
    }
    try output.flush()
  }

  /// What the page tells besides calibration.
  private func facts(
    _ model: LanguageModel, _ evaluation: Evaluation, _ bigramLoss: Double?, _ split: Part
  ) -> [(name: String, text: HTML)] {
    var loss = "\(evaluation.loss.decimals(4)) nats a character"
    if let bigramLoss { loss += "; \(bigramLoss.decimals(4)) from the current character alone" }
    let part =
      split == .all ? "all of it" : "the part of it that training holds back"
    return [
      ("model", HTML(text: Session.describe(model))),
      (
        "text",
        HTML(
          text: files.map { FileSystem.split($0).name }.joined(separator: ", ")
            + ", \(part): \(evaluation.characters.grouped) characters")
      ),
      ("loss", HTML(text: loss)),
      ("accuracy", HTML(text: "\((100 * evaluation.accuracy).decimals(2))%")),
      ("command", HTMLPage.command(TypedCommand.text())),
    ]
  }

  private func part(_ part: Part, of corpus: Corpus, _ heldBack: Double) throws -> [Int32] {
    switch part {
    case .all: return corpus.tokens
    case .validation:
      let split = Split(corpus, validation: heldBack)
      guard split.validation.count >= 2 else {
        throw EvaluationError.nothingHeldBack(characters: corpus.tokens.count)
      }
      return split.validation
    }
  }
}

/// Why a corpus cannot be evaluated.
enum EvaluationError: Error, CustomStringConvertible {
  case nothingHeldBack(characters: Int)
  case noTemperature

  var description: String {
    switch self {
    case .noTemperature:
      "no temperature predicts the text best, so there is none to save; use a longer text"
    case .nothingHeldBack(let characters):
      "a corpus of \(characters) characters is too short to hold a part back; "
        + "use --split all to measure on the whole of it"
    }
  }
}
