import Testing
import Text
import Transformer
import Workbench

/// Folders with small models whose texts are nonsense, but different at every seed.
struct ModelFixture {
  let folder: TemporaryFolder
  let model: LanguageModel
  /// The model's folder.
  let path: String

  /// Letters, digits, what a sentence needs, and two Chinese characters.
  static let characters = Vocabulary.sorted("\n !'\",.-:/=0123456789abcdefghijklmnopqrstuvwxyz中文")

  init(_ characters: [String] = characters, context: Int = 32, isTied: Bool = false) throws {
    folder = try TemporaryFolder()
    path = folder.file("tiny")
    let configuration = try Configuration(
      vocabularySize: characters.count, layers: 1, width: 16, headWidth: 8, feedForward: 16,
      context: context, isTied: isTied)
    let parameters = Parameters<Float>(configuration)
    let random = GradientCheck.randomParameters(configuration, seed: 5)
    let (source, target) = (random.elements.elements, parameters.elements)
    for index in 0..<target.count { target[index] = Float(source[index]) }
    let vocabulary = try Vocabulary(characters: characters)
    try ModelFolder.save(
      ModelFolder.Contents(parameters: parameters, vocabulary: vocabulary), to: path)
    model = LanguageModel(model: Model(parameters), vocabulary: vocabulary, name: "tiny")
  }

  /// Runs the program on the model.
  func run(
    _ arguments: [String], input: String = "", environment: [String: String] = [:],
    output: Program.Output? = nil, interrupt: Int32? = nil
  ) throws -> Program.Result {
    var environment = environment
    if environment["TEMPER_MODEL"] == nil { environment["TEMPER_MODEL"] = path }
    return try Program.run(
      arguments, inputBytes: Array(input.utf8), environment: environment, output: output,
      interrupt: interrupt,
      in: folder)
  }
}

extension Vocabulary {
  /// The characters of a text, each once.
  fileprivate static func sorted(_ text: String) -> [String] {
    Set(text.map { String($0) }).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
