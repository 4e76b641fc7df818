import ArgumentParser
import Safetensors
import Workbench

/// `temper generate`: continues a text.
struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continue a text.",
    discussion: """
      The text goes to standard output as it arises, the seed to standard error. What could steer a terminal is \
      replaced by something visible; --raw leaves it as it is, but never on a terminal.
      """)

  @OptionGroup var model: ModelOption
  @OptionGroup var prompt: PromptOptions
  @OptionGroup var options: SamplingOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many texts; each has the next seed.", valueName: "n"))
  var samples = 1

  @Flag(help: "Print a JSON object for each text, one a line.")
  var json = false

  @Flag(help: "Leave the text as it is if it goes to a file or a program.")
  var raw = false

  func validate() throws { try Options.check("samples", samples, 1...1_000_000) }

  func run() throws {
    let settings = options.settings
    let seed = options.filters.chosenSeed
    let model = try model.load()
    let text = try prompt.text()
    let output = Console.output(raw: raw)
    let remarks = Console.error()
    Interrupts.set(.record)
    for index in 0..<samples {
      let generator = try Generator(
        model, prompt: text, sampling: settings.sampling, seed: seed &+ UInt64(index),
        length: settings.length, stop: settings.stop)
      if index == 0, let remark = Session.remark(about: generator.substitutions) {
        remarks.line(remark, .remark)
        try remarks.flush()
      }
      if json {
        let sample = Sample(generator, shouldStop: { Interrupts.isRequested })
        if Interrupts.isRequested { break }
        if case .failed(let error) = sample.ending { throw error }
        try output.write(bytes: JSON.serialize(sample.json))
        output.line()
        try output.flush()
      } else {
        if samples > 1 {
          output.line("\(index == 0 ? "" : "\n")--- \(index + 1), seed \(generator.seed)", .remark)
        }
        try stream(generator, to: output)
        if samples == 1 { remarks.line("seed \(generator.seed)", .remark) }
        try remarks.flush()
      }
      if Interrupts.isRequested { break }
    }
    if Interrupts.isRequested { throw ExitCode(130) }
  }

  private func stream(_ generator: Generator, to output: Console) throws {
    output.write(generator.prompt, .prompt)
    try output.flush()
    while !Interrupts.isRequested, let character = generator.next() {
      output.write(character.text)
      try output.flush()
    }
    let last = generator.text.last ?? generator.prompt.last
    if last != "\n", !output.isRaw { output.line() }
    try output.flush()
    if case .failed(let error)? = generator.ending { throw error }
  }
}
