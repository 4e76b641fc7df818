import Safetensors
import Text
import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

extension ModelFolder {
  /// Reads a model.
  ///
  /// Sizes are checked against the limits of `Configuration` and against the file before memory is
  /// taken for the weights, which are converted as they are read. A checksum in model.safetensors
  /// is verified. With tied embeddings an "lm_head.weight" is accepted if it has the same values as
  /// the embedding table.
  ///
  /// Throws `ModelFolderError`, `SafetensorsError` or `FileError`.
  public static func load(_ path: String) throws -> LanguageModel {
    let parts = try Parts.read(path)
    let (parameters, _) = try parts.verifiedParameters()
    var model = LanguageModel(
      model: Model(parameters), vocabulary: parts.vocabulary, name: parts.name)
    model.temperature = temperature(in: path)
    return model
  }

  /// Where the model in a folder came from; nil when its config.json does not say.
  ///
  /// Throws as `load` does, as far as it has to read.
  public static func provenance(of path: String) throws -> Provenance? {
    try ConfigFile.provenance(Parts.read(path).config)
  }

  /// The temperature that generation_config.json names; nil without one in the limits of a session.
  /// What other programs' defaults are is no reason to refuse a model.
  private static func temperature(in folder: String) -> Double? {
    guard let config = try? json(folder, File.generationConfig), config.has("temperature"),
      let temperature = try? GenerationFile.defaults(config).temperature,
      SessionSettings.temperatures.contains(temperature)
    else { return nil }
    return temperature
  }

  /// What is read before the weights: everything checked, model.safetensors open.
  struct Parts {
    let path: String
    /// The last part of the absolute path.
    let name: String
    let config: FileObject
    let configuration: Configuration
    let vocabulary: Vocabulary
    let weights: SafetensorsFile

    /// Reads them all from one and the same folder, should another process replace it meanwhile.
    static func read(_ path: String) throws -> Parts {
      switch try FileSystem.kind(of: path) {
      case nil: throw ModelFolderError.missingFolder(path: path)
      case .folder: break
      default: throw ModelFolderError.notAFolder(path: path)
      }
      for _ in 0..<100 {
        let pin = try PinnedFolder(path)
        let parts = Result { try Parts(path) }
        if pin.isStill(at: path) { return try parts.get() }
      }
      throw ModelFolderError.keepsChanging(path: path)
    }

    private init(_ path: String) throws {
      self.path = path
      name = FileSystem.split(try FileSystem.resolve(path)).name
      config = try ModelFolder.json(path, File.config)
      configuration = try ConfigFile.configuration(config)
      vocabulary = try TokenizerFile.vocabulary(try ModelFolder.json(path, File.tokenizer))
      guard vocabulary.count == configuration.vocabularySize else {
        throw ModelFolderError.vocabularySize(
          folder: path, config: configuration.vocabularySize, tokenizer: vocabulary.count)
      }
      weights = try ModelFolder.tensors(path, File.weights)
      if let fingerprint = weights.header.metadata[vocabularyKey] {
        guard try fingerprint == ModelFolder.fingerprint(vocabulary) else {
          throw ModelFolderError.otherVocabulary(folder: path)
        }
      }
    }

    /// The weights, and whether there was a checksum: it is verified meanwhile on another thread,
    /// which takes longer than everything else about a start.
    func verifiedParameters() throws -> (Parameters<Float>, isVerified: Bool) {
      let checking = Outcome<Bool>()
      let reading = Outcome<Parameters<Float>>()
      forEachInParallel(2, threads: 2) { item in
        if item == 0 {
          checking.set { try weights.verifyChecksum() }
        } else {
          reading.set { try parameters() }
        }
      }
      // That the file has changed explains whatever else is wrong with it.
      guard let isVerified = try checking.get(), let parameters = try reading.get() else {
        preconditionFailure("both have been run")
      }
      return (parameters, isVerified)
    }

    /// The weights, exactly those that the configuration names.
    private func parameters() throws -> Parameters<Float> {
      for tensor in weights.tensors where ![.f32, .bf16, .f16].contains(tensor.dtype) {
        throw ModelFolderError.elementType(
          file: weights.path, tensor: tensor.name, found: tensor.dtype)
      }
      // The file has all those bytes, so the sum is bounded, and so is the memory by twice the
      // file.
      let count = weights.tensors.reduce(0) { $0 + $1.elementCount }
      guard count >= configuration.parameterCount else {
        throw ModelFolderError.tooFewWeights(
          folder: path, config: configuration.parameterCount, weights: count)
      }
      let parameters = Parameters<Float>(configuration)
      try ModelFolder.checkTensors(
        of: weights, parameters.entries.map { ($0.name, $0.shape) },
        alsoAllowed: configuration.isTied ? [head] : [])
      if let fingerprint = weights.header.metadata[configurationKey] {
        guard try fingerprint == ModelFolder.fingerprint(configuration) else {
          throw ModelFolderError.otherConfiguration(folder: path)
        }
      }
      for entry in parameters.entries {
        try weights.readFloats(entry.name, into: parameters.row(entry).buffer)
      }
      if configuration.isTied { try checkTiedHead(parameters) }
      return parameters
    }

    private var head: String { "lm_head.weight" }

    private func checkTiedHead(_ parameters: Parameters<Float>) throws {
      guard let head = weights.tensor(head) else { return }
      let embedding = parameters.embedding
      guard head.shape == [embedding.rows, embedding.columns] else {
        throw ModelFolderError.shape(
          file: weights.path, tensor: head.name, found: head.shape,
          expected: [embedding.rows, embedding.columns])
      }
      let values = try weights.floats(head.name)
      let isSame = (0..<embedding.rows).allSatisfy { row in
        embedding[row].buffer.elementsEqual(
          values[row * embedding.columns..<(row + 1) * embedding.columns])
      }
      guard isSame else { throw ModelFolderError.untiedHead(file: weights.path) }
    }
  }

  // MARK: - Files

  /// A JSON file of the folder.
  static func json(_ folder: String, _ name: String) throws -> FileObject {
    let path = FileSystem.join(folder, name)
    let bytes = try named(path) { try FileSystem.read(path, maximumBytes: 1 << 24) }
    return try object(bytes, of: path)
  }

  private static func object(_ bytes: [UInt8], of file: String) throws -> FileObject {
    do {
      return try FileObject(file: file, JSON.parse(bytes))
    } catch let error as JSONError {
      throw ModelFolderError.json(file: file, error)
    }
  }

  /// The shape that the bytes of a config.json name, which errors call `file`.
  package static func configuration(_ bytes: [UInt8], of file: String) throws -> Configuration {
    try ConfigFile.configuration(object(bytes, of: file))
  }

  /// The characters that the bytes of a tokenizer.json name.
  package static func vocabulary(_ bytes: [UInt8], of file: String) throws -> Vocabulary {
    try TokenizerFile.vocabulary(object(bytes, of: file))
  }

  /// The settings that the bytes of a generation_config.json name.
  package static func generationDefaults(
    _ bytes: [UInt8], of file: String
  ) throws -> GenerationDefaults {
    try GenerationFile.defaults(object(bytes, of: file))
  }

  /// A safetensors file of the folder, its header checked.
  static func tensors(_ folder: String, _ name: String, maximumHeaderBytes: Int = 1 << 20) throws
    -> SafetensorsFile
  {
    let path = FileSystem.join(folder, name)
    return try named(path) {
      try SafetensorsFile(path: path, maximumHeaderBytes: maximumHeaderBytes)
    }
  }

  /// Turns "no such file" into what it means here.
  private static func named<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as FileError where error.code == ENOENT {
      throw ModelFolderError.missingFile(path: path)
    }
  }

  /// Refuses a file that has not exactly these tensors, in these shapes.
  static func checkTensors(
    of file: SafetensorsFile, _ expected: [(name: String, shape: [Int])],
    alsoAllowed: Set<String> = []
  ) throws {
    for (name, shape) in expected {
      guard let tensor = file.tensor(name) else {
        throw ModelFolderError.missingTensor(file: file.path, tensor: name)
      }
      guard tensor.shape == shape else {
        throw ModelFolderError.shape(
          file: file.path, tensor: name, found: tensor.shape, expected: shape)
      }
    }
    let known = alsoAllowed.union(expected.map(\.name))
    if let other = file.tensors.first(where: { !known.contains($0.name) }) {
      throw ModelFolderError.unexpectedTensor(file: file.path, tensor: other.name)
    }
  }
}

/// What a thread leaves for the one that waits for it.
private final class Outcome<Value>: @unchecked Sendable {
  private var result: Result<Value, any Error>?

  func set(_ body: () throws -> Value) { result = Result { try body() } }

  func get() throws -> Value? { try result?.get() }
}

/// A folder held open, so that another one at the same path can be told from it.
private final class PinnedFolder {
  private let descriptor: Int32

  init(_ path: String) throws {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(.open, path: path, code: errno) }
  }

  deinit { close(descriptor) }

  func isStill(at path: String) -> Bool {
    var (mine, found) = (stat(), stat())
    guard fstat(descriptor, &mine) == 0, stat(path, &found) == 0 else { return false }
    return mine.st_dev == found.st_dev && mine.st_ino == found.st_ino
  }
}
