import Transformer

/// Derivatives by trying: what the hand-written ones are compared with.
///
/// All use (8 (L(+h) - L(-h)) - (L(+2h) - L(-2h))) / 12h, whose error falls with h⁴.
public enum FiniteDifferences {
  /// The derivative of `loss` by every element of `x`, row after row. `x` is changed on the way and
  /// restored.
  public static func gradient(
    by x: Matrix<Double>, step: Double = 1e-3, of loss: () -> Double
  ) -> [Double] {
    (0..<x.rows).flatMap { row in
      (0..<x.columns).map { column in
        let value = x[row][column]
        defer { x[row][column] = value }
        return derivative(step: step) { h in
          x[row][column] = value + h
          return loss()
        }
      }
    }
  }

  /// The derivative of `loss` by t at t = 0 when `x` is x + t `direction`: the gradient's product
  /// with the direction. One such number depends on every element of the gradient.
  public static func derivative(
    by x: Matrix<Double>, along direction: Matrix<Double>, step: Double = 1e-3,
    of loss: () -> Double
  ) -> Double {
    let start = x.copied()
    defer { x.copy(start) }
    return derivative(step: step) { h in
      for row in 0..<x.rows {
        x[row].copy(start[row])
        x[row].add(direction[row], times: h)
      }
      return loss()
    }
  }

  private static func derivative(step h: Double, of loss: (Double) -> Double) -> Double {
    let near = loss(h) - loss(-h)
    let far = loss(2 * h) - loss(-2 * h)
    return (8 * near - far) / (12 * h)
  }
}
