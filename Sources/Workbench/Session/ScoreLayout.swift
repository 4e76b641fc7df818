import Text

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Shows how well a model predicts a text to a person.
package enum ScoreLayout {
  /// The text coloured by probability, its loss, and the characters that surprised most.
  package static func output(_ score: Score) -> [SessionOutput] {
    var output: [SessionOutput] = score.characters.map { character in
      let probability = character.logProbability.map { exp($0) }
      return .text(character.text, .generated(probability: probability))
    }
    if score.characters.last?.text != "\n" { output.append(.text("\n", .plain)) }
    let bits = score.loss / log(2)
    output.append(
      .line(
        "loss \(score.loss.decimals(4)) nats a character "
          + "(\(bits.decimals(4)) bits, perplexity \(exp(score.loss).decimals(2))) "
          + "over \(Session.count(score.characters.count - 1, "character"))"))
    let surprising = score.characters.indices.filter { position in
      score.characters[position].logProbability.map { $0 < log(0.1) } ?? false
    }.sorted { logProbability(score, $0) < logProbability(score, $1) }
    guard !surprising.isEmpty else { return output }
    output.append(.heading("Least expected"))
    for position in surprising.prefix(5) {
      let character = score.characters[position]
      let before = score.characters[max(0, position - 16)..<position].map(\.text).joined()
      let probability = 100 * exp(logProbability(score, position))
      let rank = character.rank.map { ", rank \($0)" } ?? ""
      let line =
        "  \(Display.padded(NextCharacter.shown(character.text), to: 4)) "
        + "\(probability.decimals(probability < 0.1 ? 4 : 1))%\(rank), "
        + "after \(Display.inline(before))"
      output.append(.line(line))
    }
    return output
  }

  private static func logProbability(_ score: Score, _ position: Int) -> Double {
    score.characters[position].logProbability ?? 0
  }
}
