import ArgumentParser

@main
struct Temper: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "temper", abstract: "A tiny transformer text generator.")
}
