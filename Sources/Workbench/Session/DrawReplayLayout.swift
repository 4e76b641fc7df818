import Text

/// Shows to a person how a character was drawn.
package enum DrawReplayLayout {
  /// The candidates, the temperatures at which another would have been drawn, and what the model
  /// looked at.
  package static func output(_ replay: DrawReplay, width: Int) -> [SessionOutput] {
    let chosen = NextCharacter.shown(replay.chosen.text)
    let temperature = replay.sampling.temperature
    var output: [SessionOutput] = [
      .heading(
        Display.truncated(
          "Character \(replay.number), \(chosen) after \(Display.inline(replay.context))",
          to: max(width, 20)))
    ]
    output.append(.remark(row("", ["logit", "p", "noise g", "z + T g"])))
    for candidate in replay.candidates.prefix(5) where candidate.score > -.infinity {
      let marks =
        candidate.score == candidate.logit ? "" : "  penalized to \(candidate.score.decimals(3))"
      output.append(
        .line(
          row(
            NextCharacter.shown(candidate.text),
            [
              candidate.logit.decimals(3), (100 * candidate.probability).decimals(2) + "%",
              candidate.noise.decimals(3), candidate.value.decimals(3),
            ]) + marks))
    }
    if let second = replay.runnerUp {
      let lead = replay.chosen.value - second.value
      output.append(
        .line(
          "  \(chosen) is ahead of \(NextCharacter.shown(second.text)) by \(lead.decimals(3)) "
            + "at T = \(temperature.shortest)."))
    }

    output.append(.heading("Drawn here with this noise"))
    for interval in replay.flips.intervals {
      let isHere = interval == replay.flips.interval(at: temperature)
      let span =
        interval.highest == .infinity
        ? "from \(interval.lowest.decimals(4))"
        : "\(interval.lowest.decimals(4)) to \(interval.highest.decimals(4))"
      let character = NextCharacter.shown(replay.character(of: interval.token))
      output.append(
        .text(
          "  T " + Display.padded(span, to: 22) + character
            + (isHere ? "   <- T = \(temperature.shortest)" : "") + "\n",
          isHere ? .heading : .plain))
    }

    output.append(.heading("Looked at most"))
    for (layer, weights) in replay.attention.enumerated() {
      let most = weights.indices.sorted {
        weights[$0] != weights[$1] ? weights[$0] > weights[$1] : $0 > $1
      }
      let looks = most.prefix(5).map { position in
        let share = (100 * Double(weights[position])).decimals(0)
        let back = replay.seen.count - position
        return "\(NextCharacter.shown(replay.seen[position])) \(share)% (\(back) back)"
      }
      output.append(
        .line(
          Display.truncated(
            "  layer \(layer + 1)  " + looks.joined(separator: "  "), to: max(width, 20))))
    }
    return output
  }

  private static func row(_ label: String, _ cells: [String]) -> String {
    "  " + Display.padded(label, to: 8)
      + cells.map { Display.padded($0, to: 11, alignedRight: true) }.joined()
  }
}
