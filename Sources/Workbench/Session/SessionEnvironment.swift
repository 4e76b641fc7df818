import Safetensors

/// What a session needs from outside: chance, a width, files, and training.
public struct SessionEnvironment {
  /// A model that `/models` lists and `/load` finds by its name.
  public struct ListedModel: Sendable, Equatable {
    public let name: String
    public let path: String

    public init(name: String, path: String) {
      self.name = name
      self.path = path
    }
  }

  /// What `/train` was asked for.
  public struct TrainingRequest: Sendable, Equatable {
    /// Text files and folders of them.
    public var paths: [String]
    /// How many steps; nil if not said.
    public var steps: Int?
    /// For how many minutes; nil if not said.
    public var minutes: Double?

    public init(paths: [String], steps: Int? = nil, minutes: Double? = nil) {
      self.paths = paths
      self.steps = steps
      self.minutes = minutes
    }
  }

  /// Trains a model further and returns what came out, also when it was asked to stop.
  ///
  /// It is given the request, the model to start from, a question to ask after each step (whether to stop), and where to tell
  /// about progress.
  public typealias Training = (
    _ request: TrainingRequest, _ model: LanguageModel, _ shouldStop: @Sendable () -> Bool,
    _ emit: (SessionOutput) -> Void
  ) throws -> LanguageModel

  /// Draws a seed.
  public var randomSeed: () -> UInt64
  /// How many threads work where several texts are generated; changes the time only.
  public var threads: Int
  /// How many columns a table may take.
  public var width: () -> Int
  /// The entries of a folder, folders with a slash behind their name; empty if it cannot be read.
  public var entries: (_ folder: String) -> [String]
  /// The models that are known by name.
  public var models: () -> [ListedModel]
  /// Reads the model of a name or a path; `ModelFolderError.notFound` if there is none.
  public var load: (_ model: String) throws -> LanguageModel
  /// The corpus that came with a model; nil if there is none.
  public var corpus: (_ model: LanguageModel) throws -> CorpusIndex?
  /// Writes a model folder; replaces a model that is there only if told to.
  public var save: (_ model: LanguageModel, _ path: String, _ replacing: Bool) throws -> Void
  /// Trains; nil where that cannot be done.
  public var train: Training?

  public init(
    randomSeed: @escaping () -> UInt64 = { UInt64.random(in: 0..<1_000_000) },
    threads: Int = 1,
    width: @escaping () -> Int = { 80 },
    entries: @escaping (_ folder: String) -> [String] = SessionEnvironment.entries(of:),
    models: @escaping () -> [ListedModel] = { [] },
    load: @escaping (_ model: String) throws -> LanguageModel = ModelFolder.load,
    corpus: @escaping (_ model: LanguageModel) throws -> CorpusIndex? = { _ in nil },
    save: @escaping (_ model: LanguageModel, _ path: String, _ replacing: Bool) throws -> Void =
      SessionEnvironment.save(_:to:replacing:),
    train: Training? = nil
  ) {
    self.randomSeed = randomSeed
    self.threads = threads
    self.width = width
    self.entries = entries
    self.models = models
    self.load = load
    self.corpus = corpus
    self.save = save
    self.train = train
  }

  /// The entries of a folder of the file system.
  public static func entries(of folder: String) -> [String] {
    let names = (try? FileSystem.names(in: folder.isEmpty ? "." : folder)) ?? []
    return names.map { name in
      let path = folder.isEmpty ? name : FileSystem.join(folder, name)
      let kind = try? FileSystem.kind(of: path)
      return kind == .folder ? name + "/" : name
    }.sorted()
  }

  /// Writes a model folder, with its weights as they are.
  /// - Throws: `SessionSaveError` if a model is there and may not be replaced; as `ModelFolder.save` does.
  public static func save(_ model: LanguageModel, to path: String, replacing: Bool) throws {
    let foreign = ModelFolder.foreignFiles(path)
    guard replacing || !ModelFolder.holdsModel(path) && foreign.isEmpty else {
      throw SessionSaveError(path: path, files: foreign)
    }
    try ModelFolder.save(
      ModelFolder.Contents(
        parameters: model.model.parameters, vocabulary: model.vocabulary,
        card: "# \(FileSystem.split(path).name)\n\nSaved from a session of `temper`.\n",
        generationDefaults: ModelFolder.GenerationDefaults(
          temperature: model.temperature ?? Sampling().temperature)),
      to: path)
  }
}

/// A folder holds a model, or files of the names that a model's have, which nobody said may be replaced.
public struct SessionSaveError: Error, Equatable, CustomStringConvertible {
  public let path: String
  /// The files; none if it holds a model.
  public let files: [String]

  public var description: String {
    let found = files.isEmpty ? "a model already" : files.joined(separator: ", ")
    return
      "\(path) holds \(found); /save \(SessionWords.escaped(path)) --force replaces \(files.count > 1 ? "them" : "it")"
  }
}
