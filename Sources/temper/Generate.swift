import ArgumentParser
import Safetensors
import Text
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

  @OptionGroup var threads: ThreadsOption

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
    if samples == 1 {
      let generator = try Generator(
        model, prompt: text, sampling: settings.sampling, seed: seed, length: settings.length,
        stop: settings.stop)
      try remark(on: generator.substitutions, to: remarks)
      if json {
        let sample = Sample(generator, shouldStop: { Interrupts.isRequested })
        if case .failed(let error) = sample.ending { throw error }
        if !Interrupts.isRequested { try write(sample, to: output) }
      } else {
        try stream(generator, to: output)
        remarks.line("seed \(generator.seed)", .remark)
        try remarks.flush()
      }
    } else {
      // Some at a time, so that the first are there soon.
      for first in stride(from: 0, to: samples, by: Self.together) where !Interrupts.isRequested {
        let found = try Generator.samples(
          model, prompt: text, sampling: settings.sampling, seed: seed &+ UInt64(first),
          count: min(Self.together, samples - first), length: settings.length,
          stop: settings.stop, threads: threads.count,
          shouldStop: { Interrupts.isRequested })
        if first == 0, let sample = found.first {
          try remark(on: sample.substitutions, to: remarks)
        }
        for (index, sample) in found.enumerated() {
          if json {
            if !Interrupts.isRequested { try write(sample, to: output) }
          } else {
            let number = first + index + 1
            output.line("\(number == 1 ? "" : "\n")--- \(number), seed \(sample.seed)", .remark)
            output.write(sample.prompt, .prompt)
            output.write(sample.text)
            try end(sample.text.last ?? sample.prompt.last, of: output)
          }
        }
      }
    }
    if Interrupts.isRequested { throw ExitCode(130) }
  }

  /// Texts that are generated before they are printed.
  private static let together = 96

  private func remark(on substitutions: [Prompt.Substitution], to remarks: Console) throws {
    guard let remark = Session.remark(about: substitutions) else { return }
    remarks.line(remark, .remark)
    try remarks.flush()
  }

  private func write(_ sample: Sample, to output: Console) throws {
    try output.write(bytes: JSON.serialize(sample.json))
    output.line()
    try output.flush()
  }

  private func end(_ last: Character?, of output: Console) throws {
    if last != "\n", !output.isRaw { output.line() }
    try output.flush()
  }

  private func stream(_ generator: Generator, to output: Console) throws {
    output.write(generator.prompt, .prompt)
    try output.flush()
    while !Interrupts.isRequested, let character = generator.next() {
      output.write(character.text)
      try output.flush()
    }
    try end(generator.text.last ?? generator.prompt.last, of: output)
    if case .failed(let error)? = generator.ending { throw error }
  }
}
