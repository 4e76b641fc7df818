import ArgumentParser
import Safetensors
import Text
import Transformer
import Workbench

/// `temper inspect`: what is in a model folder, and whether it is sound.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model is: shape, characters, origin, and whether its files are sound.")

  @Argument(help: "The model: a folder, or the name of one that comes with temper.")
  var dir: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let path = try ModelChoice.path(dir)
    let inspection = try ModelFolder.inspect(path)
    let vocabulary = try ModelFolder.load(path).vocabulary
    let output = Console.output()
    if json {
      try output.write(bytes: JSON.serialize(Self.json(inspection, vocabulary)))
      output.line()
    } else {
      Self.show(inspection, vocabulary, on: output)
    }
    try output.flush()
  }

  private static func show(
    _ model: ModelFolder.Inspection, _ vocabulary: Vocabulary, on output: Console
  ) {
    let shape = model.configuration
    func row(_ name: String, _ value: String) {
      output.line("  \(Display.padded(name, to: 12))\(value)")
    }
    output.line("\(model.name) (\(model.path))", .heading)
    row("parameters", "\(model.parameterCount.grouped), stored as \(model.precision)")
    row("layers", "\(shape.layers)")
    row("width", "\(shape.width), feed-forward \(shape.feedForward)")
    row("attention", "one head of width \(shape.headWidth), \(shape.attention.rawValue)")
    row("context", "\(shape.context) characters")
    row("output", shape.isTied ? "tied to the embedding" : "a projection of its own")
    let characters = vocabulary.characters.map(Display.inline).joined(separator: " ")
    let room = max(output.width - 14, 20)
    row("characters", "\(vocabulary.count)")
    row("", Display.truncated(characters, to: room))
    if let origin = model.provenance {
      row(
        "trained on", "\(Display.list(origin.corpus)), \(origin.characters.grouped) characters")
      row(
        "training",
        "\(origin.steps.grouped) steps, \(origin.charactersSeen.grouped) characters seen")
      if let loss = origin.validationLoss {
        row("validation", "loss \(loss.decimals(4)) nats a character")
      }
      for (index, line) in origin.command.split(separator: "\n").enumerated() {
        row(index == 0 ? "command" : "", Display.inline(String(line)))
      }
    } else {
      row("trained on", "unknown: config.json does not say")
    }
    row("resuming", model.hasTrainer ? "possible" : "not possible: there is no trainer/ part")
    row("files", "sound" + (model.checksum.map { ", weights match SHA-256 \($0)" } ?? ""))
    for file in model.files {
      output.line(
        "    \(Display.padded(file.bytes.grouped, to: 12, alignedRight: true))  \(file.name)")
    }
  }

  private static func json(
    _ model: ModelFolder.Inspection, _ vocabulary: Vocabulary
  ) -> JSONValue {
    let shape = model.configuration
    var provenance = JSONValue.null
    if let origin = model.provenance {
      provenance = [
        "corpus": .array(origin.corpus.map { JSONValue($0) }),
        "characters": JSONValue(origin.characters), "steps": JSONValue(origin.steps),
        "characters_seen": JSONValue(origin.charactersSeen),
        "validation_loss": .numberOrNull(origin.validationLoss),
        "command": JSONValue(origin.command),
      ]
    }
    return [
      "name": JSONValue(model.name), "path": JSONValue(model.path), "sound": true,
      "parameters": JSONValue(model.parameterCount), "precision": JSONValue(model.precision),
      "configuration": [
        "vocabulary_size": JSONValue(shape.vocabularySize), "layers": JSONValue(shape.layers),
        "width": JSONValue(shape.width), "head_width": JSONValue(shape.headWidth),
        "feed_forward": JSONValue(shape.feedForward), "context": JSONValue(shape.context),
        "tied": JSONValue(shape.isTied),
        "attention": JSONValue(shape.attention.rawValue), "rope_theta": JSONValue(shape.ropeTheta),
        "norm_epsilon": JSONValue(shape.normEpsilon),
      ],
      "vocabulary": .array(vocabulary.characters.map { JSONValue($0) }),
      "sha256": model.checksum.map { JSONValue($0) } ?? .null, "provenance": provenance,
      "has_trainer": JSONValue(model.hasTrainer),
      "files": .array(
        model.files.map { ["name": JSONValue($0.name), "bytes": JSONValue($0.bytes)] }),
    ]
  }
}
