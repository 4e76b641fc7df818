import Safetensors

extension ModelFolder {
  /// The model that is used when nobody names one.
  public static let standardName = "fables"

  /// The environment variable that names a model to use instead.
  public static let environmentVariable = "TEMPER_MODEL"

  /// A model that can be loaded by its name.
  public struct Available: Sendable, Equatable {
    public let name: String
    /// Of its folder, symbolic links followed.
    public let path: String
  }

  /// Finds the folder of the model to use.
  ///
  /// In this order: what was asked for, what `TEMPER_MODEL` asks for, the model "fables". What is
  /// asked for is a folder, or the name of one in a `weights` folder. Those are looked for in the
  /// current directory and the folders above it, then in the program's own folder and those above
  /// it (so that a build in a checkout finds the checkout's weights, also through a symbolic link),
  /// then in `../share/temper` from the program (so that an installed program brings its own).
  ///
  /// - Parameters:
  ///   - explicit: a path or a name; nil when nothing was asked for.
  ///   - environment: of the process.
  ///   - executablePath: of the running program, if it can be told.
  ///   - currentDirectory: what relative paths start from.
  /// - Returns: the path of a folder that holds a model; whether it is sound shows when it is
  ///   loaded.
  /// - Throws: `ModelFolderError.notFound`, which lists the places, and the errors of `load` about
  ///   a path that is there but is
  ///   no model.
  public static func resolve(
    explicit: String?, environment: [String: String], executablePath: String?,
    currentDirectory: String
  ) throws -> String {
    var source: String?
    var wanted = explicit
    if wanted == nil, let value = environment[environmentVariable], !value.isEmpty {
      (wanted, source) = (value, environmentVariable)
    }
    var places: [String] = []
    let name = wanted ?? standardName
    if wanted != nil, !name.isEmpty {
      let path = name.hasPrefix("/") ? name : FileSystem.join(currentDirectory, name)
      if holdsModel(path) { return path }
      places.append(path)
    }
    if !name.isEmpty, !name.contains("/"), name != ".", name != ".." {
      for folder in shelves(executablePath: executablePath, currentDirectory: currentDirectory) {
        let path = FileSystem.join(folder, name)
        if holdsModel(path) { return path }
        places.append(path)
      }
    }
    for path in places {
      // Something of that name that is no model is worth more than a list of places.
      switch try? FileSystem.kind(of: path) {
      case .folder: throw ModelFolderError.missingFile(path: FileSystem.join(path, File.config))
      case .file, .other: throw ModelFolderError.notAFolder(path: path)
      case nil: continue
      }
    }
    throw ModelFolderError.notFound(name: name, source: source, places: places)
  }

  /// The models that `resolve` finds by their names, each name once, sorted; and the one that
  /// `TEMPER_MODEL` names.
  public static func available(
    environment: [String: String], executablePath: String?, currentDirectory: String
  ) -> [Available] {
    var found: [String: String] = [:]
    for folder in shelves(executablePath: executablePath, currentDirectory: currentDirectory) {
      // A folder that is not there or cannot be listed has no models to offer.
      for name in (try? FileSystem.names(in: folder)) ?? [] where !name.hasPrefix(".") {
        let path = FileSystem.join(folder, name)
        if found[name] == nil, holdsModel(path) { found[name] = path }
      }
    }
    let named = try? resolve(
      explicit: nil, environment: environment, executablePath: executablePath,
      currentDirectory: currentDirectory)
    var paths = Array(found.values)
    if let named { paths.append(named) }
    var seen: Set<String> = []
    return paths.compactMap { path in
      guard let path = try? FileSystem.resolve(path), seen.insert(path).inserted else { return nil }
      return Available(name: FileSystem.split(path).name, path: path)
    }
    .sorted { ($0.name, $0.path) < ($1.name, $1.path) }
  }

  /// The corpus that came with a model: `corpus/NAME.txt` beside the `weights` folder that holds
  /// the model NAME; nil if there is none.
  ///
  /// - Parameter path: of a model's folder, as `resolve` gives it.
  public static func corpus(ofModelAt path: String) -> String? {
    guard let folder = try? FileSystem.resolve(path) else { return nil }
    let (shelf, name) = FileSystem.split(folder)
    let (place, shelfName) = FileSystem.split(shelf)
    guard shelfName == "weights", !name.isEmpty else { return nil }
    let corpus = FileSystem.join(FileSystem.join(place, "corpus"), name + ".txt")
    return (try? FileSystem.kind(of: corpus)) == .file ? corpus : nil
  }

  /// The folders that models are looked up in by name, in order, each once.
  private static func shelves(executablePath: String?, currentDirectory: String) -> [String] {
    var shelves: [String] = []
    func add(_ folder: String) {
      if !shelves.contains(folder) { shelves.append(folder) }
    }
    func addAncestors(of folder: String) {
      var folder = folder
      while true {
        add(FileSystem.join(folder, "weights"))
        let parent = FileSystem.split(folder).parent
        if folder == "/" || parent == folder { return }
        folder = parent
      }
    }
    if let current = try? FileSystem.resolve(currentDirectory) { addAncestors(of: current) }
    if let executablePath, let program = try? FileSystem.resolve(executablePath) {
      let folder = FileSystem.split(program).parent
      addAncestors(of: folder)
      let prefix = FileSystem.split(folder).parent
      add(FileSystem.join(prefix, "share/temper/weights"))
    }
    return shelves
  }
}
