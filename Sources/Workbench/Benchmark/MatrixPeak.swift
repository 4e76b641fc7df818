import Transformer

/// How fast this process multiplies matrices, with nothing else to do: the limit that training is measured against.
public struct MatrixPeak: Sendable, Equatable {
  /// Billions of operations (a multiplication or an addition each) a second, on one thread and on all.
  public let oneThread, allThreads: Double

  /// Square products of several sizes, the fastest counts. All threads work at the same time, each on matrices of its own.
  ///
  /// - Parameter seconds: how long to measure each size.
  public static func measure(threads: Int, seconds: Double) -> MatrixPeak {
    Blas.useOneThread()
    func best(_ threads: Int) -> Double {
      [256, 384, 512].map { rate(size: $0, threads: threads, seconds: seconds) }.max() ?? 0
    }
    return MatrixPeak(oneThread: best(1), allThreads: best(threads))
  }

  /// The best of several rounds: what disturbs a round only makes it slower.
  private static func rate(size: Int, threads: Int, seconds: Double) -> Double {
    let operands = (0..<threads).map { _ in
      let (a, b) = (
        Matrix<Float>(rows: size, columns: size), Matrix<Float>(rows: size, columns: size)
      )
      a.fill(0.5)
      b.fill(0.25)
      return (a: a, b: b, c: Matrix<Float>(rows: size, columns: size))
    }
    let operations = 2 * Double(size * size * size)
    func round(_ products: Int) -> Double {
      Benchmark.seconds {
        forEachInParallel(threads, threads: threads) { thread in
          let (a, b, c) = operands[thread]
          for _ in 0..<products { multiply(a, b, into: c) }
        }
      }
    }
    let products = max(1, Int(seconds / 8 / max(round(1), 1e-6)))
    let fastest = (0..<8).map { _ in round(products) }.min() ?? .infinity
    return operations * Double(products * threads) / fastest * 1e-9
  }
}
