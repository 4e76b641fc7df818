import Safetensors

extension SoftmaxLaboratory {
  /// Everything the laboratory computes, for tools. Numbers that JSON has no digits for are null: the logarithm of 0, a masked logit.
  package var json: JSONValue {
    func list(_ values: [Double]) -> JSONValue { .array(values.map { .numberOrNull($0) }) }
    func loss(_ loss: Loss) -> JSONValue {
      ["loss": .numberOrNull(loss.value), "gradient": list(loss.gradient)]
    }
    let p = probabilities()
    let example = distillationExample
    return [
      "logits": list(logits),
      "labels": .array(labels.map { JSONValue($0) }),
      "temperatures": .array(
        temperatures.map { temperature in
          [
            "temperature": JSONValue(temperature),
            "probabilities": list(probabilities(at: temperature)),
            "log_probabilities": list(logProbabilities(at: temperature)),
            "entropy": .numberOrNull(entropy(at: temperature)),
          ]
        }),
      "log_sum_exp": .numberOrNull(logSumExp),
      "sparsemax": list(sparsemax), "entmax15": list(entmax15),
      "online": list(onlineProbabilities(tile: 2)),
      "jacobian": .array(jacobian.map(list)),
      "hessian_eigenvalues": list(hessianEigenvalues),
      "total_change": .numberOrNull(totalChange),
      "sum_of_squares": .numberOrNull(p.reduce(0) { $0 + $1 * $1 }),
      "cross_entropy": [
        "target": JSONValue(target), "loss": .numberOrNull(crossEntropy.value),
        "gradient": list(crossEntropy.gradient),
      ],
      "label_smoothing": [
        "epsilon": 0.1, "loss": .numberOrNull(labelSmoothing(0.1).value),
        "gradient": list(labelSmoothing(0.1).gradient),
      ],
      "z_loss": loss(zLoss(1e-4)), "l2": loss(squares(1e-4)),
      "sparsemax_loss": loss(sparsemaxLoss),
      "divergence_from_uniform": .numberOrNull(divergenceFromUniform),
      "distillation": [
        "teacher": list(example.teacher), "temperature": 2.0,
        "loss": .numberOrNull(example.loss.value), "gradient": list(example.loss.gradient),
      ],
      "attention_scaling": .array(
        AttentionScaling.measure().map {
          [
            "width": JSONValue($0.width), "variance": JSONValue($0.variance),
            "entropy": JSONValue($0.entropy), "scaled_entropy": JSONValue($0.scaledEntropy),
          ]
        }),
    ]
  }

  /// A teacher that holds the same order with half the certainty, at temperature 2.
  package var distillationExample: (teacher: [Double], loss: Loss) {
    let teacher = logits.map { z in z.isFinite ? (z - maximum) / 2 : z }
    // The teacher has as many logits and one that is finite, so nothing can be thrown.
    let loss = try? distillation(teacher: teacher, temperature: 2)
    return (teacher, loss ?? Loss(value: 0, gradient: logits.map { _ in 0 }))
  }
}
