import Safetensors
import Transformer

extension TrainingSettings {
  /// One setting as it stands in a training state: the one list that writing and reading go through.
  private enum Field {
    case whole(String, WritableKeyPath<TrainingSettings, Int>)
    case number(String, WritableKeyPath<TrainingSettings, Double>)
    case flag(String, WritableKeyPath<TrainingSettings, Bool>)
    case seed(String, WritableKeyPath<TrainingSettings, UInt64>)
    case word(
      String, get: (TrainingSettings) -> String, set: (inout TrainingSettings, String) -> Bool)
  }

  private static func word<Choice: RawRepresentable>(
    _ name: String, _ path: WritableKeyPath<TrainingSettings, Choice>
  ) -> Field where Choice.RawValue == String {
    .word(
      name, get: { $0[keyPath: path].rawValue },
      set: { settings, text in
        guard let choice = Choice(rawValue: text) else { return false }
        settings[keyPath: path] = choice
        return true
      })
  }

  private static var fields: [Field] {
    [
      .whole("layers", \.layers), .whole("width", \.width), .whole("head_width", \.headWidth),
      .whole("feed_forward", \.feedForward), .whole("context", \.context),
      .flag("tied", \.isTied), .whole("batch", \.batch),
      word("optimizer", \.optimizer), .number("learning_rate", \.learningRate),
      .number("adamw_learning_rate", \.adamLearningRate), .number("beta1", \.beta1),
      .number("beta2", \.beta2), .number("weight_decay", \.weightDecay),
      word("schedule", \.schedule.shape), .whole("warmup", \.schedule.warmup),
      .number("clip", \.clip), .number("dropout", \.dropout),
      .number("label_smoothing", \.objective.labelSmoothing),
      .number("z_loss", \.objective.zLoss), .number("validation", \.validation),
      .whole("evaluate_every", \.evaluateEvery), .whole("sample_every", \.sampleEvery),
      .whole("save_every", \.saveEvery), .seed("seed", \.seed), word("precision", \.precision),
    ]
  }

  /// The settings as a JSON object.
  public var json: JSONValue {
    var members: [JSONObject.Member] = Self.fields.map { field in
      switch field {
      case .whole(let name, let path): (name, JSONValue(self[keyPath: path]))
      case .number(let name, let path): (name, JSONValue(self[keyPath: path]))
      case .flag(let name, let path): (name, JSONValue(self[keyPath: path]))
      case .seed(let name, let path): (name, JSONValue("\(self[keyPath: path])"))
      case .word(let name, let get, _): (name, JSONValue(get(self)))
      }
    }
    switch duration {
    case .steps(let steps): members.append(("steps", JSONValue(steps)))
    case .minutes(let minutes): members.append(("minutes", JSONValue(minutes)))
    }
    if let targetLoss { members.append(("target_loss", JSONValue(targetLoss))) }
    // What is off is not written, as before there was such a setting.
    if attention != .softmax { members.append(("attention", JSONValue(attention.rawValue))) }
    if average > 0 { members.append(("average", JSONValue(average))) }
    if let distillation {
      members.append(("distill", JSONValue(distillation.folder)))
      members.append(("distill_temperature", JSONValue(distillation.temperature)))
      members.append(("distill_weight", JSONValue(distillation.hardWeight)))
    }
    return .object(JSONObject(members))
  }

  /// The settings for a person to read: names as the command has them, and values.
  public var described: [(name: String, value: String)] {
    (json.objectValue ?? JSONObject()).compactMap { name, value in
      let text = value.stringValue ?? (try? JSON.text(value)) ?? ""
      return (name.split(separator: "_").joined(separator: " "), text)
    }
  }

  /// The settings that `json` wrote; nil unless all are there, each of its type and in the range of the option that sets it.
  package init?(json: JSONValue) {
    self.init()
    for field in Self.fields {
      switch field {
      case .whole(let name, let path):
        guard let value = json[name]?.intValue, value >= 0 else { return nil }
        self[keyPath: path] = value
      case .number(let name, let path):
        guard let value = json[name]?.doubleValue, value.isFinite else { return nil }
        self[keyPath: path] = value
      case .flag(let name, let path):
        guard let value = json[name]?.boolValue else { return nil }
        self[keyPath: path] = value
      case .seed(let name, let path):
        guard let value = json[name]?.stringValue.flatMap({ UInt64($0) }) else { return nil }
        self[keyPath: path] = value
      case .word(let name, _, let set):
        guard let value = json[name]?.stringValue, set(&self, value) else { return nil }
      }
    }
    if let steps = json["steps"]?.intValue {
      duration = .steps(steps)
    } else if let minutes = json["minutes"]?.doubleValue {
      duration = .minutes(minutes)
    } else {
      return nil
    }
    targetLoss = json["target_loss"]?.doubleValue
    if let value = json["attention"] {
      guard let name = value.stringValue, let normalizer = Normalizer(rawValue: name) else {
        return nil
      }
      attention = normalizer
    }
    if let value = json["average"] {
      guard let steps = value.intValue, steps > 0 else { return nil }
      average = steps
    }
    if let value = json["distill"] {
      guard let folder = value.stringValue,
        let temperature = json["distill_temperature"]?.doubleValue, temperature > 0,
        let weight = json["distill_weight"]?.doubleValue, weight >= 0, weight <= 1
      else { return nil }
      distillation = Distillation(folder: folder, temperature: temperature, hardWeight: weight)
    }
    do { try asOptions.validate() } catch { return nil }
  }

  /// The same as options, all of them given.
  private var asOptions: TrainingOptions {
    var o = TrainingOptions()
    (o.layers, o.width, o.headWidth, o.feedForward) = (layers, width, headWidth, feedForward)
    (o.context, o.batch) = (context, batch)
    switch duration {
    case .steps(let steps): o.steps = steps
    case .minutes(let minutes): o.minutes = minutes
    }
    o.targetLoss = targetLoss
    (o.learningRate, o.adamLearningRate) = (learningRate, adamLearningRate)
    (o.beta1, o.beta2, o.weightDecay) = (beta1, beta2, weightDecay)
    (o.warmup, o.clip, o.average) = (schedule.warmup, clip, average)
    (o.dropout, o.labelSmoothing, o.zLoss) = (dropout, objective.labelSmoothing, objective.zLoss)
    o.validation = validation
    (o.evaluateEvery, o.sampleEvery, o.saveEvery) = (evaluateEvery, sampleEvery, saveEvery)
    if let distillation {
      o.distill = distillation.folder
      (o.distillTemperature, o.distillWeight) = (distillation.temperature, distillation.hardWeight)
    }
    return o
  }
}
