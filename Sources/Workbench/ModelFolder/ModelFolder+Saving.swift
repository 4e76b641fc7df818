import Safetensors
import Text
import Transformer

extension ModelFolder {
  /// Writes the folder, or replaces it as a whole, in one step.
  ///
  /// The new folder is built beside the old one, flushed to disk and exchanged with it; folders
  /// above it are made where they are missing. Files of a person's own in the old folder stay. The
  /// same contents give the same bytes. Weights are written from where they are, without a second
  /// copy in memory.
  ///
  /// Throws `ModelFolderError` when it cannot be written, with the old folder untouched, and
  /// `FolderInUse` while another process trains into it.
  public static func save(_ contents: Contents, to path: String) throws {
    try save(contents, holding: try lock(path))
  }

  /// The right to write the folder, for as long as the result lives. Throws `FolderInUse` when it
  /// is taken already, by this process too, and `ModelFolderError.cannotSave` where no folder can be put.
  package static func lock(_ path: String) throws -> FolderLock {
    do {
      try FileSystem.createFolders(FileSystem.split(path).parent)
      let folder = try AtomicFolder(path)
      try folder.check()
      return try FolderLock(folder)
    } catch let error as FileError {
      throw ModelFolderError.cannotSave(path: path, cause: error)
    }
  }

  /// What `save(_:to:)` does, for one that holds the lock over many saves.
  package static func save(_ contents: Contents, holding lock: FolderLock) throws {
    let path = lock.path
    let configuration = contents.parameters.configuration
    precondition(
      configuration.vocabularySize == contents.vocabulary.count,
      "the vocabulary and the weights disagree about how many characters there are")
    do {
      try AtomicFolder(path).replace(dropping: stale) { folder in
        func put(_ name: String, _ value: JSONValue) throws {
          try folder.write(name, JSON.serialize(value, pretty: true))
        }
        try put(
          File.config,
          ConfigFile.json(
            configuration, precision: contents.precision, provenance: contents.provenance))
        try put(File.tokenizer, TokenizerFile.json(contents.vocabulary))
        try put(File.tokenizerConfig, TokenizerFile.config(context: configuration.context))
        try put(File.generationConfig, GenerationFile.json(contents.generationDefaults))
        try folder.write(File.card, Array(contents.card.utf8))
        let checksum = try folder.write(File.weights, weights(contents))
        if let trainer = contents.trainer {
          try write(trainer, weightsChecksum: checksum, to: folder)
        }
      }
    } catch let error as FileError {
      throw ModelFolderError.cannotSave(path: path, cause: error)
    } catch SafetensorsError.notFinite(_, let tensor, let index) {
      throw ModelFolderError.cannotStore(path: path, tensor: tensor, index: index)
    }
    // The writers read the weights through pointers.
    withExtendedLifetime(contents) {}
  }

  /// Writes a temperature into generation_config.json, from where `load` and transformers take it.
  /// The rest of the file stays; it is replaced in one step.
  ///
  /// Throws as `save(_:to:)` does; `FileError` or `ModelFolderError` if the file that is there cannot
  /// be read.
  /// - Parameter temperature: above 0.
  public static func setTemperature(_ temperature: Double, of path: String) throws {
    precondition(temperature > 0 && temperature.isFinite, "a temperature to sample with")
    let lock = try lock(path)
    let file = FileSystem.join(lock.path, File.generationConfig)
    var members =
      try FileSystem.kind(of: file) == nil
      ? GenerationFile.json(GenerationDefaults()).objectValue ?? [:]
      : json(lock.path, File.generationConfig).object
    members["do_sample"] = true
    members["temperature"] = .number(temperature)
    do {
      try FileSystem.replaceFile(file, with: JSON.serialize(.object(members), pretty: true))
    } catch let error as FileError {
      throw ModelFolderError.cannotSave(path: path, cause: error)
    }
    withExtendedLifetime(lock) {}
  }

  /// Parts of the model that was there before, which would make the new one something else to some
  /// program.
  static let stale: Set<String> = [
    File.trainer, "model.safetensors.index.json", "pytorch_model.bin", "adapter_config.json",
    "adapter_model.safetensors", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "vocab.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
  ]

  private static func weights(_ contents: Contents) throws -> SafetensorsWriter {
    var writer = SafetensorsWriter(metadata: [
      "format": "pt", vocabularyKey: try fingerprint(contents.vocabulary),
      configurationKey: try fingerprint(contents.parameters.configuration),
    ])
    let type: SafetensorsWriter.FloatType = contents.precision == .float32 ? .f32 : .bf16
    add(contents.parameters, as: type, to: &writer)
    return writer
  }

  /// Adds every tensor, under its own name after `prefix`. The parameters must outlive the writing.
  static func add(
    _ parameters: Parameters<Float>, prefix: String = "", as type: SafetensorsWriter.FloatType,
    to writer: inout SafetensorsWriter
  ) {
    for entry in parameters.entries {
      writer.add(
        prefix + entry.name, shape: entry.shape, as: type,
        floats: UnsafeBufferPointer(parameters.row(entry).buffer))
    }
  }

  /// The metadata that ties weights to their vocabulary: the same number of other characters would
  /// give plausible nonsense.
  static let vocabularyKey = "temper.vocabulary"

  /// The metadata that ties weights to their shape: another context or another epsilon would fit the same tensors.
  static let configurationKey = "temper.configuration"

  /// The SHA-256 of what the mathematics depends on, as a JSON array.
  static func fingerprint(_ configuration: Configuration) throws -> String {
    let c = configuration
    return SHA256.hexadecimal(
      of: try JSON.serialize([
        JSONValue(c.vocabularySize), JSONValue(c.layers), JSONValue(c.width),
        JSONValue(c.headWidth), JSONValue(c.feedForward), JSONValue(c.context), .bool(c.isTied),
        .string(c.attention.rawValue), .number(c.ropeTheta), .number(c.normEpsilon),
      ]))
  }

  /// The SHA-256 of the characters as a JSON array.
  static func fingerprint(_ vocabulary: Vocabulary) throws -> String {
    SHA256.hexadecimal(
      of: try JSON.serialize(.array(vocabulary.characters.map { .string($0) })))
  }
}
