import Safetensors
import Transformer

extension ModelFolder {
  private static let stateKey = "temper.state"
  private static let weightsKey = "temper.weights"

  /// Writes trainer/: state.json, and state.safetensors, which carries the checksums of that file
  /// and of the model's weights, so that parts of different saves are never taken for one.
  static func write(
    _ trainer: TrainerFiles, weightsChecksum: String, to folder: FolderBuilder
  ) throws {
    let state = try JSON.serialize(trainer.state, pretty: true)
    try folder.write(File.trainerState, state)
    var writer = SafetensorsWriter(metadata: [
      "format": "pt", stateKey: SHA256.hexadecimal(of: state), weightsKey: weightsChecksum,
    ])
    for (name, values) in trainer.tensors {
      add(values, prefix: name + ".", as: .f32, to: &writer)
    }
    try folder.write(File.trainerTensors, writer)
  }

  /// Reads what resuming needs, exactly as it was saved.
  ///
  /// Throws `ModelFolderError.noTrainer` when the folder has no trainer/ part, and
  /// `ModelFolderError`, `SafetensorsError` or `FileError` when it is damaged, incomplete, or not
  /// of the same save as the weights.
  public static func loadTrainer(_ path: String, configuration: Configuration) throws
    -> TrainerFiles
  {
    guard try FileSystem.kind(of: FileSystem.join(path, File.trainer)) != nil else {
      throw ModelFolderError.noTrainer(path: path)
    }
    let statePath = FileSystem.join(path, File.trainerState)
    let state = try json(path, File.trainerState)
    // The optimizer's state has a few times as many tensors as the model.
    let file = try tensors(path, File.trainerTensors, maximumHeaderBytes: 1 << 23)
    guard try file.verifyChecksum() else {
      throw SafetensorsError.checksumMetadata(file: file.path)
    }
    let bytes = try FileSystem.read(statePath, maximumBytes: 1 << 24)
    guard file.header.metadata[stateKey] == SHA256.hexadecimal(of: bytes) else {
      throw ModelFolderError.trainerMismatch(path: path, changed: File.trainerState)
    }
    let weights = try tensors(path, File.weights)
    guard file.header.metadata[weightsKey] == weights.checksum else {
      throw ModelFolderError.trainerMismatch(path: path, changed: File.weights)
    }
    return TrainerFiles(
      state: .object(state.object), tensors: try parameters(in: file, configuration))
  }

  /// The groups of tensors, each a complete set of parameters, in the order of the file.
  private static func parameters(in file: SafetensorsFile, _ configuration: Configuration) throws
    -> [(name: String, values: Parameters<Float>)]
  {
    for tensor in file.tensors where tensor.dtype != .f32 {
      throw SafetensorsError.wrongType(
        file: file.path, tensor: tensor.name, found: tensor.dtype, wanted: "F32")
    }
    let suffix = ".model.embed_tokens.weight"
    let names = file.tensors.map(\.name).filter { $0.hasSuffix(suffix) }
      .map { String($0.dropLast(suffix.count)) }
    let found = file.tensors.reduce(0) { $0 + $1.elementCount }
    let (wanted, overflow) = names.count.multipliedReportingOverflow(
      by: configuration.parameterCount)
    guard !overflow, found >= wanted else {
      throw ModelFolderError.tooFewWeights(
        folder: file.path, config: configuration.parameterCount, weights: found)
    }
    let groups = names.map { (name: $0, values: Parameters<Float>(configuration)) }
    try checkTensors(
      of: file,
      groups.flatMap { name, values in
        values.entries.map { (name + "." + $0.name, $0.shape) }
      })
    for (name, values) in groups {
      for entry in values.entries {
        try file.readFloats(name + "." + entry.name, into: values.row(entry).buffer)
      }
    }
    return groups
  }
}
