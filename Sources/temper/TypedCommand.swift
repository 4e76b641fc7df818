/// The command as it was typed, for whoever wants to give it again.
enum TypedCommand {
  /// "temper" and its arguments, quoted for a shell.
  /// - Parameter flags: arguments that are left out.
  static func text(without flags: Set<String> = []) -> String {
    (["temper"] + CommandLine.arguments.dropFirst().filter { !flags.contains($0) })
      .map(shellQuoted).joined(separator: " ")
  }

  /// A word as a shell reads it.
  static func shellQuoted(_ word: String) -> String {
    let safe = word.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "/"),
        UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "="), UInt8(ascii: ","):
        true
      default: false
      }
    }
    return safe && !word.isEmpty
      ? word
      : "'"
        + word.split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: #"'\''"#) + "'"
  }
}
