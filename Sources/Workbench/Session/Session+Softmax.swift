import Text
import Transformer

extension Session {
  /// The likeliest next characters that `/softmax` works on: few enough for a screen.
  private static let softmaxCharacters = 6

  /// `/softmax [TOPIC] [Z ...]`.
  func softmax(_ words: [String], _ emit: (SessionOutput) -> Void) throws {
    var numbers = words
    var topics = [LaboratoryTopic.overview]
    if let first = words.first, Double(first) == nil {
      do {
        topics = try LaboratoryTopic.named(first)
      } catch {
        let names = LaboratoryTopic.allCases.map(\.rawValue)
        throw SessionFailure(
          "\(error)",
          suggestion: Suggestion.nearest(to: first, among: names).map { "/softmax \($0)" })
      }
      numbers.removeFirst()
    }
    let laboratory = try numbers.isEmpty ? modelLaboratory() : Self.laboratory(numbers)
    for topic in topics {
      for piece in laboratory.page(topic) { emit(piece) }
    }
  }

  private static func laboratory(_ words: [String]) throws -> SoftmaxLaboratory {
    let logits = try words.map { word in
      guard let number = Double(word) else {
        throw SessionFailure("\(Display.inline(word)) is not a number")
      }
      return number
    }
    return try SoftmaxLaboratory(logits)
  }

  /// The logits of the likeliest characters after the last text.
  private func modelLaboratory() throws -> SoftmaxLaboratory {
    let prompt = try model.vocabulary.encodePrompt(passage?.text ?? "", source: "text")
    let decoder = model.decoder()
    // A row does not keep its matrix.
    defer { withExtendedLifetime(decoder) {} }
    decoder.append(Generator.context(of: prompt.tokens, in: model.vocabulary), to: 0)
    let row = decoder.logits[0]
    let logits = (0..<row.count).map { Double(row[$0]) }
    if let position = logits.firstIndex(where: \.isNaN) {
      throw LaboratoryError.notANumber(position: position)
    }
    let likeliest = logits.indices.sorted { logits[$0] > logits[$1] }
      .prefix(Self.softmaxCharacters)
    return try SoftmaxLaboratory(
      likeliest.map { logits[$0] }, labels: likeliest.map { model.vocabulary.characters[$0] })
  }
}
