import Testing
import Transformer

/// Broken invariants stop the program before they touch memory that is not theirs, in release
/// builds too.
@Suite struct InvariantTests {
  @Test func targetsOutsideTheVocabulary() async {
    await #expect(processExitsWith: .failure) {
      _ = CrossEntropyTests.evaluate([[1, 2, 3] as [Float]], [3])
    }
    await #expect(processExitsWith: .failure) {
      _ = CrossEntropyTests.evaluate([[1, 2, 3] as [Float]], [-1])
    }
  }

  @Test func tokensOutsideTheVocabulary() async {
    await #expect(processExitsWith: .failure) {
      let x = Matrix<Double>(rows: 1, columns: 2)
      Embedding.forward([3], table: EmbeddingTests.table, into: x)
    }
    await #expect(processExitsWith: .failure) {
      let parameters = Parameters<Float>(try ConfigurationTests.small())
      Decoder(Model(parameters)).append([-1], to: 0)
    }
  }

  @Test func shapesThatDoNotAgree() async {
    await #expect(processExitsWith: .failure) {
      let (a, b) = (Matrix<Float>(rows: 2, columns: 3), Matrix<Float>(rows: 2, columns: 3))
      multiply(a, b, into: Matrix(rows: 2, columns: 3))
    }
    await #expect(processExitsWith: .failure) {
      Matrix<Float>(rows: 2, columns: 3).add(Matrix(rows: 3, columns: 2))
    }
  }

  @Test func viewsOutsideOfTheirMatrix() async {
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Float>(rows: 2, columns: 3)[rows: 1..<3]
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix<Float>(rows: 2, columns: 3)[columns: 0..<4]
    }
    await #expect(processExitsWith: .failure) {
      _ = Matrix(Storage<Float>(count: 5), offset: 0, rows: 2, columns: 3)
    }
  }

  @Test func contextsLongerThanTheModels() async {
    await #expect(processExitsWith: .failure) {
      _ = Activations<Float>(try ConfigurationTests.small(context: 7), sequences: 1, context: 8)
    }
  }

  @Test func dropoutOfEverything() async {
    await #expect(processExitsWith: .failure) { _ = Dropout(rate: 1, seed: 1, step: 1) }
    await #expect(processExitsWith: .failure) { _ = Dropout(rate: .nan, seed: 1, step: 1) }
  }
}
