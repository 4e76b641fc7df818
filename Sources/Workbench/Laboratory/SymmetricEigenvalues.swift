/// Eigenvalues of a symmetric matrix by Jacobi rotations.
///
/// A rotation in the plane of coordinates p and q with t = tan of the angle makes a_pq zero and moves its square into the diagonal. Sweeping over all
/// pairs, what is off the diagonal soon falls quadratically.
///
/// Source: Golub and Van Loan, "Matrix Computations", section 8.5.
package enum SymmetricEigenvalues {
  /// The eigenvalues, rising.
  package static func of(_ matrix: [[Double]]) -> [Double] {
    var a = matrix
    let n = a.count
    for _ in 0..<60 {
      var off = 0.0
      var all = 0.0
      for i in 0..<n {
        for j in 0..<n {
          all += a[i][j] * a[i][j]
          if i != j { off += a[i][j] * a[i][j] }
        }
      }
      guard off > 1e-34 * all else { break }
      for p in 0..<n {
        for q in p + 1..<max(n, p + 1) where a[p][q] != 0 { rotate(&a, p, q) }
      }
    }
    return (0..<n).map { a[$0][$0] }.sorted()
  }

  private static func rotate(_ a: inout [[Double]], _ p: Int, _ q: Int) {
    let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
    // The smaller root of t² + 2 θ t - 1, so that the angle is at most 45 degrees.
    let size = 1 / (abs(theta) + (theta * theta + 1).squareRoot())
    let t = theta < 0 ? -size : size
    let c = 1 / (t * t + 1).squareRoot()
    let s = t * c
    for k in a.indices {
      let (kp, kq) = (a[k][p], a[k][q])
      a[k][p] = c * kp - s * kq
      a[k][q] = s * kp + c * kq
    }
    for k in a.indices {
      let (pk, qk) = (a[p][k], a[q][k])
      a[p][k] = c * pk - s * qk
      a[q][k] = s * pk + c * qk
    }
  }
}
