import ArgumentParser
import Text
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// `temper`, the command.
///
/// Exit codes: 0 done, 1 failed, 64 wrong usage, 130 interrupted. What went wrong is one line on standard error.
@main
struct Temper: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "temper",
    abstract: "A tiny text generator that learns from a text file and talks in a terminal.",
    discussion: """
      Without a command, temper opens a conversation with the model that comes with it (or with the one that the \
      variable TEMPER_MODEL names).
      """,
    version: "1.0.0",
    subcommands: [
      Train.self, Repl.self, Generate.self, Compare.self, Evaluate.self, Score.self, Next.self,
      Attend.self, Inspect.self, SoftmaxCommand.self, GradCheck.self, Bench.self,
    ],
    defaultSubcommand: Repl.self)

  static var _errorPrefix: String { "temper: " }

  static func main() {
    Interrupts.prepare()
    do {
      try Provisions.check()
    } catch {
      leave(early: error)
    }
    var command: ParsableCommand
    do {
      try checkName(CommandLine.arguments.dropFirst().first)
      command = try parseAsRoot()
    } catch {
      leave(usage: error)
    }
    do {
      try command.run()
    } catch {
      leave(failure: error)
    }
  }

  /// A mistyped command would otherwise be taken for an argument of the default one.
  private static func checkName(_ name: String?) throws {
    let names = configuration.subcommands.compactMap { $0._commandName } + ["help"]
    guard let name, !name.hasPrefix("-"), !names.contains(name) else { return }
    let meant = Suggestion.nearest(to: name, among: names).map { "; did you mean \($0)?" }
    throw ValidationError("there is no command \(name)\(meant ?? "")")
  }

  /// Ends the program at once, without giving libraries a chance to wait for what they do not get.
  static func leave(early error: any Error) -> Never {
    let console = Console.error()
    console.line("temper: \(Display.inline("\(error)"))")
    try? console.flush()
    _exit(1)
  }

  /// Ends the program because the arguments ask for help, or make no sense.
  private static func leave(usage error: any Error) -> Never {
    let code = exitCode(for: error)
    let console = code == .success ? Console.output() : Console.error()
    console.line(fullMessage(for: error))
    do {
      try console.flush()
    } catch  where code == .success {
      leave(failure: error)
    } catch {
      // There is no other place to complain to.
    }
    end(code.rawValue)
  }

  /// Ends the program because the work could not be done.
  private static func leave(failure error: any Error) -> Never {
    switch error {
    case let code as ExitCode: end(code.rawValue)
    case let error as ValidationError: leave(usage: error)
    case let error as ConsoleError where error.isReaderGone: end(0)
    // `temper help` asks for help by running.
    case _ where exitCode(for: error) == .success: leave(usage: error)
    default: break
    }
    let console = Console.error()
    console.line("temper: \(Display.inline("\(error)"))")
    try? console.flush()
    end(1)
  }
}

/// Ends the program; `ParsableCommand` has an `exit` of its own.
private func end(_ code: Int32) -> Never { exit(code) }
