import Safetensors
import Text
import Workbench

/// Tells what happens during a training run.
protocol TrainingReport {
  func show(_ event: TrainingEvent) throws
  /// Something for the person, not for tools.
  func note(_ text: String) throws
}

/// One JSON object a line on standard output, flushed at once.
struct JSONReport: TrainingReport {
  private let output = Console.output()
  private let remarks = Console.error()

  func show(_ event: TrainingEvent) throws {
    try output.write(bytes: JSON.serialize(event.json))
    output.line()
    try output.flush()
  }

  func note(_ text: String) throws {
    remarks.line(text, .remark)
    try remarks.flush()
  }
}

/// Text for a person: a line that is renewed in a terminal, plain lines now and then elsewhere.
final class TextReport: TrainingReport {
  private let output: Console
  private var start: TrainingEvent.Start?
  private var lastStep: TrainingEvent.Step?
  private var validationLoss: Double?
  /// The loss as it is shown: an average that forgets.
  private var smoothedLoss: Double?
  private var shownPercent = -1
  private var lastShown = -1.0

  init(_ output: Console = .output()) { self.output = output }

  func note(_ text: String) throws {
    output.line(text)
    try output.flush()
  }

  func show(_ event: TrainingEvent) throws {
    switch event {
    case .start(let start): show(start)
    case .step(let step): show(step)
    case .evaluation(let step, let loss, let accuracy, let isBest, _):
      validationLoss = loss
      output.line(
        "step \(step.grouped)  validation loss \(loss.decimals(4)), "
          + "\((100 * accuracy).decimals(1))% right\(isBest ? "" : " (not the best)")",
        isBest ? .plain : .remark)
      showProgress()
    case .sample(_, let text, let temperature, let seed):
      output.line("sample at temperature \(temperature), seed \(seed)", .remark)
      output.line(text)
    case .saved: break
    case .saveFailed(let step, let path, let reason):
      output.line(
        "step \(step.grouped): saving to \(path) failed: \(Display.inline(reason)); "
          + "training goes on and tries again",
        .failure)
    case .skipped(let step, _):
      output.line(
        "step \(step.grouped): the loss or its gradient is far outside its range; the step is skipped",
        .failure)
    case .rolledBack(let step, let rateFactor):
      output.line(
        "step \(step.grouped): back to the last good state, with \(rateFactor) of the learning rate",
        .failure)
    case .end(let end): show(end)
    }
    try output.flush()
  }

  private func show(_ start: TrainingEvent.Start) {
    self.start = start
    let files = start.files.count == 1 ? start.files[0] : "\(start.files.count) files"
    output.line(
      "\(files): \(start.characters.grouped) characters, \(start.distinct.grouped) distinct")
    if !start.rarest.isEmpty {
      let rarest = start.rarest.map { "\(Display.quoted($0.character)) \($0.count.grouped)" }
      output.line("rarest: " + rarest.joined(separator: "  "), .remark)
    }
    let validation =
      start.validationCharacters > 0
      ? "the last \(start.validationCharacters.grouped) to validate" : "none to validate"
    output.line("split: \(start.trainingCharacters.grouped) characters to train, \(validation)")
    if let base = start.base {
      let added =
        start.addedCharacters.isEmpty
        ? "its vocabulary covers the text"
        : "\(start.addedCharacters.count) characters are new to it: "
          + start.addedCharacters.prefix(20).map(Display.quoted).joined(separator: " ")
      output.line("starting from \(base); \(added)")
    }
    for warning in start.warnings { output.line("note: \(warning)", .failure) }
    let c = start.configuration
    let s = start.settings
    output.line(
      "model: \(c.parameterCount.grouped) parameters, \(c.layers) layers, width \(c.width), "
        + "head \(c.headWidth), feed-forward \(c.feedForward), context \(c.context)"
        + (c.isTied ? ", tied" : ""))
    let length =
      switch s.duration {
      case .steps(let steps):
        "\(steps.grouped) steps of \(s.batch) x \(s.context) characters"
          + (start.epochs.map { ", \($0.decimals(1)) epochs" } ?? "")
      case .minutes(let minutes):
        "\(minutes) minutes, steps of \(s.batch) x \(s.context) characters"
      }
    output.line(
      "training: \(length), \(s.optimizer.rawValue) at \(s.learningRate), dropout \(s.dropout), "
        + "\(start.threads) threads, seed \(s.seed)")
    if start.firstStep > 0 { output.line("going on after step \(start.firstStep.grouped)") }
    if case .steps(let steps) = start.settings.duration, start.firstStep >= steps {
      output.line(
        "all \(steps.grouped) steps are taken already; a larger --steps goes on"
      )
    }
  }

  private func show(_ step: TrainingEvent.Step) {
    lastStep = step
    smoothedLoss = smoothedLoss.map { $0 + 0.05 * (step.loss - $0) } ?? step.loss
    if output.isTerminal {
      // Ten times a second is as much as an eye can use.
      guard step.seconds - lastShown >= 0.1 else { return }
      lastShown = step.seconds
      showProgress()
    } else {
      let percent = Int(20 * step.progress) * 5
      guard percent != shownPercent else { return }
      shownPercent = percent
      output.line(progressLine(step))
    }
  }

  private func showProgress() {
    guard output.isTerminal, let lastStep else { return }
    output.progress(bar(lastStep.progress) + " " + progressLine(lastStep))
  }

  private func progressLine(_ step: TrainingEvent.Step) -> String {
    var parts = [
      "step \(step.step.grouped)", "loss \((smoothedLoss ?? step.loss).decimals(3))",
    ]
    let terms = [
      ("smoothing", step.smoothing), ("z-loss", step.zLoss), ("distillation", step.distillation),
    ]
    for (name, value) in terms where value != 0 { parts.append("\(name) \(value.decimals(3))") }
    if let validationLoss { parts.append("val \(validationLoss.decimals(4))") }
    parts.append("\(Int(step.charactersPerSecond).grouped) char/s")
    if step.progress > 0, step.progress < 1 {
      parts.append(
        "\(duration(step.seconds / step.progress * (1 - step.progress))) left")
    }
    return parts.joined(separator: "  ")
  }

  private func bar(_ progress: Double) -> String {
    let filled = Int((min(max(progress, 0), 1) * 20).rounded(.down))
    return String(repeating: "█", count: filled) + String(repeating: "░", count: 20 - filled)
  }

  private func show(_ end: TrainingEvent.End) {
    let curve = LossCurve(end.history).lines(width: min(output.width, 72), height: 8)
    if !curve.isEmpty {
      output.line()
      for line in curve { output.line(line) }
    }
    let verb =
      switch end.reason {
      case .done: "done"
      case .targetReached: "target reached"
      case .interrupted: "stopped"
      }
    var summary = "\(verb) after \(end.step.grouped) steps in \(duration(end.seconds))"
    if let loss = end.validationLoss, let best = end.bestStep {
      summary += "; best validation loss \(loss.decimals(4)) at step \(best.grouped)"
    }
    output.line(summary)
    if let path = end.path {
      output.line("saved in \(path)")
      if end.reason != .interrupted {
        output.line("talk to it: temper --model \(TypedCommand.shellQuoted(path))")
      }
    }
  }
}

/// A time in the two largest units that it has.
func duration(_ seconds: Double) -> String {
  guard seconds.isFinite, seconds < 1e9 else { return "long" }
  let whole = Int(seconds.rounded())
  if seconds < 10 { return "\(seconds.decimals(1)) s" }
  if whole < 60 { return "\(whole) s" }
  if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
  return "\(whole / 3600) h \(whole % 3600 / 60) min"
}
