import Synchronization
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
  private let layout = Layout()

  /// - Precondition: the vocabulary has as many characters as the model has logits. Its weights don't change any more: what generation lays
  ///   out of them is kept.
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
  func decoder() -> Decoder<Float> { Decoder(model, packed: packedWeights(), texts: 1) }

  /// The weights as products with few rows want them: laid out by whoever asks first, and kept for all who ask later.
  func packedWeights(threads: Int = 1) -> PackedWeights<Float> {
    layout.packed.withLock { packed in
      if let packed, packed.products == products { return packed }
      // Not both at once.
      packed = nil
      let new = PackedWeights(model.parameters, products: products, threads: threads)
      packed = new
      return new
    }
  }

  /// What copies of a model have in common.
  private final class Layout: Sendable {
    let packed = Mutex<PackedWeights<Float>?>(nil)
  }
}
