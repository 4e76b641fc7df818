import TestSupport
import Testing
import Transformer

@Suite struct EmbeddingTests {
  static let table = Matrix<Double>([[1, 2], [3, 4], [5, 6]])

  @Test func forwardLooksUp() {
    let x = Matrix<Double>(rows: 4, columns: 2)
    Embedding.forward([2, 0, 2, 1], table: Self.table, into: x)
    #expect(x.doubles == [[5, 6], [1, 2], [5, 6], [3, 4]])
  }

  @Test func backwardAddsUpWhatACharacterGets() {
    let gradient = Matrix<Double>([[10, 10], [10, 10], [10, 10]])
    let dx = Matrix<Double>([[1, 2], [4, 8], [16, 32]])
    Embedding.backward([2, 0, 2], gradient: dx, addingTo: gradient)
    #expect(gradient.doubles == [[14, 18], [10, 10], [27, 44]])
  }

  /// ⟨w, lookup(E)⟩ = ⟨backward(w), E⟩, because looking up is linear.
  @Test(arguments: [1, 2, 3] as [UInt64])
  func backwardIsTheTransposeOfForward(seed: UInt64) {
    var random = SeededValues(seed: seed)
    let table: Matrix<Double> = random.matrix(7, 5)
    let weights: Matrix<Double> = random.matrix(40, 5)
    let tokens = random.tokens(40, vocabularySize: 7)
    let x = Matrix<Double>(rows: 40, columns: 5)
    Embedding.forward(tokens, table: table, into: x)
    let gradient = Matrix<Double>(rows: 7, columns: 5)
    Embedding.backward(tokens, gradient: weights, addingTo: gradient)
    let difference =
      dotProduct(weights.elements, x.elements) - dotProduct(gradient.elements, table.elements)
    #expect(abs(difference) <= 1e-12)
  }
}
