import Testing
import Transformer

@Suite struct ConfigurationTests {
  static func small(
    vocabularySize: Int = 11, layers: Int = 2, width: Int = 12, headWidth: Int = 8,
    feedForward: Int = 20, context: Int = 7, isTied: Bool = false, ropeTheta: Double = 10_000,
    normEpsilon: Double = 1e-6
  ) throws -> Configuration {
    try Configuration(
      vocabularySize: vocabularySize, layers: layers, width: width, headWidth: headWidth,
      feedForward: feedForward, context: context, isTied: isTied, ropeTheta: ropeTheta,
      normEpsilon: normEpsilon)
  }

  /// The name in the error that a value out of range gets; nil if it was accepted.
  private func refused(_ make: () throws -> Configuration) throws -> String? {
    do {
      _ = try make()
      return nil
    } catch ConfigurationError.outOfRange(let name, _, _) {
      return name
    }
  }

  @Test(arguments: [0, -1, 1 << 40, .max, .min])
  func sizesOutOfRangeAreNamed(_ size: Int) throws {
    #expect(try refused { try Self.small(vocabularySize: size) } == "vocabulary size")
    #expect(try refused { try Self.small(layers: size) } == "layers")
    #expect(try refused { try Self.small(width: size) } == "width")
    #expect(try refused { try Self.small(headWidth: size) } == "head width")
    #expect(try refused { try Self.small(feedForward: size) } == "feed-forward width")
    #expect(try refused { try Self.small(context: size) } == "context")
  }

  @Test func oddHeadWidthsAreRefused() throws {
    for headWidth in [1, 3, 7, 127] {
      #expect(try refused { try Self.small(headWidth: headWidth) } == "head width")
    }
    #expect(try refused { try Self.small(headWidth: 2) } == nil)
  }

  @Test(arguments: [0, -1, .nan, .infinity, -.infinity] as [Double])
  func numbersOutOfRangeAreNamed(_ value: Double) throws {
    #expect(try refused { try Self.small(ropeTheta: value) } == "rope theta")
    #expect(try refused { try Self.small(normEpsilon: value) } == "normalization epsilon")
  }

  @Test func tooManyParametersAreRefused() throws {
    #expect(throws: ConfigurationError.self) {
      try Self.small(vocabularySize: 1_114_112, layers: 256, width: 16_384, feedForward: 65_536)
    }
    // 2 · 2^10 · 2^17 of the two tables are the whole allowance.
    do {
      _ = try Self.small(vocabularySize: 1 << 17, width: 1 << 10)
      Issue.record("accepted")
    } catch ConfigurationError.tooLarge(let parameters) {
      #expect(parameters > Configuration.largestParameterCount)
    }
    #expect(try Self.small(vocabularySize: 1 << 17, width: 1 << 10, isTied: true).isTied)
  }

  /// Few weights, and a gigabyte of cosines and sines.
  @Test func tablesOfPositionsAreBounded() throws {
    func shape(context: Int) throws -> Configuration {
      try Configuration(
        vocabularySize: 2, layers: 1, width: 1, headWidth: 256, feedForward: 1, context: context)
    }
    #expect(try shape(context: 1 << 16).context == 1 << 16)
    #expect(throws: ConfigurationError.self) { try shape(context: 1 << 20) }
  }

  @Test func errorsSayWhatAndWhere() {
    let error = ConfigurationError.outOfRange(name: "layers", value: "0", allowed: "1...256")
    #expect(error.description == "layers is 0, which is outside 1...256")
    #expect(ConfigurationError.tooLarge(parameters: 7).description.contains("7 parameters"))
  }

  /// Counted by hand: E 11 · 12, the head as much; a layer has q, k, v and output of 8 · 12, three
  /// of 20 · 12, two gains of 12 and two of 8.
  @Test func parametersAreCounted() throws {
    let layer = 4 * 8 * 12 + 3 * 20 * 12 + 2 * 12 + 2 * 8
    #expect(try Self.small().parameterCount == 2 * 11 * 12 + 2 * layer + 12)
    #expect(try Self.small(isTied: true).parameterCount == 11 * 12 + 2 * layer + 12)
  }

  @Test func operationsAreCounted() throws {
    // Two for each weight of a matrix that a character passes; at context 1, one score and one
    // value of 8 each.
    let matrices = 2 * (4 * 8 * 12 + 3 * 20 * 12) + 11 * 12
    let configuration = try Self.small()
    #expect(configuration.operationsPerCharacter(context: 1) == 2 * matrices + 2 * 2 * 2 * 8)
    // At context 7, characters see (1 + ... + 7) / 7 = 4 positions on average.
    #expect(configuration.operationsPerCharacter(context: 7) == 2 * matrices + 2 * 2 * 2 * 8 * 4)
  }
}
