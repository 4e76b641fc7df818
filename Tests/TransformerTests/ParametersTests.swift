import TestSupport
import Testing
import Transformer

@Suite struct ParametersTests {
  static let configurations: [(Int, Bool)] = [(1, false), (1, true), (3, false), (3, true)]

  static func configuration(layers: Int, isTied: Bool) throws -> Configuration {
    try ConfigurationTests.small(layers: layers, isTied: isTied)
  }

  @Test(arguments: configurations)
  func entriesCoverTheStorageOnce(layers: Int, isTied: Bool) throws {
    let configuration = try Self.configuration(layers: layers, isTied: isTied)
    let parameters = Parameters<Float>(configuration)
    var end = 0
    for entry in parameters.entries {
      #expect(entry.offset == end, "\(entry.name)")
      #expect(entry.count == entry.shape.reduce(1, *) && entry.count > 0)
      #expect(entry.decays == (entry.shape.count == 2))
      end = entry.range.upperBound
    }
    #expect(end == configuration.parameterCount)
    #expect(end == parameters.storage.count && end == parameters.elements.count)
    #expect(Set(parameters.entries.map(\.name)).count == parameters.entries.count)
  }

  /// As transformers' `Qwen3ForCausalLM` names and shapes them.
  @Test(arguments: [false, true])
  func namesAndShapes(isTied: Bool) throws {
    let entries = Parameters<Float>(try Self.configuration(layers: 2, isTied: isTied)).entries
    var expected: [(String, [Int])] = [("model.embed_tokens.weight", [11, 12])]
    for n in 0..<2 {
      expected += [
        ("model.layers.\(n).input_layernorm.weight", [12]),
        ("model.layers.\(n).self_attn.q_proj.weight", [8, 12]),
        ("model.layers.\(n).self_attn.k_proj.weight", [8, 12]),
        ("model.layers.\(n).self_attn.v_proj.weight", [8, 12]),
        ("model.layers.\(n).self_attn.q_norm.weight", [8]),
        ("model.layers.\(n).self_attn.k_norm.weight", [8]),
        ("model.layers.\(n).self_attn.o_proj.weight", [12, 8]),
        ("model.layers.\(n).post_attention_layernorm.weight", [12]),
        ("model.layers.\(n).mlp.gate_proj.weight", [20, 12]),
        ("model.layers.\(n).mlp.up_proj.weight", [20, 12]),
        ("model.layers.\(n).mlp.down_proj.weight", [12, 20]),
      ]
    }
    expected.append(("model.norm.weight", [12]))
    if !isTied { expected.append(("lm_head.weight", [11, 12])) }
    #expect(entries.map(\.name) == expected.map(\.0))
    #expect(entries.map(\.shape) == expected.map(\.1))
  }

  /// What a layer computes with is what the entry of that name holds.
  @Test(arguments: configurations)
  func layersSeeTheirEntries(layers: Int, isTied: Bool) throws {
    let parameters = Parameters<Float>(try Self.configuration(layers: layers, isTied: isTied))
    for entry in parameters.entries {
      let row = parameters.row(entry)
      for i in 0..<row.count { row[i] = Float(entry.offset + i) }
    }
    func elements(_ name: String) -> [Float] {
      parameters.entries.first { $0.name == name }.map { parameters.matrix($0).elements } ?? []
    }
    #expect(parameters.elements.elements == (0..<parameters.storage.count).map { Float($0) })
    #expect(parameters.embedding.elements == elements("model.embed_tokens.weight"))
    #expect(parameters.finalNorm.elements == elements("model.norm.weight"))
    #expect(
      parameters.head.elements
        == elements(isTied ? "model.embed_tokens.weight" : "lm_head.weight"))
    for (n, layer) in parameters.layers.enumerated() {
      let name = "model.layers.\(n)."
      #expect(layer.attentionNorm.elements == elements(name + "input_layernorm.weight"))
      #expect(
        layer.queryKeyValue[rows: 0..<8].elements == elements(name + "self_attn.q_proj.weight"))
      #expect(
        layer.queryKeyValue[rows: 8..<16].elements == elements(name + "self_attn.k_proj.weight"))
      #expect(
        layer.queryKeyValue[rows: 16..<24].elements == elements(name + "self_attn.v_proj.weight"))
      #expect(layer.queryNorm.elements == elements(name + "self_attn.q_norm.weight"))
      #expect(layer.keyNorm.elements == elements(name + "self_attn.k_norm.weight"))
      #expect(layer.output.elements == elements(name + "self_attn.o_proj.weight"))
      #expect(layer.feedForwardNorm.elements == elements(name + "post_attention_layernorm.weight"))
      #expect(layer.gateUp[rows: 0..<20].elements == elements(name + "mlp.gate_proj.weight"))
      #expect(layer.gateUp[rows: 20..<40].elements == elements(name + "mlp.up_proj.weight"))
      #expect(layer.down.elements == elements(name + "mlp.down_proj.weight"))
    }
  }

  @Test func copiesHaveMemoryOfTheirOwn() throws {
    var random = SeededValues(seed: 1)
    let parameters: Parameters<Float> = random.parameters(try ConfigurationTests.small())
    let before = parameters.elements.elements
    let copy = parameters.copy()
    #expect(copy.elements.elements == before)
    #expect(copy.entries == parameters.entries)
    copy.elements.fill(0)
    #expect(parameters.elements.elements == before)
  }

  // MARK: - First values

  static func initialized(seed: UInt64, isTied: Bool = false) throws -> Parameters<Float> {
    let parameters = Parameters<Float>(
      try ConfigurationTests.small(
        vocabularySize: 60, width: 64, headWidth: 32, feedForward: 90, isTied: isTied))
    parameters.initialize(seed: seed)
    return parameters
  }

  @Test func sameSeedSameWeights() throws {
    let (first, second) = (try Self.initialized(seed: 5), try Self.initialized(seed: 5))
    #expect(first.elements.elements == second.elements.elements)
    let other = try Self.initialized(seed: 6)
    for entry in first.entries where [.input, .embedding].contains(entry.role) {
      let (a, b) = (first.row(entry).elements, other.row(entry).elements)
      #expect(zip(a, b).count { $0 == $1 } < 3, "\(entry.name)")
    }
  }

  @Test(arguments: [false, true])
  func rolesDecideTheFirstValues(isTied: Bool) throws {
    let parameters = try Self.initialized(seed: 1, isTied: isTied)
    for entry in parameters.entries {
      let values = parameters.row(entry).elements.map { Double($0) }
      let n = Double(values.count)
      let mean = values.reduce(0, +) / n
      let deviation = (dotProduct(values, values) / n).squareRoot()
      switch entry.role {
      case .gain, .attentionGain: #expect(values.allSatisfy { $0 == 1 })
      case .output, .head: #expect(values.allSatisfy { $0 == 0 })
      case .embedding:
        let expected = isTied ? 0.02 : 1
        #expect(abs(mean) <= 5 * expected / n.squareRoot())
        #expect(abs(deviation / expected - 1) <= 5 / (2 * n).squareRoot())
      case .input:
        // Uniform in ±b: deviation b / √3.
        let bound = 1 / Double(entry.shape[1]).squareRoot()
        #expect(values.allSatisfy { abs($0) <= bound })
        #expect(abs(mean) <= 5 * bound / (3 * n).squareRoot())
        #expect(abs(deviation / bound - 1 / 3.0.squareRoot()) <= 0.02)
      }
    }
    // No two tensors start alike.
    let starts = parameters.entries.filter { $0.role == .input }
      .map { Array(parameters.row($0).elements.prefix(4)) }
    #expect(Set(starts).count == starts.count)
  }
}
