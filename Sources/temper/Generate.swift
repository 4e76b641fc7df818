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

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Tell how the N-th generated character was drawn: logit, noise, runner-up, the temperatures at which another would have been.",
      valueName: "n"))
  var why: Int?

  @OptionGroup var products: ProductsOption
  @OptionGroup var threads: ThreadsOption

  @Flag(help: "Print a JSON object for each text, one a line.")
  var json = false

  @Flag(help: "Leave the text as it is if it goes to a file or a program.")
  var raw = false

  func validate() throws {
    try Options.check("samples", samples, 1...1_000_000)
    guard let why else { return }
    try Options.check("why", why, 1...options.length)
    guard samples == 1 else {
      throw ValidationError("--why tells about one text; leave out --samples.")
    }
  }

  func run() throws {
    let seed = options.filters.chosenSeed
    var model = try model.load()
    model.products = products.products
    let settings = options.settings(of: model)
    let text = try prompt.text()
    let output = Console.output(raw: raw)
    let remarks = Console.error()
    Interrupts.set(.record)
    if let remark = options.remark(about: model) {
      remarks.line(remark, .remark)
      try remarks.flush()
    }
    if samples == 1 {
      let generator = try Generator(
        model, prompt: text, sampling: settings.sampling, seed: seed, length: settings.length,
        stop: settings.stop)
      try remark(on: generator.substitutions, to: remarks)
      if let why {
        try explain(why, generator, to: output)
      } else if json {
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

  /// `--why`: the text up to the character, and how that was drawn.
  private func explain(_ number: Int, _ generator: Generator, to output: Console) throws {
    var drawn: [Int32] = []
    while drawn.count < number, !Interrupts.isRequested, let character = generator.next() {
      drawn.append(character.token)
    }
    if case .failed(let error)? = generator.ending { throw error }
    if Interrupts.isRequested { return }
    guard drawn.count == number else {
      throw ValidationError("--why is \(number), but the text ends after \(drawn.count).")
    }
    let replay = try DrawReplay(
      generator.model, prompt: generator.prompt, drawn: drawn, sampling: generator.sampling,
      seed: generator.seed)
    if json {
      try output.write(bytes: JSON.serialize(replay.json))
      output.line()
    } else {
      output.write(generator.prompt, .prompt)
      output.write(generator.text)
      output.line()
      for piece in DrawReplayLayout.output(replay, width: output.width) { output.show(piece) }
      output.line("seed \(generator.seed)", .remark)
    }
    try output.flush()
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
