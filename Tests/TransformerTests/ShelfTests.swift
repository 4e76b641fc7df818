import Testing

@testable import Transformer

@Suite("Matrices in one piece of memory")
struct ShelfTests {
  private static func some(_ shelf: Shelf<Float>) -> [Matrix<Float>] {
    [(3, 5), (1, 16), (0, 4), (7, 1), (5, 2048)].map { shelf.matrix(rows: $0.0, columns: $0.1) }
  }

  @Test("They are zeros of the shapes asked for, each at the start of a line of the cache")
  func shapes() {
    let matrices = Shelf<Float>.fill(Self.some)
    #expect(matrices.map(\.rows) == [3, 1, 0, 7, 5])
    #expect(matrices.map(\.columns) == [5, 16, 4, 1, 2048])
    for matrix in matrices {
      #expect(UInt(bitPattern: matrix.base) % 64 == 0)
      for row in 0..<matrix.rows { #expect(matrix[row].sumOfSquares == 0) }
    }
  }

  @Test("They share a storage and no element of it")
  func disjoint() {
    let matrices = Shelf<Float>.fill(Self.some)
    #expect(matrices.allSatisfy { $0.storage === matrices[0].storage })
    for (number, matrix) in matrices.enumerated() { matrix.fill(Float(number + 1)) }
    for (number, matrix) in matrices.enumerated() {
      for row in 0..<matrix.rows {
        for column in 0..<matrix.columns { #expect(matrix[row][column] == Float(number + 1)) }
      }
    }
  }

  @Test("Rows are not a multiple of 4 KB apart")
  func distance() {
    let matrices = Shelf<Float>.fill(Self.some)
    #expect(matrices.map(\.stride) == [5, 16, 4, 1, 2064])
  }

  @Test("Memory in large pages is zero and starts where they do", arguments: [1 << 19, 700_001])
  func largePages(count: Int) {
    let storage = Storage<Float>(count: count)
    #expect(UInt(bitPattern: storage.base) % (1 << 21) == 0)
    #expect((0..<count).allSatisfy { storage.base[$0] == 0 })
  }
}
