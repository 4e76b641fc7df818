/// max |a_i - b_i|; infinite when the lengths differ or a difference is NaN. Equal infinities do
/// not differ.
public func largestDifference<A: BinaryFloatingPoint, B: BinaryFloatingPoint>(
  _ a: [A], _ b: [B]
) -> Double {
  guard a.count == b.count else { return .infinity }
  var largest = 0.0
  for (a, b) in zip(a, b) where Double(a) != Double(b) {
    let difference = abs(Double(a) - Double(b))
    guard difference.isFinite else { return .infinity }
    largest = max(largest, difference)
  }
  return largest
}

/// The same for rows of numbers.
public func largestDifference<A: BinaryFloatingPoint, B: BinaryFloatingPoint>(
  _ a: [[A]], _ b: [[B]]
) -> Double {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).map { largestDifference($0, $1) }.max() ?? 0
}

/// max |a_i - b_i| / max |b_i|: how far `a` is from `b`, measured by b's own size.
public func relativeDifference<A: BinaryFloatingPoint, B: BinaryFloatingPoint>(
  _ a: [A], _ b: [B]
) -> Double {
  let difference = largestDifference(a, b)
  let size = b.map { abs(Double($0)) }.max() ?? 0
  return difference == 0 ? 0 : difference / max(size, 1e-30)
}

/// Σ a_i b_i.
public func dotProduct(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count, "lengths differ")
  return zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}

/// Pearson's statistic Σ (observed - expected)² / expected.
public func chiSquared(observed: [Int], expected: [Double]) -> Double {
  precondition(observed.count == expected.count, "lengths differ")
  return zip(observed, expected).reduce(0) { sum, pair in
    let difference = Double(pair.0) - pair.1
    return sum + difference * difference / pair.1
  }
}

/// A bound that the chi-squared statistic of a true hypothesis stays under: its mean plus five
/// standard deviations and a little more for few degrees of freedom, whose tail is longer. Exceeded
/// by chance less than once in 100,000 times.
public func chiSquaredBound(degreesOfFreedom: Int) -> Double {
  let n = Double(degreesOfFreedom)
  return n + 5 * (2 * n).squareRoot() + 15
}
