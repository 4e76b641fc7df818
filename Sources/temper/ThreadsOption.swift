import ArgumentParser

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// How many threads work.
struct ThreadsOption: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many threads work; changes the time only. All processors if not given.", valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads { try Options.check("threads", threads, 1...1024) }
  }

  /// What was given, or as many as there are processors.
  var count: Int { threads ?? Self.processors }

  /// How many processors there are.
  static var processors: Int { max(1, min(1024, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
