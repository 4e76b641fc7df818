import ArgumentParser
import Safetensors
import Text
import Transformer
import Workbench

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// `temper bench`: what this machine does, and how near its limit.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure how fast this machine trains and generates, and how near its limit that is.",
    discussion: """
      The limit is the rate of matrix products in this process, measured first and again between steps. A step's operations are those of its \
      matrix products: 6 for each weight in a matrix and character, and in attention 12 for each layer, column of the \
      head and character seen; what the mask hides does not count. Random characters and weights do for measuring time, but \
      for one thing: what texts that are generated at once have in common is read once, and those of a trained model begin alike more often. \
      --model measures generation with one. Nothing else should be running.
      """)

  @OptionGroup var options: StepArguments

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Measure generation with this model instead of made-up weights.", valueName: "dir"))
  var model: String?

  @OptionGroup var products: ProductsOption
  @OptionGroup var threads: ThreadsOption

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Different characters in the made-up text.", valueName: "n"))
  var vocabulary = 65

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How long each measurement takes, about.", valueName: "x"))
  var seconds = 2.0

  /// What to measure.
  enum Part: String, CaseIterable, ExpressibleByArgument {
    case training, generation, start
  }

  @Option(parsing: .unconditional, help: "Measure just this; all of it if not given.")
  var only: Part?

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    do {
      try options.chosen.validate()
    } catch let error as TrainingError {
      throw ValidationError("\(error).")
    }
    if model != nil {
      guard only == nil || only == .generation else {
        throw ValidationError("--model is for generation only.")
      }
      if let option = options.givenButPrecision ?? (options.precision == nil ? nil : "precision") {
        throw ValidationError("--\(option) does not go with --model, which is measured as it is.")
      }
    }
    try Options.check("vocabulary", vocabulary, 1...6_400)
    guard seconds > 0, seconds <= 3600 else {
      throw ValidationError("--seconds is \(seconds); it must be above 0 and at most 3600.")
    }
  }

  func run() throws {
    Interrupts.set(.leave)
    let settings = try TrainingSettings(options.chosen, trainingCharacters: 1_000_000)
    let output = Console.output()
    var object: JSONObject = [:]
    if measures(.training) {
      let peak = MatrixPeak.measure(threads: threads.count, seconds: min(seconds, 1))
      let step = try StepBenchmark.measure(
        settings, vocabularySize: vocabulary, threads: threads.count, peak: peak,
        seconds: seconds)
      let memory = Benchmark.peakMemory
      object["peak"] = Self.json(peak, threads: threads.count)
      object["training"] = Self.json(step, peak: peak, memory: memory)
      if !json {
        show(peak, step, memory: memory, on: output)
        try output.flush()
      }
    }
    if measures(.generation) {
      let generation = try measureGeneration(settings)
      object["generation"] = Self.json(generation)
      if !json {
        show(generation, on: output)
        try output.flush()
      }
    }
    if measures(.start) {
      guard let start = Self.startUp() else { throw BenchError.noStart }
      object["start_seconds"] = JSONValue(start)
      if !json {
        output.line("start to exit of temper generate --length 1", .heading)
        output.line("  \(Self.milliseconds(start)), the median of 9")
      }
    }
    if json {
      try output.write(bytes: JSON.serialize(.object(object)))
      output.line()
    }
    try output.flush()
  }

  private func measures(_ part: Part) -> Bool {
    model != nil ? part == .generation : only == nil || only == part
  }

  private func measureGeneration(_ settings: TrainingSettings) throws -> GenerationBenchmark {
    guard let model else {
      return try GenerationBenchmark.measure(
        try settings.configuration(vocabularySize: vocabulary),
        inHalves: settings.precision == .bfloat16, products: products.products,
        threads: threads.count, seconds: seconds)
    }
    var loaded = try ModelFolder.load(try ModelChoice.path(model))
    loaded.products = products.products
    return try GenerationBenchmark.measure(loaded, threads: threads.count, seconds: seconds)
  }

  private func show(
    _ peak: MatrixPeak, _ step: StepBenchmark, memory: Int, on output: Console
  ) {
    let (c, s) = (step.configuration, step.settings)
    func row(_ name: String, _ value: String, _ remark: String = "") {
      output.line(
        "  " + Display.padded(name, to: 26) + Display.padded(value, to: 14, alignedRight: true)
          + (remark.isEmpty ? "" : "  \(remark)"))
    }
    output.line("matrix products", .heading)
    row("one thread", "\(peak.oneThread.decimals(1)) GFLOP/s", "at best")
    row("\(threads.count) threads", "\(peak.allThreads.decimals(1)) GFLOP/s", "at best")
    row("between steps", "\(step.productsRate.decimals(1)) GFLOP/s", "median of 10")

    output.line(
      "training: \(c.layers) layers, width \(c.width), head \(c.headWidth), feed-forward "
        + "\(c.feedForward), context \(s.context), batch \(s.batch), \(s.optimizer.rawValue), "
        + "\(c.parameterCount.grouped) parameters", .heading)
    row("step", Self.milliseconds(step.seconds), "median of \(step.steps)")
    row("characters a second", "\(Int(step.charactersPerSecond.rounded()).grouped)")
    row(
      "achieved", "\(step.rate.decimals(1)) GFLOP/s",
      "\((100 * step.shareOfProducts).decimals(1))% of the products' rate between steps, "
        + "\((100 * step.rate / peak.allThreads).decimals(1))% of their best")
    row("memory", "\((Double(memory) / 1_048_576).decimals(0)) MiB", "the most at once")

    let whole = step.dataSeconds + step.passSeconds + step.optimizerSeconds
    func share(_ part: Double, of whole: Double) -> String {
      "\((100 * part / whole).decimals(1))%"
    }
    output.line("  of the step", .remark)
    row("  data", share(step.dataSeconds, of: whole))
    row("  forward and backward", share(step.passSeconds, of: whole))
    row("  optimizer", share(step.optimizerSeconds, of: whole))
    let pass = step.parts.reduce(step.rest) { $0 + $1.seconds }
    output.line("  of forward and backward, on one thread", .remark)
    for (part, seconds) in step.parts where seconds > 0 {
      row("  \(Self.name(of: part))", share(seconds, of: pass))
    }
    row("  copies and the rest", share(step.rest, of: pass))
    let layers = step.layers.reduce(step.outside, +)
    output.line("  by layer", .remark)
    for (index, seconds) in step.layers.enumerated() {
      row("  layer \(index)", share(seconds, of: layers))
    }
    row("  embedding and output", share(step.outside, of: layers))
  }

  private func show(_ g: GenerationBenchmark, on output: Console) {
    func row(_ name: String, _ rate: Double) {
      output.line(
        "  " + Display.padded(name, to: 34)
          + Display.padded(Int(rate.rounded()).grouped, to: 10, alignedRight: true))
    }
    output.line("generation, characters a second", .heading)
    row("one text, window filling", g.filling)
    row("one text, window full", g.full)
    row("\(g.texts) texts, one thread", g.together)
    row("\(g.texts) texts, \(threads.count) threads", g.togetherOnAllThreads)
    row("  windows full", g.togetherFull)
  }

  private static func milliseconds(_ seconds: Double) -> String {
    "\((1000 * seconds).decimals(seconds < 0.01 ? 3 : 1)) ms"
  }

  private static func name(of part: ProbedPart) -> String {
    switch part {
    case .products: "matrix products"
    case .attention: "attention softmax"
    case .normalization: "norms"
    case .rotation: "rotary positions"
    case .gate: "feed-forward gate"
    case .crossEntropy: "cross-entropy"
    case .dropout: "dropout"
    case .embedding: "embedding"
    case .reduction: "gradient reduction"
    }
  }

  /// The median time from starting this program to generate one character to its end; nil if it cannot be started.
  private static func startUp() -> Double? {
    guard let program = programPath() else { return nil }
    var times: [Double] = []
    for _ in 0..<9 {
      var succeeded = false
      times.append(
        Benchmark.seconds {
          succeeded = run(program, ["generate", "--length", "1", "--seed", "1"])
        })
      guard succeeded else { return nil }
    }
    return Benchmark.median(times)
  }

  private static func programPath() -> String? {
    #if os(Linux)
      return "/proc/self/exe"
    #else
      return CommandLine.arguments.first
    #endif
  }

  /// Runs a program with its output thrown away; whether it succeeded.
  private static func run(_ program: String, _ arguments: [String]) -> Bool {
    #if os(Linux)
      var actions = posix_spawn_file_actions_t()
    #else
      var actions: posix_spawn_file_actions_t?
    #endif
    guard posix_spawn_file_actions_init(&actions) == 0 else { return false }
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var words = ([program] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var process = pid_t()
    guard posix_spawn(&process, program, &actions, nil, words, environ) == 0 else { return false }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 {
      guard errno == EINTR else { return false }
    }
    return status == 0
  }

  private static func json(_ peak: MatrixPeak, threads: Int) -> JSONValue {
    [
      "threads": JSONValue(threads), "gflops_one_thread": JSONValue(peak.oneThread),
      "gflops_all_threads": JSONValue(peak.allThreads),
    ]
  }

  private static func json(_ step: StepBenchmark, peak: MatrixPeak, memory: Int) -> JSONValue {
    let (c, s) = (step.configuration, step.settings)
    var parts: JSONObject = [:]
    for (part, seconds) in step.parts { parts["\(part)"] = JSONValue(seconds) }
    parts["rest"] = JSONValue(step.rest)
    return [
      "layers": JSONValue(c.layers), "width": JSONValue(c.width),
      "head_width": JSONValue(c.headWidth), "feed_forward": JSONValue(c.feedForward),
      "context": JSONValue(s.context), "batch": JSONValue(s.batch),
      "optimizer": JSONValue(s.optimizer.rawValue), "parameters": JSONValue(c.parameterCount),
      "steps": JSONValue(step.steps), "seconds": JSONValue(step.seconds),
      "characters_per_second": JSONValue(step.charactersPerSecond),
      "operations_per_character": JSONValue(Benchmark.operations(c, context: s.context)),
      "gflops": JSONValue(step.rate), "share_of_peak": JSONValue(step.rate / peak.allThreads),
      "products_gflops": JSONValue(step.productsRate),
      "share_of_products": JSONValue(step.shareOfProducts),
      "peak_memory_bytes": JSONValue(memory),
      "stages": [
        "data": JSONValue(step.dataSeconds), "pass": JSONValue(step.passSeconds),
        "optimizer": JSONValue(step.optimizerSeconds),
      ],
      "parts_on_one_thread": .object(parts),
      "layers_on_one_thread": .array(step.layers.map { JSONValue($0) }),
      "outside_layers_on_one_thread": JSONValue(step.outside),
    ]
  }

  private static func json(_ g: GenerationBenchmark) -> JSONValue {
    [
      "filling": JSONValue(g.filling), "full": JSONValue(g.full), "texts": JSONValue(g.texts),
      "together": JSONValue(g.together),
      "together_on_all_threads": JSONValue(g.togetherOnAllThreads),
      "together_full": JSONValue(g.togetherFull),
    ]
  }
}

/// What cannot be measured.
private enum BenchError: Error, CustomStringConvertible {
  case noStart

  var description: String {
    "temper generate --length 1 failed, so that its start cannot be measured; try it by itself to see why"
  }
}
