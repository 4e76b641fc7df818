import Safetensors

/// generation_config.json, both ways.
enum GenerationFile {
  /// Everything that transformers has a default of its own for (top-k is 50 there) is written out.
  static func json(_ defaults: ModelFolder.GenerationDefaults) -> JSONValue {
    var members: JSONObject = ["do_sample": .bool(defaults.temperature > 0)]
    if defaults.temperature > 0 {
      members["temperature"] = .number(defaults.temperature)
      members["top_k"] = JSONValue(defaults.topK)
      members["top_p"] = .number(defaults.topP)
      if defaults.minP > 0 { members["min_p"] = .number(defaults.minP) }
    }
    if defaults.repetitionPenalty != 1 {
      members["repetition_penalty"] = .number(defaults.repetitionPenalty)
    }
    members["max_new_tokens"] = JSONValue(defaults.length)
    return .object(members)
  }

  /// The settings that the file names, and ours for what it does not; transformers leaves out what
  /// is as in its own defaults.
  static func defaults(_ config: FileObject) throws -> ModelFolder.GenerationDefaults {
    func number(_ key: String, _ standard: Double, _ range: PartialRangeFrom<Double>) throws
      -> Double
    {
      guard config.has(key) else { return standard }
      let value = try config.number(key)
      guard range.contains(value) else {
        throw config.refusal(key, expected: "at least \(range.lowerBound)")
      }
      return value
    }
    func count(_ key: String, _ standard: Int) throws -> Int {
      guard config.has(key) else { return standard }
      let value = try config.integer(key)
      guard value >= 0 else { throw config.refusal(key, expected: "at least 0") }
      return value
    }
    var defaults = ModelFolder.GenerationDefaults()
    let samples = config.has("do_sample") ? try config.bool("do_sample") : true
    defaults.temperature = samples ? try number("temperature", defaults.temperature, 0...) : 0
    defaults.topK = try count("top_k", defaults.topK)
    defaults.topP = try number("top_p", defaults.topP, 0...)
    defaults.minP = try number("min_p", defaults.minP, 0...)
    defaults.repetitionPenalty = try number("repetition_penalty", defaults.repetitionPenalty, 0...)
    defaults.length = try count("max_new_tokens", defaults.length)
    return defaults
  }
}
