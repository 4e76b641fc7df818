import ArgumentParser
import Safetensors
import Text
import Transformer
import Workbench

/// `temper gradcheck`: finite differences against the hand-written gradients.
struct GradCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gradcheck",
    abstract: "Check the hand-written gradients against finite differences, tensor by tensor.",
    discussion: """
      Without --model a small model with random weights is checked, with each normalizer of attention, tied and \
      untied, with dropout off and on, with label smoothing and z-loss. Everything is in double precision. The \
      relative error of each tensor has to be at most 0.000001, or the exit code is 1.
      """)

  @OptionGroup var model: ModelOption

  @Flag(help: "Print one JSON object.")
  var json = false

  private static let limit = 1e-6

  /// One way to train.
  private struct Variant {
    let name: String
    let check: GradientCheck

    static func all(elements: Int) -> [Variant] {
      let smoothed = Objective(labelSmoothing: 0.1, zLoss: 1e-2)
      return [
        ("plain", 0, Objective()), ("dropout", 0.2, Objective()), ("smoothing", 0, smoothed),
        ("both", 0.2, smoothed),
      ].map { name, dropout, objective in
        Variant(
          name: name,
          check: GradientCheck(
            objective: objective, dropout: dropout, elementsPerTensor: elements))
      }
    }
  }

  /// A model and the results for it, variant by variant.
  private struct Table {
    let title: String
    let isTied: Bool
    var columns: [(variant: Variant, results: [GradientCheck.Result])] = []

    var worst: Double { columns.flatMap(\.results).map(\.relativeError).max() ?? 0 }
  }

  func run() throws {
    let tables = try model.model == nil ? small() : [trained()]
    let worst = tables.map(\.worst).max() ?? 0
    let passes = worst <= Self.limit
    let output = Console.output()
    if json {
      let object: JSONValue = [
        "worst": .numberOrNull(worst), "limit": JSONValue(Self.limit),
        "passed": JSONValue(passes), "checks": .array(tables.flatMap(Self.json)),
      ]
      try output.write(bytes: JSON.serialize(object))
      output.line()
    } else {
      for table in tables { Self.show(table, on: output) }
      output.line(
        "worst relative error \(Self.scientific(worst)): "
          + (passes ? "the gradients are right" : "A GRADIENT IS WRONG"),
        .heading)
    }
    try output.flush()
    if !passes { throw ExitCode(1) }
  }

  private func small() throws -> [Table] {
    try Normalizer.allCases.flatMap { attention in
      try [true, false].map { isTied in try small(attention, isTied: isTied) }
    }
  }

  private func small(_ attention: Normalizer, isTied: Bool) throws -> Table {
    let configuration = try Configuration(
      vocabularySize: 11, layers: 2, width: 10, headWidth: 6, feedForward: 14, context: 7,
      isTied: isTied, attention: attention)
    let parameters = GradientCheck.randomParameters(configuration)
    var table = Table(
      title: "small random model, \(attention.rawValue), \(isTied ? "tied" : "untied")",
      isTied: isTied)
    for variant in Variant.all(elements: 64) {
      table.columns.append((variant, variant.check.run(parameters, context: 7)))
    }
    return table
  }

  /// A few elements of each tensor on a short context, so that it takes seconds.
  private func trained() throws -> Table {
    let model = try model.load()
    let parameters = model.model.parameters.converted(to: Double.self)
    var table = Table(title: model.name, isTied: model.configuration.isTied)
    for variant in Variant.all(elements: 4) {
      let results = variant.check.run(
        parameters, sequences: 1, context: min(model.configuration.context, 12))
      table.columns.append((variant, results))
    }
    return table
  }

  private static func show(_ table: Table, on output: Console) {
    let results = table.columns.first?.results ?? []
    let width = (results.map(\.name.count).max() ?? 0) + 2
    output.line(
      Display.padded(table.title, to: width)
        + table.columns.map { Display.padded($0.variant.name, to: 11, alignedRight: true) }.joined(),
      .heading)
    for (index, result) in results.enumerated() {
      let errors = table.columns.map { column in
        let error = column.results[index].relativeError
        return Display.padded(
          scientific(error) + (error <= limit ? " " : "!"), to: 11, alignedRight: true)
      }
      output.line(Display.padded(result.name, to: width) + errors.joined())
    }
    output.line()
  }

  private static func json(_ table: Table) -> [JSONValue] {
    table.columns.map { column in
      [
        "model": JSONValue(table.title), "tied": JSONValue(table.isTied),
        "dropout": JSONValue(column.variant.check.dropout),
        "label_smoothing": JSONValue(column.variant.check.objective.labelSmoothing),
        "z_loss": JSONValue(column.variant.check.objective.zLoss),
        "tensors": .array(
          column.results.map { result in
            [
              "name": JSONValue(result.name),
              "shape": .array(result.shape.map { JSONValue($0) }),
              "checked": JSONValue(result.checked),
              "relative_error": .numberOrNull(result.relativeError),
            ]
          }),
      ]
    }
  }

  /// Two significant digits and a power of ten.
  private static func scientific(_ value: Double) -> String {
    guard value.isFinite, value > 0 else { return value == 0 ? "0" : "infinite" }
    var exponent = 0
    var mantissa = value
    while mantissa < 1 {
      mantissa *= 10
      exponent -= 1
    }
    while mantissa >= 9.95 {
      mantissa /= 10
      exponent += 1
    }
    return "\(mantissa.decimals(1))e\(exponent)"
  }
}
