import TestSupport
import Testing
import Transformer

/// Learning from a teacher's probabilities: value, gradient, and the gradient through the whole model.
@Suite struct DistillationTests {
  static func evaluate<Scalar: Real>(
    _ z: [[Scalar]], teacher: [[Scalar]], temperature: Double, scale: Scalar = 1
  ) -> (loss: Double, gradient: [Scalar]) {
    let (student, teacher) = (Matrix(z), Matrix(teacher))
    let loss = Distillation.forwardBackward(
      student: student, replacingByGradient: teacher, temperature: temperature, scale: scale,
      scratch: Matrix(rows: 2, columns: student.columns))
    #expect(student.doubles == z.map { $0.map(Double.init) })
    return (loss, teacher.elements)
  }

  @Test func referenceValues() {
    let found = Self.evaluate([[1, 2, 3]], teacher: [[2, 2, 1]], temperature: 2)
    #expect(abs(found.loss - 0.725515643) <= 1e-9)
    #expect(largestDifference(found.gradient, [-0.394656, -0.152912, 0.547568]) <= 1e-6)
    let floats = Self.evaluate([[1, 2, 3] as [Float]], teacher: [[2, 2, 1]], temperature: 2)
    #expect(abs(floats.loss - 0.725515643) <= 1e-6)
  }

  @Test func agreeingWithTheTeacherCostsNothing() {
    let found = Self.evaluate(
      [[1, 2, 3], [1e30, 0, -1e30]], teacher: [[1001, 1002, 1003], [1e30, 0, -1e30]],
      temperature: 3)
    #expect(abs(found.loss) <= 1e-12)
    #expect(found.gradient.allSatisfy { abs($0) <= 1e-12 })
  }

  @Test(arguments: [0.5, 1, 2, 10], 1...4 as ClosedRange<UInt64>)
  func gradientMatchesFiniteDifferences(temperature: Double, seed: UInt64) {
    var random = SeededValues(seed: seed)
    let z: Matrix<Double> = random.matrix(3, 6, deviation: 2)
    let teacher: Matrix<Double> = random.matrix(3, 6, deviation: 2)
    func loss() -> (loss: Double, gradient: [Double]) {
      Self.evaluate(z.doubles, teacher: teacher.doubles, temperature: temperature)
    }
    let expected = FiniteDifferences.gradient(by: z) { loss().loss }
    #expect(largestDifference(loss().gradient, expected) <= 1e-9)
  }

  /// One derivative along a random direction depends on every weight's gradient.
  @Test(arguments: [0.0, 0.3, 1])
  func modelGradientMatchesFiniteDifferences(hardWeight: Double) throws {
    let configuration = try ConfigurationTests.small()
    var random = SeededValues(seed: 5)
    let parameters: Parameters<Double> = random.parameters(configuration)
    let model = Model(parameters)
    let a = Activations<Double>(configuration, sequences: 2, context: 5)
    a.tokens = random.tokens(10, vocabularySize: configuration.vocabularySize)
    a.targets = random.tokens(10, vocabularySize: configuration.vocabularySize)
    let teacher: Matrix<Double> = random.matrix(10, configuration.vocabularySize)
    let objective = Objective(labelSmoothing: 0.1, zLoss: 0.01)
    func soft() -> SoftTargets<Double> {
      SoftTargets(logits: teacher.copied(), temperature: 2, hardWeight: hardWeight)
    }
    func loss() -> Double {
      model.forward(a)
      return model.loss(a, objective: objective, softTargets: soft()).objective
    }
    let gradient = Parameters<Double>(configuration)
    model.forward(a)
    let sums = model.backward(
      a, into: gradient, objective: objective, softTargets: soft(), scale: 1)
    let hard = sums.loss + sums.smoothing + sums.zLoss
    #expect(
      abs(sums.objective - hardWeight * hard - (1 - hardWeight) * sums.distillation) <= 1e-10)
    for entry in parameters.entries {
      let row = parameters.row(entry)
      let element = row.count / 2
      let value = row[element]
      func difference(_ h: Double) -> Double {
        row[element] = value + h
        let above = loss()
        row[element] = value - h
        return above - loss()
      }
      let h = 1e-4
      let numeric = (8 * difference(h) - difference(2 * h)) / (12 * h)
      row[element] = value
      #expect(
        abs(gradient.row(entry)[element] - numeric) <= 1e-6 * max(1, abs(numeric)), "\(entry.name)")
    }
  }
}
