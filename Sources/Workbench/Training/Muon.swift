import Transformer

/// Momentum whose step is made orthogonal, for one matrix: every direction that the gradient has moves at the same speed.
///
/// Concretely: M = μ M + g, G = g + μ M (Nesterov), O = G brought near to the closest matrix with singular values 1 by five Newton-Schulz
/// iterations X = X (a + b S + c S²) with S = Xᵀ X, and w = w - η λ w - η √max(1, rows / columns) O. The size of the gradient
/// does not matter. A matrix with fewer rows than columns is multiplied from the other side, with S = X Xᵀ: the same, with less work.
///
/// Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).
package final class Muon {
  /// The update, and the products of an iteration.
  private let x, next: Matrix<Float>
  private let square, polynomial: Matrix<Float>

  package init(rows: Int, columns: Int) {
    let short = min(rows, columns)
    x = Matrix(rows: rows, columns: columns)
    next = Matrix(rows: rows, columns: columns)
    square = Matrix(rows: short, columns: short)
    polynomial = Matrix(rows: short, columns: short)
  }

  /// The momentum μ at a step: it rises over the first 300, while the direction still turns quickly.
  static func momentum(step: Int) -> Double {
    0.85 + 0.1 * min(Double(step) / 300, 1)
  }

  /// - Parameters:
  ///   - weights: (rows, columns).
  ///   - gradient, momentum: their elements, row after row; the momentum is zero before the first step.
  package func update(
    _ weights: Matrix<Float>, gradient: Row<Float>, momentum: Row<Float>, _ step: OptimizerStep
  ) {
    let mu = Float(Self.momentum(step: step.step))
    let scale = Float(step.gradientScale)
    let columns = weights.columns
    for r in 0..<weights.rows {
      let (g, m) = (
        gradient[r * columns..<(r + 1) * columns], momentum[r * columns..<(r + 1) * columns]
      )
      let x = x[r]
      for c in 0..<columns {
        m[c] = mu * m[c] + scale * g[c]
        x[c] = scale * g[c] + mu * m[c]
      }
    }
    let orthogonal = orthogonalize()

    let aspect = max(1, Double(weights.rows) / Double(columns)).squareRoot()
    let rate = Float(step.muonRate * aspect)
    let kept = Float(1 - step.muonRate * step.weightDecay)
    for r in 0..<weights.rows {
      let w = weights[r]
      let o = orthogonal[r]
      for c in 0..<columns { w[c] = kept * w[c] - rate * o[c] }
    }
  }

  /// Five Newton-Schulz iterations on `x`, whose coefficients drive singular values in (0, 1] to about 1.
  private func orthogonalize() -> Matrix<Float> {
    var squares: Float = 0
    for r in 0..<x.rows { squares += x[r].sumOfSquares }
    let inverse = 1 / (squares.squareRoot() + 1e-7)
    for r in 0..<x.rows { x[r].multiply(by: inverse) }
    let (a, b, c): (Float, Float, Float) = (3.4445, -4.7750, 2.0315)
    var (x, next) = (x, next)
    for _ in 0..<5 {
      if x.rows < x.columns {
        multiplySymmetric(x, x.transposed, into: square)
      } else {
        multiplySymmetric(x.transposed, x, into: square)
      }
      polynomial.copy(square)
      for r in 0..<polynomial.rows { polynomial[r].multiply(by: b) }
      multiplySymmetric(square, square, into: polynomial, scale: c, adding: true)
      for r in 0..<polynomial.rows { polynomial[r][r] += a }
      if x.rows < x.columns {
        multiply(polynomial, x, into: next)
      } else {
        multiply(x, polynomial, into: next)
      }
      swap(&x, &next)
    }
    return x
  }
}
