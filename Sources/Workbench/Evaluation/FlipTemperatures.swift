import Safetensors
import Transformer

/// Every temperature at which one draw changes its mind, its noise held fixed.
///
/// argmax_i (z_i / T + g_i) = argmax_i (z_i + T g_i) for T > 0: each character is a straight line in
/// T that starts at its logit and rises by its noise, and the winner is the upper envelope of the
/// lines. As T rises the envelope moves on to characters of ever larger noise, never back.
///
/// The filters look at the distribution at temperature 1 and the penalty at the text alone, so both
/// leave the same lines at every temperature, and the envelope is exact with them too.
///
/// Where two lines cross is computed in double precision, and then moved by the few last digits that
/// it takes to stand where `Sampler`'s own arithmetic changes: `Sampler` draws `token` at both ends
/// of every interval.
public struct FlipTemperatures: Sendable, Equatable {
  /// The temperatures at which one character is drawn: from `lowest` up to, and without, the
  /// next interval's.
  public struct Interval: Sendable, Equatable {
    public let token: Int
    /// The lowest temperature at which it is drawn.
    public let lowest: Double
    /// The highest temperature at which it is drawn; infinite for the last interval.
    public let highest: Double

    package init(token: Int, lowest: Double, highest: Double) {
      self.token = token
      self.lowest = lowest
      self.highest = highest
    }
  }

  /// From T = 0 upwards, without gaps. Temperature 0 has an interval of its own, 0...0, if several
  /// characters share the largest logit and noise prefers another than the rule for T = 0, the
  /// lower token.
  public let intervals: [Interval]

  /// The character drawn at a temperature of at least 0.
  public func token(at temperature: Double) -> Int {
    intervals.last { $0.lowest <= temperature }?.token ?? intervals[0].token
  }

  /// The interval that holds a temperature of at least 0.
  public func interval(at temperature: Double) -> Interval {
    intervals.last { $0.lowest <= temperature } ?? intervals[0]
  }

  /// - Parameters:
  ///   - scores: z after filters and penalty; -∞ is never drawn, at least one is finite.
  ///   - noise: g, as many.
  init(scores: [Double], noise: [Double]) {
    precondition(scores.count == noise.count, "one number of noise for each character")
    var maximum = -Double.infinity
    for score in scores { maximum = max(maximum, score) }

    // The envelope: from each line to the one that crosses it first; of several, the steepest.
    var current = Self.start(scores, noise, maximum)
    var corners = [(token: current, temperature: 0.0)]
    while let next = Self.next(after: current, scores, noise) {
      current = next.token
      corners.append((current, max(next.temperature, corners.last?.temperature ?? 0)))
    }
    let envelope = corners.map(\.token)

    /// What the sampler would draw: only the envelope's lines can win.
    func drawn(_ temperature: Double) -> Int {
      var winner = envelope[0]
      var best = -Double.infinity
      for token in envelope {
        let value = (scores[token] - maximum) / temperature + noise[token]
        if value > best || value == best && token < winner { (winner, best) = (token, value) }
      }
      return winner
    }

    // An interval narrower than the rounding of its ends is none to the sampler.
    var found: [(token: Int, inside: Double)] = []
    for (index, corner) in corners.enumerated() {
      let inside: Double
      if index + 1 < corners.count {
        let end = corners[index + 1].temperature
        inside = index == 0 ? end / 2 : corner.temperature + (end - corner.temperature) / 2
      } else {
        inside = corner.temperature == 0 ? 1 : min(2 * corner.temperature, .greatestFiniteMagnitude)
      }
      if inside > 0, inside.isFinite, drawn(inside) == corner.token,
        found.last?.token != corner.token
      {
        found.append((corner.token, inside))
      }
    }
    if found.isEmpty { found = [(drawn(1), 1)] }

    var intervals: [Interval] = []
    var lowest = Double.leastNonzeroMagnitude
    for (index, part) in found.enumerated() {
      guard index + 1 < found.count else {
        intervals.append(Interval(token: part.token, lowest: lowest, highest: .infinity))
        break
      }
      // Halves what lies between in the order of the floating-point numbers, down to neighbours.
      var (low, high) = (part.inside.bitPattern, found[index + 1].inside.bitPattern)
      while high - low > 1 {
        let middle = low + (high - low) / 2
        if drawn(Double(bitPattern: middle)) == part.token { low = middle } else { high = middle }
      }
      intervals.append(
        Interval(token: part.token, lowest: lowest, highest: Double(bitPattern: low)))
      lowest = Double(bitPattern: high)
    }
    let boldest = scores.firstIndex(of: maximum) ?? 0
    if intervals[0].token == boldest {
      intervals[0] = Interval(token: boldest, lowest: 0, highest: intervals[0].highest)
    } else {
      intervals.insert(Interval(token: boldest, lowest: 0, highest: 0), at: 0)
    }
    self.intervals = intervals
  }

  /// The winner just above T = 0: the largest logit, of equal ones the largest noise.
  private static func start(_ scores: [Double], _ noise: [Double], _ maximum: Double) -> Int {
    var winner = scores.firstIndex(of: maximum) ?? 0
    for token in scores.indices where scores[token] == maximum && noise[token] > noise[winner] {
      winner = token
    }
    return winner
  }

  /// The first line to cross a winner's, and where.
  private static func next(after current: Int, _ scores: [Double], _ noise: [Double])
    -> (token: Int, temperature: Double)?
  {
    var best: (token: Int, temperature: Double)?
    for token in scores.indices where noise[token] > noise[current] && scores[token] > -.infinity {
      let crossing = (scores[current] - scores[token]) / (noise[token] - noise[current])
      if let soonest = best {
        guard
          crossing < soonest.temperature
            || crossing == soonest.temperature && noise[token] > noise[soonest.token]
        else { continue }
      }
      best = (token, crossing)
    }
    return best
  }
}

extension FlipTemperatures {
  /// [{"text", "token", "from", "to"}], "to" null where there is no end.
  func json(_ characters: [String]) -> JSONValue {
    .array(
      intervals.map { interval in
        [
          "text": JSONValue(characters[interval.token]),
          "token": JSONValue(interval.token), "from": JSONValue(interval.lowest),
          "to": .numberOrNull(interval.highest),
        ]
      })
  }
}
