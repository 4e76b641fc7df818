import Foundation
import Safetensors
import TestSupport
import Testing
import Workbench

/// The softmax laboratory: reference values of 40-digit arithmetic, properties, refusals, pages.
@Suite struct SoftmaxLaboratoryTests {
  static func near(_ a: Double, _ b: Double, _ tolerance: Double = 1e-6) -> Bool {
    abs(a - b) <= tolerance
  }

  // MARK: - Reference values

  @Test(arguments: [0.0, 999])
  func distribution(shift: Double) throws {
    let lab = try SoftmaxLaboratory([1 + shift, 2 + shift, 3 + shift], target: 0)
    #expect(
      largestDifference(lab.probabilities(), [0.0900305732, 0.2447284711, 0.6652409558]) <= 1e-10)
    #expect(Self.near(lab.logSumExp - shift, 3.40760596444))
    #expect(Self.near(lab.entropy(), 0.83239558184))
    #expect(Self.near(lab.crossEntropy.value, 2.40760596444))
    #expect(
      largestDifference(lab.probabilities(at: 0.5), [0.01587624, 0.11731043, 0.86681333]) <= 1e-8)
    #expect(
      largestDifference(lab.probabilities(at: 2), [0.18632372, 0.30719589, 0.50648039]) <= 1e-8)
    #expect(lab.probabilities(at: 0) == [0, 0, 1])
  }

  @Test func losses() throws {
    let lab = try SoftmaxLaboratory([1, 2, 3], target: 2)
    #expect(Self.near(lab.crossEntropy.value, 0.407605964))
    #expect(Self.near(lab.labelSmoothing(0.1).value, 0.507605964))
    #expect(Self.near(lab.zLoss(1e-4).value, 0.00116117784))
    #expect(Self.near(lab.squares(0.5).value, 7))
    let distillation = try lab.distillation(teacher: [2, 2, 1], temperature: 2)
    #expect(Self.near(distillation.value, 0.725515643))
    #expect(
      largestDifference(distillation.gradient, [-0.394656, -0.152912, 0.547568]) <= 1e-6)
    #expect(Self.near(SoftmaxLaboratory.marginLoss(classes: 3, margin: 1), log(1 + 2 * exp(-1.0))))
    #expect(SoftmaxLaboratory.marginLoss(classes: 3, margin: -1e4) == 1e4 + log(2))
  }

  @Test func sparseNormalizers() throws {
    let lab = try SoftmaxLaboratory([-2, 0, 0.5], target: 2)
    #expect(lab.sparsemax == [0, 0.25, 0.75])
    #expect(Self.near(lab.sparsemaxLoss.value, 0.0625))
    #expect(largestDifference(lab.entmax15, [0, 0.326007364, 0.673992636]) <= 1e-9)
    let other = try SoftmaxLaboratory([1, 2, 3])
    #expect(other.sparsemax == [0, 0, 1])
    #expect(largestDifference(other.entmax15, [0, 0.169281086, 0.830718914]) <= 1e-9)
  }

  @Test func limitsOfFormats() {
    #expect(Self.near(Double(FloatLimits.largestFinite), 88.72283, 2e-5))
    #expect(Self.near(Double(FloatLimits.leastNonZero), -103.97208, 2e-5))
    #expect(Self.near(FloatLimits.largestHalf, 11.0899, 1e-4))
    #expect(expf(FloatLimits.largestFinite).isFinite)
    #expect(!expf(FloatLimits.largestFinite.nextUp).isFinite)
  }

  @Test func attentionScales() {
    for measured in AttentionScaling.measure() {
      let ratio = measured.variance / Double(measured.width)
      #expect(ratio > 0.7 && ratio < 1.3, "width \(measured.width): \(ratio)")
      #expect(measured.scaledEntropy > 2.6 && measured.scaledEntropy <= log(32.0))
    }
    let entropies = AttentionScaling.measure().map(\.entropy)
    #expect(entropies == entropies.sorted(by: >))
  }

  // MARK: - Properties

  static let magnitudes = [1e-30, 1e-12, 1e-3, 1, 10, 1e6, 1e30]

  @Test(arguments: magnitudes, 1...6 as ClosedRange<UInt64>)
  func everyMagnitude(magnitude: Double, seed: UInt64) throws {
    var random = SeededValues(seed: seed)
    let count = random.whole(1..<10)
    let z = (0..<count).map { _ in magnitude * random.normal() }
    let lab = try SoftmaxLaboratory(z)
    for temperature in [0, 1e-30, 0.5, 1, 2, 1e30] {
      let p = lab.probabilities(at: temperature)
      #expect(abs(p.reduce(0, +) - 1) <= 1e-14)
      #expect(lab.entropy(at: temperature) >= 0)
      #expect(lab.entropy(at: temperature) <= log(Double(count)) + 1e-14)
    }
    let p = lab.probabilities()
    let shifted = try SoftmaxLaboratory(z.map { $0 - 4 * magnitude })
    #expect(largestDifference(shifted.probabilities(), p) <= 1e-8)
    let order = Array(0..<count).shuffled(using: &random)
    let permuted = try SoftmaxLaboratory(order.map { z[$0] })
    #expect(largestDifference(permuted.probabilities(), order.map { p[$0] }) <= 1e-14)
    #expect(largestDifference(lab.onlineProbabilities(tile: 3), p) <= 1e-14)

    // vᵀ H v is a variance: never negative, and zero for the vector of ones.
    let eigenvalues = lab.hessianEigenvalues
    #expect(eigenvalues.allSatisfy { $0 >= -1e-15 && $0 <= 0.5 + 1e-15 })
    #expect(abs(eigenvalues[0]) <= 1e-15)
    let trace = lab.jacobian.indices.reduce(0) { $0 + lab.jacobian[$1][$1] }
    #expect(abs(eigenvalues.reduce(0, +) - trace) <= 1e-14)
    #expect(lab.jacobian.allSatisfy { abs($0.reduce(0, +)) <= 1e-15 })
    #expect(abs(lab.totalChange - (1 - p.reduce(0) { $0 + $1 * $1 })) <= 1e-14)
    #expect(lab.divergenceFromUniform >= 0)
    #expect(abs(lab.crossEntropy.gradient.reduce(0, +)) <= 1e-14)
    _ = try JSON.text(lab.json)
    for topic in LaboratoryTopic.allCases { #expect(lab.page(topic).count > 2) }
  }

  /// The eigenvalues of a matrix whose eigenvalues are known: a rotation of 1, 2, 5.
  @Test func eigenvaluesByHand() {
    #expect(largestDifference(SymmetricEigenvalues.of([[2, 1], [1, 2]]), [1, 3]) <= 1e-15)
    #expect(
      largestDifference(
        SymmetricEigenvalues.of([[2, -1, 0], [-1, 2, -1], [0, -1, 2]]),
        [2 - 2.0.squareRoot(), 2, 2 + 2.0.squareRoot()]) <= 1e-14)
    #expect(SymmetricEigenvalues.of([[7]]) == [7])
  }

  enum Kind: CaseIterable, Sendable {
    case crossEntropy, smoothing, zLoss, squares, distillation, sparsemax

    func loss(_ z: [Double], teacher: [Double]) throws -> SoftmaxLaboratory.Loss {
      let lab = try SoftmaxLaboratory(z, target: 0)
      return switch self {
      case .crossEntropy: lab.crossEntropy
      case .smoothing: lab.labelSmoothing(0.2)
      case .zLoss: lab.zLoss(0.1)
      case .squares: lab.squares(0.1)
      case .distillation: try lab.distillation(teacher: teacher, temperature: 3)
      case .sparsemax: lab.sparsemaxLoss
      }
    }
  }

  @Test(arguments: Kind.allCases, 1...6 as ClosedRange<UInt64>)
  func gradientsMatchFiniteDifferences(_ kind: Kind, seed: UInt64) throws {
    var random = SeededValues(seed: seed)
    let z = (0..<5).map { _ in random.normal() }
    let teacher = (0..<5).map { _ in random.normal() }
    let gradient = try kind.loss(z, teacher: teacher).gradient
    for i in z.indices {
      let h = 1e-5
      var (above, below) = (z, z)
      above[i] += h
      below[i] -= h
      let difference =
        try kind.loss(above, teacher: teacher).value - kind.loss(below, teacher: teacher).value
      #expect(abs(difference / (2 * h) - gradient[i]) <= 1e-8)
    }
  }

  // MARK: - Masks and refusals

  @Test func maskedLogitsHaveNoShare() throws {
    let lab = try SoftmaxLaboratory([-.infinity, 1, 2])
    let plain = try SoftmaxLaboratory([1, 2])
    #expect(lab.probabilities() == [0] + plain.probabilities())
    #expect(lab.sparsemax[0] == 0 && lab.entmax15[0] == 0)
    #expect(lab.target == 1)
    #expect(lab.temperatureDerivative(at: 1)[0] == 0)
    #expect(lab.json["logits"]?[0] == .null)
    for topic in LaboratoryTopic.allCases { #expect(lab.page(topic).count > 2) }
    #expect(throws: LaboratoryError.maskedTarget(0)) {
      try SoftmaxLaboratory([-.infinity, 1], target: 0)
    }
  }

  @Test(arguments: 1...6)
  func whatHasNoAnswerIsAnError(count: Int) {
    #expect(throws: LaboratoryError.allMasked(count: count)) {
      try SoftmaxLaboratory([Double](repeating: -.infinity, count: count))
    }
    for position in 0..<count {
      var z = [Double](repeating: 0.5, count: count)
      z[position] = .nan
      #expect(throws: LaboratoryError.notANumber(position: position)) {
        try SoftmaxLaboratory(z)
      }
      z[position] = .infinity
      #expect(throws: LaboratoryError.infinite(position: position)) { try SoftmaxLaboratory(z) }
    }
  }

  @Test func otherRefusals() {
    #expect(throws: LaboratoryError.noLogits) { try SoftmaxLaboratory([]) }
    #expect(throws: LaboratoryError.target(3, count: 3)) {
      try SoftmaxLaboratory([1, 2, 3], target: 3)
    }
    #expect(throws: LaboratoryError.temperature(-1)) {
      try SoftmaxLaboratory([1, 2], temperatures: [-1])
    }
    #expect(throws: LaboratoryError.self) { try SoftmaxLaboratory([1], temperatures: [.nan]) }
    #expect(throws: LaboratoryError.tooMany(count: 257, limit: 256)) {
      try SoftmaxLaboratory([Double](repeating: 0, count: 257))
    }
  }

  // MARK: - In a conversation

  @Test func conversation() throws {
    var session = SessionFixture.session(try SessionFixture.model())
    #expect(session.say("/softmax 1 2 3").shown.contains("0.665241"))
    #expect(session.say("/softmax sparsemax -2 0 .5").shown.contains("0.750000"))
    #expect(session.say("/softmax").next == .continue)
    #expect(session.say("/softmax jacobain 1 2").suggestion == "/softmax jacobian")
    #expect(session.say("/softmax 1 nan").next == .failed)
    #expect(session.say("/softmax all").next == .continue)
  }
}
