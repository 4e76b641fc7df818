import Safetensors
import Text

/// tokenizer.json, both ways: the vocabulary as a tokenizer of Hugging Face's `tokenizers` library
/// that turns the same text into the same tokens.
///
/// A word-level model over extended grapheme clusters: line ends become LF, the text becomes NFC,
/// and `\X` cuts it. The model needs the name of a token for unknown words; "<unk>" is not a
/// character and so never in the vocabulary, and the library then refuses an unknown character
/// instead of replacing it silently.
enum TokenizerFile {
  static let unknown = "<unk>"

  private static let normalizer: JSONValue = [
    "type": "Sequence",
    "normalizers": [
      ["type": "Replace", "pattern": ["String": "\r\n"], "content": "\n"],
      ["type": "Replace", "pattern": ["String": "\r"], "content": "\n"],
      ["type": "NFC"],
    ],
  ]

  private static let preTokenizer: JSONValue = [
    "type": "Split", "pattern": ["Regex": "\\X"], "behavior": "Isolated", "invert": false,
  ]

  private static let decoder: JSONValue = ["type": "Fuse"]

  // MARK: - Writing

  static func json(_ vocabulary: Vocabulary) -> JSONValue {
    let tokens = JSONObject(
      vocabulary.characters.enumerated().map { (key: $0.element, value: JSONValue($0.offset)) })
    return [
      "version": "1.0",
      "truncation": nil,
      "padding": nil,
      "added_tokens": [],
      "normalizer": normalizer,
      "pre_tokenizer": preTokenizer,
      "post_processor": nil,
      "decoder": decoder,
      "model": ["type": "WordLevel", "vocab": .object(tokens), "unk_token": .string(unknown)],
    ]
  }

  /// tokenizer_config.json.
  static func config(context: Int) -> JSONValue {
    [
      "tokenizer_class": "PreTrainedTokenizerFast",
      "model_max_length": JSONValue(context),
      "clean_up_tokenization_spaces": false,
    ]
  }

  // MARK: - Reading

  /// The characters of a tokenizer that does exactly what ours does.
  ///
  /// `truncation` and `padding` are settings of the last call before transformers saved it, and are
  /// ignored.
  static func vocabulary(_ tokenizer: FileObject) throws -> Vocabulary {
    try tokenizer.allowOnly(keys: [
      "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
      "post_processor", "decoder", "model",
    ])
    try tokenizer.require("version", "1.0")
    try tokenizer.require("added_tokens", [], described: "an empty list (no special tokens)")
    try tokenizer.require(
      "normalizer", normalizer, described: "CRLF and CR replaced by LF, then NFC,")
    try tokenizer.require(
      "pre_tokenizer", preTokenizer, described: "a split by the regular expression \\X, isolated,")
    try tokenizer.require("decoder", decoder)
    try checkPostProcessor(tokenizer)
    let model = try tokenizer.member("model")
    try model.allowOnly(keys: ["type", "vocab", "unk_token"])
    try model.require("type", "WordLevel")
    let characters = try characters(model)
    let vocabulary: Vocabulary
    do {
      vocabulary = try Vocabulary(characters: characters)
    } catch {
      throw ModelFolderError.vocabulary(file: tokenizer.file, error)
    }
    // An unknown character would silently become this one.
    guard vocabulary.token(of: try model.string("unk_token")) == nil else {
      throw model.refusal("unk_token", expected: "a name that is not in the vocabulary")
    }
    return vocabulary
  }

  /// transformers saves one that adds nothing.
  private static func checkPostProcessor(_ tokenizer: FileObject) throws {
    guard tokenizer.has("post_processor") else { return }
    let processor = try tokenizer.member("post_processor")
    try processor.require("type", "TemplateProcessing")
    try processor.require(
      "single", [["Sequence": ["id": "A", "type_id": 0]]], described: "the text alone")
    try processor.require("special_tokens", [:])
  }

  /// The characters in the order of their tokens, which must be 0, 1, 2 and so on.
  private static func characters(_ model: FileObject) throws -> [String] {
    let vocab = try model.member("vocab")
    var characters = [String?](repeating: nil, count: vocab.object.count)
    for (character, value) in vocab.object {
      guard let token = value.intValue, characters.indices.contains(token),
        characters[token] == nil
      else {
        throw vocab.refusal(
          character, expected: "each of the numbers from 0 to \(characters.count - 1) once")
      }
      characters[token] = character
    }
    return characters.compactMap { $0 }
  }
}
