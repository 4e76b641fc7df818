import Text
import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What a model expects as the next character, at several temperatures.
struct NextCharacter {
  /// The distribution softmax(logits / T) at one temperature.
  struct Distribution {
    let temperature: Double
    /// By token.
    let probabilities: [Double]
    /// -Σ p ln p, in nats.
    let entropy: Double
  }

  /// The end of the text that is continued, for show.
  let context: String
  let substitutions: [Prompt.Substitution]
  let vocabulary: Vocabulary
  /// Tokens from the most probable down; the order is the same at every temperature.
  let order: [Int]
  let distributions: [Distribution]

  /// - Throws: `TextError` for a character that the model does not know, `SamplingError` for logits that are not finite.
  init(after text: String, model: LanguageModel, temperatures: [Double]) throws {
    vocabulary = model.vocabulary
    let prompt = try vocabulary.encodePrompt(text, source: "text")
    substitutions = prompt.substitutions
    let end = prompt.tokens.suffix(24)
    context = (end.count < prompt.tokens.count ? "…" : "") + vocabulary.decode(end)
    let decoder = Decoder(model.model)
    decoder.append(Generator.context(of: prompt.tokens, in: vocabulary), to: 0)
    let row = decoder.logits[0]
    let logits = (0..<row.count).map { Double(row[$0]) }
    distributions = try temperatures.map { temperature in
      var sampler = try Sampler(
        Sampling(temperature: temperature), seed: 0, vocabularySize: logits.count)
      let probabilities = try sampler.distribution(row)
      let entropy = probabilities.reduce(0) { sum, p in
        p > 0 ? sum - p * log(p) : sum
      }
      return Distribution(
        temperature: temperature, probabilities: probabilities, entropy: max(entropy, 0))
    }
    order = logits.indices.sorted {
      logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1
    }
  }

  /// Half, one, one and a half, and the one in use.
  static func temperatures(including temperature: Double) -> [Double] {
    Set([0.5, 1, 1.5, temperature]).sorted()
  }

  /// A character in a table.
  static func shown(_ character: String) -> String {
    switch character {
    case " ": "␣"
    default: Display.inline(character)
    }
  }

  private static let labelWidth = 10
  private static let rows = 12

  /// A table: a row for each of the likeliest characters, the rest together, the entropy; a column for each temperature.
  func output(width: Int) -> [SessionOutput] {
    let fitting = max(1, (width - Self.labelWidth) / 16)
    let shown = distributions.prefix(fitting)
    let columnWidth = min(26, max(12, (width - Self.labelWidth) / shown.count))

    func row(_ label: String, _ cell: (Distribution) -> String) -> String {
      var line =
        "  " + Display.padded(label, to: Self.labelWidth - 2)
        + shown.map { Display.padded(cell($0), to: columnWidth) }.joined()
      while line.last == " " { line.removeLast() }
      return line
    }
    func bar(_ p: Double) -> String {
      let percent = Display.padded("\((100 * p).decimals(1))%", to: 6, alignedRight: true)
      return "\(percent) \(Self.bar(p, width: columnWidth - 9))"
    }

    var output: [SessionOutput] = []
    if let remark = Session.remark(about: substitutions) { output.append(.remark(remark)) }
    let after = context.isEmpty ? "at the beginning" : "after \(Display.inline(context))"
    output.append(.heading(Display.truncated("The next character \(after)", to: max(width, 20))))
    output.append(.text(row("") { "T = \($0.temperature.shortest)" } + "\n", .heading))
    let listed = order.prefix(Self.rows)
    for token in listed {
      let label = Self.shown(vocabulary.characters[token])
      output.append(.line(row(label) { bar($0.probabilities[token]) }))
    }
    if order.count > listed.count {
      output.append(
        .line(
          row("others") { distribution in
            bar(order.dropFirst(Self.rows).reduce(0) { $0 + distribution.probabilities[$1] })
          }))
    }
    output.append(
      .text(row("entropy") { "\($0.entropy.decimals(3)) nats" } + "\n", .remark))
    output.append(
      .text(
        row("") { "≈ \(exp($0.entropy).decimals(1)) choices" } + "\n", .remark))
    return output
  }

  /// A share as a bar, to an eighth of a column.
  static func bar(_ share: Double, width: Int) -> String {
    let eighths = Int((min(max(share, 0), 1) * Double(8 * width)).rounded())
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
  }
}
