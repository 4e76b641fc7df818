/// A curve as a row of blocks, one for each value.
enum Sparkline {
  private static let blocks = Array("▁▂▃▄▅▆▇█")

  /// The lowest value is the lowest block and the highest the highest; a space is none.
  static func text(_ values: [Double?]) -> String {
    let known = values.compactMap { $0 }.filter(\.isFinite)
    guard let low = known.min(), let high = known.max() else {
      return String(repeating: " ", count: values.count)
    }
    return String(
      values.map { value -> Character in
        guard let value, value.isFinite else { return " " }
        // Half of it first: the difference of two finite numbers need not be finite.
        let share = high > low ? (value / 2 - low / 2) / (high / 2 - low / 2) : 0
        return blocks[min(max(Int((share * 7).rounded()), 0), 7)]
      })
  }
}
