import Safetensors
import Text
import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Why a model folder cannot be read, written or found. Each description is a sentence that says
/// what, where and what to do, and is safe to show on a terminal whatever the files contain.
///
/// What is wrong inside a safetensors file is a `SafetensorsError`; failures of the system while
/// reading are `FileError`s.
public enum ModelFolderError: Error, Equatable, Sendable {
  /// There is nothing at the path.
  case missingFolder(path: String)
  /// There is something else.
  case notAFolder(path: String)
  /// The folder is there, and this file of it is not.
  case missingFile(path: String)
  /// The folder was replaced again and again while it was being read.
  case keepsChanging(path: String)
  /// The file is not the JSON it has to be.
  case json(file: String, JSONError)
  /// A key is missing, or has a value that the program cannot represent. `key` is a path such as
  /// `rope_parameters.rope_type`.
  case value(file: String, key: String, found: String, expected: String)
  /// The sizes are none that a model can have.
  case configuration(file: String, ConfigurationError)
  /// The characters in tokenizer.json make no vocabulary.
  case vocabulary(file: String, TextError)
  /// config.json and tokenizer.json disagree about the number of characters.
  case vocabularySize(folder: String, config: Int, tokenizer: Int)
  /// The weights were trained with other characters than tokenizer.json has.
  case otherVocabulary(folder: String)
  /// config.json has another shape, context, base of the rotary positions or epsilon than the weights were saved with.
  case otherConfiguration(folder: String)
  /// config.json describes more numbers than the weights have.
  case tooFewWeights(folder: String, config: Int, weights: Int)
  /// A tensor that the configuration asks for is not there, or one is that it knows nothing of.
  case missingTensor(file: String, tensor: String)
  case unexpectedTensor(file: String, tensor: String)
  /// The tensor's shape is not what config.json describes.
  case shape(file: String, tensor: String, found: [Int], expected: [Int])
  /// The elements are neither F32 nor BF16.
  case elementType(file: String, tensor: String, found: DType)
  /// tie_word_embeddings is true, and the file has an output projection that is not the embedding
  /// table.
  case untiedHead(file: String)
  /// A value that cannot be stored: NaN, infinite, or too large for the precision.
  case cannotStore(path: String, tensor: String, index: Int)
  /// The system refused to write.
  case cannotSave(path: String, cause: FileError)
  /// There is no trainer/ part.
  case noTrainer(path: String)
  /// The parts of trainer/, or trainer/ and the weights, are not of the same save.
  case trainerMismatch(path: String, changed: String)
  /// No model was found; the places, in the order in which they were looked at.
  case notFound(name: String, source: String?, places: [String])
}

extension ModelFolderError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missingFolder(let path):
      "\(shown(path)): there is no such folder; check the name, or list the models with /models"
    case .notAFolder(let path):
      "\(shown(path)) is a file, and a model is a folder; give the folder that the file is in"
    case .missingFile(let path):
      "\(shown(path)) is missing, and the folder is no model without it;"
        + " copy the folder again, or train the model anew"
    case .keepsChanging(let path):
      "\(shown(path)) is being replaced again and again;"
        + " try once more, or wait until its training has ended"
    case .json(let file, let error):
      "\(shown(file)): not valid JSON: \(error); use a fresh copy of the file"
    case .value(let file, let key, let found, let expected):
      "\(shown(file)): \(Printable.escape(key)) is \(found), and \(expected) is needed:"
        + " this is not a model that Temper can run"
    case .configuration(let file, let error):
      "\(shown(file)): \(error)"
    case .vocabulary(let file, let error):
      "\(shown(file)): \(error); Temper's tokens are single characters (grapheme clusters)"
    case .vocabularySize(let folder, let config, let tokenizer):
      "\(shown(folder)): config.json says vocab_size \(config), and tokenizer.json has"
        + " \(tokenizer) characters; the files are not of the same model, copy them again"
    case .otherVocabulary(let folder):
      "\(shown(folder)): model.safetensors was trained with other characters, or another"
        + " order of them, than tokenizer.json has;"
        + " the files are not of the same model, copy them again"
    case .otherConfiguration(let folder):
      "\(shown(folder)): config.json has changed since model.safetensors was saved;"
        + " the files are not of the same model, copy them again"
    case .tooFewWeights(let folder, let config, let weights):
      "\(shown(folder)): config.json describes a model of \(config) parameters, and"
        + " model.safetensors has \(weights); the files are not of the same model, copy them again"
    case .missingTensor(let file, let tensor):
      "\(shown(file)): there is no tensor \(Printable.quote(tensor)), which config.json asks for"
    case .unexpectedTensor(let file, let tensor):
      "\(shown(file)): the model that config.json describes has no tensor"
        + " \(Printable.quote(tensor))"
    case .shape(let file, let tensor, let found, let expected):
      "\(shown(file)): tensor \(Printable.quote(tensor)) has the shape \(found),"
        + " and \(expected) follows from config.json"
    case .elementType(let file, let tensor, let found):
      "\(shown(file)): tensor \(Printable.quote(tensor)) is \(found.rawValue),"
        + " and F32, BF16 or F16 is needed"
    case .untiedHead(let file):
      "\(shown(file)): config.json ties the output projection to the embeddings, and"
        + " \"lm_head.weight\" differs from them; set tie_word_embeddings to"
        + " false if the projection is its own"
    case .cannotStore(let path, let tensor, let index):
      "\(shown(path)) was not written: element \(index) of \(Printable.quote(tensor)) is"
        + " not finite, or too large for the precision; what was there before is untouched"
    case .cannotSave(let path, let cause):
      "\(shown(path)): the model was not saved, and what was there before is untouched:"
        + " \(cause)\(Self.advice(cause.code))"
    case .noTrainer(let path):
      "\(shown(path)) has no trainer/ part, so its training cannot be resumed;"
        + " start a new one from its weights with --from"
    case .trainerMismatch(let path, let changed):
      "\(shown(path)): \(changed) has changed since it was saved, so training cannot be"
        + " resumed exactly; use a fresh copy of the folder, or start a new training"
        + " from its weights with --from"
    case .notFound(let name, let source, let places):
      "no model \(Printable.quote(name))\(source.map { " (\($0))" } ?? ""): looked for "
        + places.map(shown).joined(separator: ", ")
        + "; give a folder with --model, or train one with `temper train FILE --out weights/mine`"
    }
  }

  private func shown(_ path: String) -> String { Printable.escape(path, limit: 1000) }

  private static func advice(_ code: Int32) -> String {
    switch code {
    case ENOSPC, EDQUOT: "; make room on the disk, or choose a folder on another one"
    case EACCES, EPERM, EROFS: "; choose a folder that you may write to"
    case EFBIG: "; raise the limit on the size of files (ulimit -f)"
    default: ""
    }
  }
}
