import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Finds models from wherever the program was started.
enum ModelChoice {
  /// The folder of the model that was asked for; see `ModelFolder.resolve`.
  static func path(_ explicit: String?) throws -> String {
    try ModelFolder.resolve(
      explicit: explicit, environment: Environment.ofModels, executablePath: executablePath,
      currentDirectory: currentDirectory)
  }

  /// The models that can be asked for by name.
  static func available() -> [ModelFolder.Available] {
    ModelFolder.available(
      environment: Environment.ofModels, executablePath: executablePath,
      currentDirectory: currentDirectory)
  }

  private static var currentDirectory: String {
    guard let path = getcwd(nil, 0) else { return "." }
    defer { free(path) }
    return String(cString: path)
  }

  private static var executablePath: String? {
    #if os(Linux)
      guard let path = realpath("/proc/self/exe", nil) else { return nil }
    #else
      var size: UInt32 = 0
      _NSGetExecutablePath(nil, &size)
      var name = [CChar](repeating: 0, count: Int(size))
      guard _NSGetExecutablePath(&name, &size) == 0, let path = realpath(name, nil) else {
        return nil
      }
    #endif
    defer { free(path) }
    return String(cString: path)
  }
}
