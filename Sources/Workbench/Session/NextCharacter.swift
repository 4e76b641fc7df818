import Safetensors
import Text
import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What a model expects as the next character, at several temperatures.
package struct NextCharacter {
  /// The distribution softmax(logits / T) at one temperature.
  package struct Distribution {
    package let temperature: Double
    /// By token.
    package let probabilities: [Double]
    /// -Σ p ln p, in nats.
    package let entropy: Double
    /// dp/dT = p (E[z] - z) / T², by token: what the character gains as T rises. None at T = 0.
    package let slopes: [Double]
    /// dH/dT = Var(z) / T³, which is never negative. Nil at T = 0.
    package let entropySlope: Double?

    /// exp(H): among how many equally likely characters one would be as undecided.
    package var effectiveChoices: Double { exp(entropy) }
  }

  /// The end of the text that is continued, for show.
  package let context: String
  package let substitutions: [Prompt.Substitution]
  let vocabulary: Vocabulary
  /// By token.
  private let logits: [Double]
  /// Tokens from the most probable down; the order is the same at every temperature.
  package let order: [Int]
  package let distributions: [Distribution]

  /// - Throws: `TextError` for a character that the model does not know, `SamplingError` for logits that are not finite.
  package init(after text: String, model: LanguageModel, temperatures: [Double]) throws {
    vocabulary = model.vocabulary
    let prompt = try vocabulary.encodePrompt(text, source: "text")
    substitutions = prompt.substitutions
    let end = prompt.tokens.suffix(24)
    context = (end.count < prompt.tokens.count ? "…" : "") + vocabulary.decode(end)
    let decoder = model.decoder()
    decoder.append(Generator.context(of: prompt.tokens, in: vocabulary), to: 0)
    // A row does not keep its matrix.
    defer { withExtendedLifetime(decoder) {} }
    let row = decoder.logits[0]
    let logits = (0..<row.count).map { Double(row[$0]) }
    self.logits = logits
    distributions = try temperatures.map { temperature in
      var sampler = try Sampler(
        Sampling(temperature: temperature), seed: 0, vocabularySize: logits.count)
      let probabilities = try sampler.distribution(row)
      let entropy = probabilities.reduce(0) { sum, p in
        p > 0 ? sum - p * log(p) : sum
      }
      guard temperature > 0 else {
        return Distribution(
          temperature: temperature, probabilities: probabilities, entropy: 0, slopes: [],
          entropySlope: nil)
      }
      // Without characters of probability 0, whose logit may be -∞.
      let mean = zip(probabilities, logits).reduce(0) { $1.0 > 0 ? $0 + $1.0 * $1.1 : $0 }
      let variance = zip(probabilities, logits).reduce(0) {
        $1.0 > 0 ? $0 + $1.0 * ($1.1 - mean) * ($1.1 - mean) : $0
      }
      let square = temperature * temperature
      return Distribution(
        temperature: temperature, probabilities: probabilities, entropy: max(entropy, 0),
        slopes: zip(probabilities, logits).map { $0 > 0 ? $0 * (mean - $1) / square : 0 },
        entropySlope: variance / (square * temperature))
    }
    order = logits.indices.sorted {
      logits[$0] != logits[$1] ? logits[$0] > logits[$1] : $0 < $1
    }
  }

  /// Half, one, one and a half, and the one in use.
  package static func temperatures(including temperature: Double) -> [Double] {
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
  /// - Parameter temperature: where to tell who gains and who loses; nil leaves that out.
  package func output(width: Int, at temperature: Double? = nil) -> [SessionOutput] {
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
    let missing = distributions.count - shown.count
    if missing > 0 { output.append(.remark("\(missing) more would need a wider place")) }
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
        row("") { "≈ \($0.effectiveChoices.decimals(1)) choices" } + "\n", .remark))
    output.append(
      .text(
        row("dH/dT") { $0.entropySlope.map { $0.decimals(3) } ?? "-" } + "\n", .remark))
    if let one = distributions.first(where: { $0.temperature == temperature }) {
      output += changes(one, width: max(width, 34))
    }
    return output
  }

  /// Who gains and who loses most as the temperature rises a little.
  private func changes(_ distribution: Distribution, width: Int) -> [SessionOutput] {
    let slopes = distribution.slopes
    let rising = slopes.indices.sorted {
      slopes[$0] != slopes[$1] ? slopes[$0] > slopes[$1] : $0 < $1
    }
    func list(_ tokens: some Sequence<Int>) -> String {
      tokens.map { token in
        let slope = slopes[token]
        let sign = slope > 0 ? "+" : ""
        return "\(Self.shown(vocabulary.characters[token])) \(sign)\(slope.decimals(3))"
      }.joined(separator: "  ")
    }
    let gaining = rising.filter { slopes[$0] >= 0.0005 }.prefix(5)
    let losing = rising.reversed().filter { slopes[$0] <= -0.0005 }.prefix(5)
    guard !gaining.isEmpty || !losing.isEmpty else { return [] }
    func line(_ text: String) -> SessionOutput { .line(Display.truncated(text, to: width)) }
    return [
      .heading("As T rises from \(distribution.temperature.shortest) (dp/dT)"),
      line("  gain  " + list(gaining)), line("  lose  " + list(losing)),
    ]
  }

  /// {"context", "temperatures": [{"temperature", "entropy", "effective_choices",
  /// "entropy_slope", "characters": [{"text", "token", "logit", "probability", "slope"}]}]}, the
  /// likeliest first; slopes are by T.
  package var json: JSONValue {
    [
      "context": JSONValue(context),
      "temperatures": .array(
        distributions.map { distribution in
          [
            "temperature": JSONValue(distribution.temperature),
            "entropy": .numberOrNull(distribution.entropy),
            "effective_choices": .numberOrNull(distribution.effectiveChoices),
            "entropy_slope": .numberOrNull(distribution.entropySlope),
            "characters": .array(
              order.map { token in
                [
                  "text": JSONValue(vocabulary.characters[token]), "token": JSONValue(token),
                  "logit": .numberOrNull(logits[token]),
                  "probability": .numberOrNull(distribution.probabilities[token]),
                  "slope": .numberOrNull(
                    distribution.slopes.isEmpty ? nil : distribution.slopes[token]),
                ]
              }),
          ]
        }),
    ]
  }

  /// A share as a bar, to an eighth of a column.
  static func bar(_ share: Double, width: Int) -> String {
    let eighths = Int((min(max(share, 0), 1) * Double(8 * width)).rounded())
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
  }
}
