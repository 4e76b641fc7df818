import Safetensors
import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

extension ModelFolder {
  /// What can be told about a sound model folder.
  public struct Inspection: Sendable {
    /// Of the folder, symbolic links followed.
    public let path: String
    public let name: String
    public let configuration: Configuration
    /// How many characters it knows.
    public var vocabularySize: Int { configuration.vocabularySize }
    /// How many numbers it has learnt.
    public var parameterCount: Int { configuration.parameterCount }
    /// The element types in model.safetensors, such as "float32", or "bfloat16, float32" where they
    /// are mixed.
    public let precision: String
    /// The SHA-256 of model.safetensors, which was compared with the file; nil when the file has
    /// none.
    public let checksum: String?
    /// Where the model came from; nil when config.json does not say.
    public let provenance: Provenance?
    /// nil without a generation_config.json.
    public let generationDefaults: GenerationDefaults?
    /// Whether its training can be resumed.
    public let hasTrainer: Bool
    /// Every file, with folders inside ("trainer/state.json"), sorted by name.
    public let files: [FileSize]

    public struct FileSize: Sendable, Equatable {
      public let name: String
      public let bytes: Int
    }
  }

  /// Reads the whole folder and tells what is in it; the errors of `load`, and those of its other
  /// files, tell what is wrong with it.
  public static func inspect(_ path: String) throws -> Inspection {
    let parts = try Parts.read(path)
    let (_, isVerified) = try parts.verifiedParameters()
    let types = Set(parts.weights.tensors.map(\.dtype))
    let precisions = [(DType.bf16, "bfloat16"), (.f16, "float16"), (.f32, "float32")]
    let trainer = FileSystem.join(path, File.trainer)
    let hasTrainer = try FileSystem.kind(of: trainer) != nil
    if hasTrainer { _ = try loadTrainer(path, configuration: parts.configuration) }
    let hasDefaults =
      try FileSystem.kind(of: FileSystem.join(path, File.generationConfig)) != nil
    return Inspection(
      path: try FileSystem.resolve(path), name: parts.name, configuration: parts.configuration,
      precision: precisions.filter { types.contains($0.0) }.map(\.1).joined(separator: ", "),
      checksum: isVerified ? parts.weights.checksum : nil,
      provenance: try ConfigFile.provenance(parts.config),
      generationDefaults: hasDefaults
        ? try GenerationFile.defaults(json(path, File.generationConfig)) : nil,
      hasTrainer: hasTrainer, files: try files(in: path, prefix: "", depth: 0))
  }

  private static func files(in folder: String, prefix: String, depth: Int) throws
    -> [Inspection.FileSize]
  {
    try FileSystem.names(in: folder).flatMap { name -> [Inspection.FileSize] in
      let path = FileSystem.join(folder, name)
      switch try FileSystem.kind(of: path) {
      case .file:
        return [Inspection.FileSize(name: prefix + name, bytes: try size(of: path))]
      case .folder where depth == 0:
        return try files(in: path, prefix: prefix + name + "/", depth: depth + 1)
      default:
        return []
      }
    }
  }

  private static func size(of path: String) throws -> Int {
    var status = stat()
    guard stat(path, &status) == 0 else { throw FileError(.examine, path: path, code: errno) }
    return Int(status.st_size)
  }
}
