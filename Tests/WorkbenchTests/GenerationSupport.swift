import Text
import Transformer
import Workbench

/// A row of logits.
func row(_ logits: [Float]) -> Matrix<Float> {
  let matrix = Matrix<Float>(rows: 1, columns: logits.count)
  for (i, z) in logits.enumerated() { matrix[0][i] = z }
  return matrix
}

/// Seeded numbers for tests.
struct TestNumbers {
  private let generator: CounterGenerator
  private var counter: UInt64 = 0

  init(seed: UInt64) { generator = CounterGenerator(seed: seed, stream: .checks) }

  mutating func normal() -> Double {
    counter += 1
    return generator.normals(at: counter).0
  }

  mutating func below(_ bound: Int) -> Int {
    counter += 1
    return Int(generator.below(UInt32(bound), at: counter))
  }

  /// Uniform in (0, 1).
  mutating func unit() -> Double {
    counter += 1
    return CounterGenerator.unit(
      generator.words(UInt32(truncatingIfNeeded: counter), 0, 7, 7).0)
  }

  mutating func element<Element>(of array: [Element]) -> Element { array[below(array.count)] }
}

/// A model of random weights, all of them away from zero, so that its text depends on everything
/// before.
func randomModel(
  characters: [String], context: Int, seed: UInt64 = 1, isTied: Bool = false
) throws -> LanguageModel {
  let configuration = try Configuration(
    vocabularySize: characters.count, layers: 2, width: 12, headWidth: 8, feedForward: 20,
    context: context, isTied: isTied)
  let parameters = Parameters<Float>(configuration)
  var numbers = TestNumbers(seed: seed)
  for i in 0..<parameters.elements.count { parameters.elements[i] = Float(numbers.normal() * 0.6) }
  return LanguageModel(
    model: Model(parameters), vocabulary: try Vocabulary(characters: characters), name: "random")
}

/// A model that finds the character after the current one in the vocabulary, in a circle, far more
/// probable than any other: at T = 0 it recites the vocabulary. A damaged character has NaN for its
/// embedding.
func recitingModel(characters: [String], damaged: Int? = nil) throws -> LanguageModel {
  let count = characters.count
  let configuration = try Configuration(
    vocabularySize: count, layers: 1, width: count, headWidth: 2, feedForward: 2, context: 8)
  let parameters = Parameters<Float>(configuration)
  for entry in parameters.entries where entry.role == .gain || entry.role == .attentionGain {
    parameters.row(entry).fill(1)
  }
  for i in 0..<count {
    parameters.embedding[i][i] = i == damaged ? .nan : 1
    parameters.head[(i + 1) % count][i] = 10
  }
  return LanguageModel(
    model: Model(parameters), vocabulary: try Vocabulary(characters: characters), name: "reciting")
}

let twelveCharacters = [" ", "a", "b", "c", "d", "e", "f", "g", "h", "i", "o", "\n"]

extension Array where Element == GeneratedCharacter {
  var joined: String { map(\.text).joined() }
}
