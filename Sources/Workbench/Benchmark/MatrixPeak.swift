import Transformer

/// How fast this process multiplies matrices, with nothing else to do: the limit that training is measured against.
public struct MatrixPeak: Sendable, Equatable {
  /// Billions of operations (a multiplication or an addition each) a second, on one thread and on all.
  public let oneThread, allThreads: Double
  /// Rows of the square matrices with which all threads reached that.
  public let size: Int

  /// Square products of several sizes, the fastest counts.
  ///
  /// - Parameter seconds: how long to measure each size.
  public static func measure(threads: Int, seconds: Double) -> MatrixPeak {
    Blas.useOneThread()
    func best(_ threads: Int) -> (rate: Double, size: Int) {
      let rates = [256, 384, 512].map { size in
        let products = SquareProducts(size: size, threads: threads, seconds: seconds / 8)
        // What disturbs a round only makes it slower.
        return (rate: (0..<8).map { _ in products.rate() }.max() ?? 0, size: size)
      }
      return rates.max { $0.rate < $1.rate } ?? (0, 0)
    }
    let (one, all) = (best(1), best(threads))
    return MatrixPeak(oneThread: one.rate, allThreads: all.rate, size: all.size)
  }
}

/// Products of square matrices on some threads at the same time, each with matrices of its own.
struct SquareProducts {
  private let size, threads: Int
  private let operands: [(a: Matrix<Float>, b: Matrix<Float>, c: Matrix<Float>)]
  /// For each thread, in a round.
  private var count = 1

  /// - Parameter seconds: how long a round takes, about.
  init(size: Int, threads: Int, seconds: Double) {
    (self.size, self.threads) = (size, threads)
    operands = (0..<threads).map { _ in
      func matrix(_ value: Float) -> Matrix<Float> {
        let matrix = Matrix<Float>(rows: size, columns: size)
        matrix.fill(value)
        return matrix
      }
      return (matrix(0.5), matrix(0.25), matrix(0))
    }
    count = max(1, Int(seconds / max(time(), 1e-6)))
  }

  /// Billions of operations a second in one round.
  func rate() -> Double {
    2 * Double(size * size * size) * Double(count * threads) / time() * 1e-9
  }

  private func time() -> Double {
    Benchmark.seconds {
      forEachInParallel(threads, threads: threads) { thread in
        let (a, b, c) = operands[thread]
        for _ in 0..<count { multiply(a, b, into: c) }
      }
    }
  }
}
