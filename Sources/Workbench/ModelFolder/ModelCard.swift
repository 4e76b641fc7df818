import Text
import Transformer

/// The README.md of a model folder: what the model is, what it learnt from, how well, and how to
/// use it.
///
/// Hugging Face reads the YAML at its top. It holds no date; the command stands in it as it was typed. So the same command on the same
/// text writes the same card.
public struct ModelCard: Sendable {
  /// The name of its folder.
  public var name: String
  public var configuration: Configuration
  public var precision: ModelFolder.Precision
  public var provenance: ModelFolder.Provenance
  /// Characters in each file of the corpus, in the order of `provenance.corpus`; empty when not
  /// known.
  public var corpusCharacters: [Int]
  /// Training settings, names and values, in the order to show them.
  public var settings: [(name: String, value: String)]
  /// A licence identifier as Hugging Face knows them, such as "mit"; nil says nothing.
  public var license: String?
  /// A few sentences by whoever trained it, Markdown; shown first.
  public var introduction: String

  public init(
    name: String, configuration: Configuration, precision: ModelFolder.Precision,
    provenance: ModelFolder.Provenance, corpusCharacters: [Int] = [],
    settings: [(name: String, value: String)] = [], license: String? = nil,
    introduction: String = ""
  ) {
    self.name = name
    self.configuration = configuration
    self.precision = precision
    self.provenance = provenance
    self.corpusCharacters = corpusCharacters
    self.settings = settings
    self.license = license
    self.introduction = introduction
  }

  public var markdown: String {
    [
      frontMatter, "# \(plain(name))", introduction, summary, corpus, training, shape, usage,
      licence,
    ]
    .filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }

  /// Whether libraries know this kind of model.
  private var runsElsewhere: Bool { configuration.attention == .softmax }

  private var frontMatter: String {
    var lines = ["---", "pipeline_tag: text-generation"]
    if runsElsewhere { lines.insert("library_name: transformers", at: 1) }
    if let license { lines.append("license: \(quoted(license))") }
    let kind = runsElsewhere ? "qwen3" : configuration.attention.rawValue
    lines += ["tags:", "- temper", "- character-level", "- \(kind)", "---"]
    return lines.joined(separator: "\n")
  }

  private var summary: String {
    let names = provenance.corpus.map(plain).joined(separator: ", ")
    return """
      A character-level text generator of \(configuration.parameterCount.grouped) parameters: a \
      transformer with a single attention head, trained by Temper on \
      \(names.isEmpty ? "one text" : names). It continues text in the manner of that corpus, one \
      character (grapheme cluster) at a time. It follows no instructions and knows no facts.
      """
  }

  private var corpus: String {
    var rows: [(String, String)] = []
    for (index, file) in provenance.corpus.enumerated() {
      let characters =
        corpusCharacters.indices.contains(index)
        ? "\(corpusCharacters[index].grouped) characters" : ""
      rows.append((file, characters))
    }
    rows.append(("in all", "\(provenance.characters.grouped) characters"))
    rows.append(("distinct characters", configuration.vocabularySize.grouped))
    return "## Corpus\n\n" + table("File", "Size", rows)
  }

  private var training: String {
    var rows = [
      ("steps", provenance.steps.grouped),
      ("characters seen", provenance.charactersSeen.grouped),
    ]
    if let loss = provenance.validationLoss {
      let percent = Self.percent(provenance.validation)
      rows.append(("validation loss", Self.decimal(loss, places: 4) + " nats per character"))
      rows.append(
        ("validation loss, in bits", Self.decimal(loss / 0.693_147_180_559_945_3, places: 4)))
      rows.append(("measured on", "the last \(percent) of the corpus, which was not trained on"))
    }
    rows += settings.map { ($0.name, $0.value) }
    return """
      ## Training

      Made by

      \(code(provenance.command))

      \(table("", "", rows))
      """
  }

  private var shape: String {
    let c = configuration
    let rows = [
      ("layers", c.layers.grouped), ("width", c.width.grouped),
      ("attention heads", "1, of width \(c.headWidth.grouped)"),
      ("attention's probabilities", c.attention.rawValue),
      ("feed-forward width", c.feedForward.grouped),
      ("context", "\(c.context.grouped) characters"),
      ("output projection", c.isTied ? "tied to the embeddings" : "its own"),
      ("parameters", "\(c.parameterCount.grouped), stored as \(precision.rawValue)"),
    ]
    let other =
      runsElsewhere
      ? ""
      : " But attention's probabilities are \(c.attention.rawValue), not softmax: only Temper runs "
        + "this model, and other libraries refuse it."
    return """
      ## Shape

      Hugging Face's `Qwen3ForCausalLM` with one attention head: RMSNorm before each block and on \
      queries and keys, rotary positions, SwiGLU.\(other)

      \(table("", "", rows))
      """
  }

  private var usage: String {
    let own = """
      ## Use

      With Temper, in the folder above this one:

      \(code("temper repl --model ./\(Self.shellQuoted(name))"))
      """
    guard runsElsewhere else { return own }
    let python = Self.literal(name)
    return """
      \(own)

      With transformers, there too:

      ```python
      from transformers import AutoModelForCausalLM, AutoTokenizer

      folder = \(python)
      tokenizer = AutoTokenizer.from_pretrained(folder)
      model = AutoModelForCausalLM.from_pretrained(folder)
      inputs = tokenizer(input("Begin: "), return_tensors="pt")
      print(tokenizer.decode(model.generate(**inputs, max_new_tokens=200)[0]))
      ```

      The tokenizer refuses a character that the corpus did not have.
      """
  }

  private var licence: String {
    guard let license else {
      return """
        ## Licence

        None is stated. Whoever shares this model has to look at the licence of the text that it \
        was trained on.
        """
    }
    return "## Licence\n\n\(plain(license))"
  }

  // MARK: - Markdown

  /// Text that is only text in Markdown and in HTML, on one line.
  private func plain(_ text: String) -> String {
    var result = ""
    for scalar in Display.inline(text).unicodeScalars {
      if "\\`*_{}[]<>#|~&!".unicodeScalars.contains(scalar) { result.append("\\") }
      result.unicodeScalars.append(scalar)
    }
    return result
  }

  /// One line of code; indented, because a fence could be closed from inside.
  private func code(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { "    " + Display.inline(String($0)) }.joined(separator: "\n")
  }

  private func quoted(_ text: String) -> String { Self.literal(text) }

  private func table(_ first: String, _ second: String, _ rows: [(String, String)]) -> String {
    (["| \(first) | \(second) |", "|---|---|"] + rows.map { "| \(plain($0.0)) | \(plain($0.1)) |" })
      .joined(separator: "\n")
  }

  /// A text as a string of YAML, Python and JSON alike.
  private static func literal(_ text: String) -> String {
    var result = "\""
    for scalar in Display.inline(text).unicodeScalars {
      if scalar == "\"" || scalar == "\\" { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result + "\""
  }

  private static func shellQuoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "-_.".utf8.contains($0)
    }
    if isPlain, !text.isEmpty { return text }
    return "'"
      + text.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }

  /// 0.1 as "10%", 0.125 as "12.5%".
  private static func percent(_ fraction: Double) -> String {
    let digits = decimal(100 * fraction, places: 1)
    return (digits.hasSuffix(".0") ? String(digits.dropLast(2)) : digits) + "%"
  }

  /// A finite number with a fixed number of decimals.
  private static func decimal(_ value: Double, places: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded()
    guard scaled < 1e15 else { return value.description }
    let number = Int(scaled)
    let divisor = Int(scale)
    let fraction = String(number % divisor)
    let padding = String(repeating: "0", count: places - fraction.count)
    return (value < 0 ? "-" : "") + "\(number / divisor).\(padding)\(fraction)"
  }
}
