/// Logits, temperatures or a target that have no softmax.
package enum LaboratoryError: Error, Equatable, CustomStringConvertible {
  case noLogits
  case tooMany(count: Int, limit: Int)
  case notANumber(position: Int)
  case infinite(position: Int)
  case allMasked(count: Int)
  case temperature(Double)
  case target(Int, count: Int)
  case maskedTarget(Int)
  case topic(String)

  package var description: String {
    switch self {
    case .noLogits: "there are no logits; give at least one number, as in: softmax 1 2 3"
    case .tooMany(let count, let limit):
      "\(count) logits are too many for a laboratory; give at most \(limit)"
    case .notANumber(let position):
      "logit \(position) is NaN, which has no softmax; counted from 0"
    case .infinite(let position):
      "logit \(position) is infinite, which leaves nothing to share; counted from 0; use a finite number"
    case .allMasked(let count):
      count == 1
        ? "the only logit is -inf (masked), so there is nothing to choose from"
        : "all \(count) logits are -inf (masked), so there is nothing to choose from"
    case .temperature(let value):
      "a temperature is \(value); it has to be a finite number of at least 0"
    case .target(let target, let count):
      "target \(target) is not among the \(count) logits; they are counted from 0"
    case .maskedTarget(let target):
      "target \(target) is masked (-inf), so its loss would be infinite; choose another"
    case .topic(let name): "there is no topic \(name); `all` shows every one"
    }
  }
}
