import Transformer

/// Momentum whose step is made orthogonal, for one matrix: every direction that the gradient has moves at the same speed.
///
/// Concretely: M = μ M + g, G = g + μ M (Nesterov), O = G brought near to the closest matrix with singular values 1 by five Newton-Schulz
/// iterations X = a X + (b X Xᵀ + c (X Xᵀ)²) X, and w = w - η λ w - η √max(1, rows / columns) O. The size of the gradient
/// does not matter.
///
/// Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024).
package final class Muon {
  /// The update, with at most as many rows as columns, and the products of an iteration.
  private let x, next: Matrix<Float>
  private let square, polynomial: Matrix<Float>
  private let isTransposed: Bool

  package init(rows: Int, columns: Int) {
    isTransposed = rows > columns
    let (short, long) = (min(rows, columns), max(rows, columns))
    x = Matrix(rows: short, columns: long)
    next = Matrix(rows: short, columns: long)
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
    for i in 0..<gradient.count { momentum[i] = mu * momentum[i] + scale * gradient[i] }
    for r in 0..<weights.rows {
      let g = gradient[r * columns..<(r + 1) * columns]
      let m = momentum[r * columns..<(r + 1) * columns]
      if isTransposed {
        for c in 0..<columns { x[c][r] = scale * g[c] + mu * m[c] }
      } else {
        let x = x[r]
        for c in 0..<columns { x[c] = scale * g[c] + mu * m[c] }
      }
    }
    let orthogonal = orthogonalize()

    let aspect = max(1, Double(weights.rows) / Double(columns)).squareRoot()
    let rate = Float(step.muonRate * aspect)
    let kept = Float(1 - step.muonRate * step.weightDecay)
    for r in 0..<weights.rows {
      let w = weights[r]
      if isTransposed {
        for c in 0..<columns { w[c] = kept * w[c] - rate * orthogonal[c][r] }
      } else {
        let o = orthogonal[r]
        for c in 0..<columns { w[c] = kept * w[c] - rate * o[c] }
      }
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
      multiplyByItself(x, into: square)
      // b S + c S², and a on the diagonal, make one polynomial in S = X Xᵀ that X is multiplied by. S is symmetric: S² = S Sᵀ.
      polynomial.copy(square)
      for r in 0..<polynomial.rows { polynomial[r].multiply(by: b) }
      multiplyByItself(square, into: polynomial, scale: c, adding: true)
      for r in 0..<polynomial.rows { polynomial[r][r] += a }
      multiply(polynomial, x, into: next)
      swap(&x, &next)
    }
    return x
  }
}
