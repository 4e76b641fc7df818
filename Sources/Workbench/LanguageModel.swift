import Text
import Transformer

/// A model together with the characters it knows: what generating, scoring and fine-tuning start
/// from.
public struct LanguageModel: Sendable {
  /// The weights and their shape.
  public let model: Model<Float>
  /// The characters; token i is logit i.
  public let vocabulary: Vocabulary
  /// What a person calls it: the name of its folder.
  public var name: String
  /// The temperature that its folder's generation_config.json asks for; nil if it names none.
  public var temperature: Double?
  /// How exactly products are computed when texts are generated and next characters shown. Scores, evaluations and
  /// attention maps compute them exactly.
  public var products = ProductPrecision.float32

  /// - Precondition: the vocabulary has as many characters as the model has logits.
  public init(model: Model<Float>, vocabulary: Vocabulary, name: String) {
    precondition(
      model.configuration.vocabularySize == vocabulary.count,
      "the vocabulary and the model disagree about how many characters there are")
    self.model = model
    self.vocabulary = vocabulary
    self.name = name
  }

  /// The shape.
  public var configuration: Configuration { model.configuration }

  /// What reads texts of this model as they grow, with its products.
  func decoder() -> Decoder<Float> { Decoder(model, products: products) }
}
