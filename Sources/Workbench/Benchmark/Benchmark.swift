import Text
import Transformer

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// What this machine does: how long a training step and a character take, and how near that is to the limit.
public enum Benchmark {
  /// Seconds that `body` takes.
  package static func seconds(_ body: () throws -> Void) rethrows -> Double {
    try ContinuousClock().measure(body).inSeconds
  }

  package static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// The most memory that this process has held at once, in bytes.
  public static var peakMemory: Int {
    var usage = rusage()
    #if canImport(Darwin)
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #else
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss * 1024
    #endif
  }

  /// Operations (multiplications and additions) of matrix products in one training step, for one character: forward, and twice as many backward. See
  /// `Configuration.operationsPerCharacter`.
  public static func operations(_ c: Configuration, context: Int) -> Double {
    3 * Double(c.operationsPerCharacter(context: context))
  }
}

/// Where the time of a training step goes.
public struct StepBenchmark: Sendable {
  public let configuration: Configuration
  public let settings: TrainingSettings
  public let threads: Int
  /// Steps measured.
  public let steps: Int
  /// The median time of a step, in seconds.
  public let seconds: Double
  /// Billions of operations a second that large products alone reached in between, the median, and the median share of it that the steps next
  /// to them had. A machine that others use, too, is not equally fast for long.
  public let productsRate, shareOfProducts: Double
  /// The medians of its stages.
  public let dataSeconds, passSeconds, optimizerSeconds: Double
  /// Seconds of forward and backward on one thread, by part, and of what no part covers (copies, mostly).
  public let parts: [(part: ProbedPart, seconds: Double)]
  public let rest: Double
  /// The same by layer, first to last, and before and after the layers.
  public let layers: [Double]
  public let outside: Double

  public var charactersPerSecond: Double { Double(settings.batch * settings.context) / seconds }
  /// Billions of operations of matrix products a second, over the whole step; see `Benchmark.operations`. The optimizer's own products
  /// are not counted.
  public var rate: Double {
    Benchmark.operations(configuration, context: settings.context) * charactersPerSecond * 1e-9
  }

  /// Measures steps on random characters, in turn with the products that reached the peak.
  ///
  /// - Parameters:
  ///   - seconds: how long the steps may take in all, after a few to warm up.
  /// - Throws: `ConfigurationError` for an impossible shape, `TrainingError.option` for a step too large.
  public static func measure(
    _ settings: TrainingSettings, vocabularySize: Int, threads: Int, peak: MatrixPeak,
    seconds: Double
  ) throws -> StepBenchmark {
    try settings.checkSize(layers: settings.layers)
    let configuration = try settings.configuration(vocabularySize: vocabularySize)
    let run = Run(configuration, settings, threads: threads)
    for _ in 0..<3 { run.step(threads: threads) }
    var (data, pass, optimizer, whole) = ([Double](), [Double](), [Double](), [Double]())
    // Of a step, in billions.
    let operations =
      1e-9 * Benchmark.operations(configuration, context: settings.context)
      * Double(settings.batch * settings.context)
    let turns = 10
    let products = SquareProducts(
      size: peak.size, threads: threads, seconds: seconds / Double(4 * turns))
    var (rates, shares) = ([Double](), [Double]())
    for _ in 0..<turns {
      let first = whole.count
      var spent = 0.0
      while spent < seconds / Double(turns) {
        let stages = run.step(threads: threads)
        data.append(stages.data)
        pass.append(stages.pass)
        optimizer.append(stages.optimizer)
        whole.append(stages.data + stages.pass + stages.optimizer)
        spent += whole.last ?? 0
      }
      let rate = products.rate()
      rates.append(rate)
      shares.append(operations / Benchmark.median(Array(whole[first...])) / rate)
    }

    // Where the time goes, on one thread, as shares of which the step's time is made.
    let clock = PartClock(layers: configuration.layers)
    Probes.current = clock
    let profiled = max(2, whole.count / (4 * threads))
    var passes = 0.0
    for _ in 0..<profiled { passes += run.step(threads: 1).pass }
    Probes.current = nil
    let parts = ProbedPart.allCases.map { part in
      (part: part, seconds: clock.seconds.reduce(0) { $0 + $1[part.rawValue] } / Double(profiled))
    }
    let byLayer = clock.seconds.map { $0.reduce(0, +) / Double(profiled) }
    return StepBenchmark(
      configuration: configuration, settings: settings, threads: threads, steps: whole.count,
      seconds: Benchmark.median(whole), productsRate: Benchmark.median(rates),
      shareOfProducts: Benchmark.median(shares), dataSeconds: Benchmark.median(data),
      passSeconds: Benchmark.median(pass), optimizerSeconds: Benchmark.median(optimizer),
      parts: parts, rest: max(0, passes / Double(profiled) - parts.reduce(0) { $0 + $1.seconds }),
      layers: Array(byLayer.dropLast()), outside: byLayer.last ?? 0)
  }

  /// What a trainer does in a step, without a trainer's files and events.
  private final class Run {
    private let settings: TrainingSettings
    private let model: Model<Float>
    private let batchStep: BatchStep
    private let optimizer: Optimizer
    private var batches: Batches
    private var step = 0

    init(_ configuration: Configuration, _ settings: TrainingSettings, threads: Int) {
      self.settings = settings
      let weights = Parameters<Float>(configuration)
      weights.initialize(seed: settings.seed)
      model = Model(weights)
      batchStep = BatchStep(
        model, batch: settings.batch, context: settings.context, threads: threads)
      optimizer = Optimizer(configuration, kind: settings.optimizer)
      let generator = CounterGenerator(seed: settings.seed, stream: .order)
      let tokens = (0..<max(10_000, 3 * settings.context)).map {
        Int32(generator.below(UInt32(configuration.vocabularySize), at: UInt64($0)))
      }
      batches = Batches(
        tokens, context: settings.context, batch: settings.batch, seed: settings.seed)
    }

    @discardableResult
    func step(threads: Int) -> (data: Double, pass: Double, optimizer: Double) {
      let data = Benchmark.seconds { batchStep.take(step: step, of: &batches) }
      let dropout =
        settings.dropout > 0
        ? Dropout(rate: settings.dropout, seed: settings.seed, step: step) : nil
      let pass = Benchmark.seconds {
        _ = batchStep.run(
          objective: settings.objective, dropout: dropout, threads: threads)
      }
      let probe = Probes.current
      Probes.current = nil
      let update = Benchmark.seconds {
        optimizer.update(
          model.parameters, gradient: batchStep.gradient,
          OptimizerStep(
            adamRate: settings.adamLearningRate, muonRate: settings.learningRate,
            beta1: settings.beta1, beta2: settings.beta2, weightDecay: settings.weightDecay,
            gradientScale: 1, step: step),
          threads: threads)
      }
      Probes.current = probe
      step += 1
      return (data, pass, update)
    }
  }
}

/// How fast a model of a shape generates, sampling included.
///
/// Of texts whose windows fill up, one or many, the time is that from the call to their ends, with all that they need before their first
/// characters; but for the weights, which a model lays out for generation only once.
public struct GenerationBenchmark: Sendable, Equatable {
  /// Characters a second of one text on one thread: while its window fills up for the first time, and in the long run.
  public let filling, full: Double
  /// Texts that grew at once, and their characters a second in all while their windows fill up: on one thread and on all threads. And on all
  /// threads once their windows are full.
  public let texts: Int
  public let together, togetherOnAllThreads, togetherFull: Double

  /// Measures a model with random weights.
  ///
  /// - Parameters:
  ///   - inHalves: whether its weights are bfloat16, of which a character takes half as much from memory.
  ///   - products: how exactly products with them are computed.
  ///   - seconds: how long each measurement takes, about.
  public static func measure(
    _ configuration: Configuration, inHalves: Bool, products: ProductPrecision = .float32,
    temperature: Double = 0.8, texts: Int = 100, threads: Int, seconds: Double
  ) throws -> GenerationBenchmark {
    var model = try random(configuration, inHalves: inHalves)
    model.products = products
    return try measure(
      model, temperature: temperature, texts: texts, threads: threads, seconds: seconds)
  }

  private static func random(_ configuration: Configuration, inHalves: Bool) throws -> LanguageModel
  {
    let parameters = Parameters<Float>(configuration)
    parameters.initialize(seed: 1)
    // What training starts at zero, it changes: zeros could be kept in halves, and make all characters equally probable.
    let noise = CounterGenerator(seed: 1, stream: .weights)
    for entry in parameters.entries where entry.role == .output || entry.role == .head {
      let deviation = 1 / Double(entry.shape[1]).squareRoot()
      for i in entry.range {
        parameters.elements[i] = Float(deviation * noise.normals(at: UInt64(i)).0)
      }
    }
    if inHalves {
      let elements = parameters.elements
      for i in 0..<elements.count {
        elements[i] = Float(bitPattern: elements[i].bitPattern & 0xFFFF_0000)
      }
    }
    // Any characters will do: those of the private use area are one grapheme cluster each.
    let characters: [String] = (0..<UInt32(configuration.vocabularySize)).compactMap { index in
      let scalar = UnicodeScalar(index < 6_400 ? 0xE000 + index : 0xF0000 + index)
      return scalar.map { String(Character($0)) }
    }
    return LanguageModel(
      model: Model(parameters), vocabulary: try Vocabulary(characters: characters), name: "bench")
  }

  /// Measures a model, with its kind of products.
  ///
  /// - Parameters:
  ///   - seconds: how long each measurement takes, about.
  /// - Throws: as `Generator.init` does.
  public static func measure(
    _ model: LanguageModel, temperature: Double = 0.8, texts: Int = 100, threads: Int,
    seconds: Double
  ) throws -> GenerationBenchmark {
    let sampling = Sampling(temperature: temperature)
    let context = model.model.configuration.context

    func run(_ generator: Generator, _ count: Int) -> Double {
      Benchmark.seconds { for _ in 0..<count where generator.next() == nil { break } }
    }
    let first = try Generator(model, prompt: "", sampling: sampling, seed: 1)
    let perCharacter = max(run(first, context), 1e-6) / Double(context)
    let rounds = max(3, Int(seconds / (perCharacter * Double(context))))
    let filling = try (0..<rounds).map { round in
      try Benchmark.seconds {
        let generator = try Generator(
          model, prompt: "", sampling: sampling, seed: UInt64(round), length: context)
        while generator.next() != nil {}
      }
    }
    let many = max(2 * context, Int(seconds / perCharacter))
    let full = run(first, many)

    func together(prompt: String = "", threads: Int) throws -> Double {
      var length = min(16, context)
      var (rates, spent) = ([Double](), 0.0)
      while true {
        let clock = ContinuousClock()
        let start = clock.now
        let produced = try Generator.samples(
          model, prompt: prompt, sampling: sampling, seed: 1, count: texts, length: length,
          threads: threads
        ).reduce(0) { $0 + $1.characters.count }
        let time = (clock.now - start).inSeconds
        spent += time
        if length < context, time < seconds / 4 {
          length = min(context, 4 * length)
        } else {
          rates.append(Double(produced) / time)
          if spent >= seconds { return Benchmark.median(rates) }
        }
      }
    }
    // After it, half a window is read anew for every half a window of new characters.
    let fullWindow = String(repeating: model.vocabulary.characters[0], count: context)
    return GenerationBenchmark(
      filling: Double(context) / Benchmark.median(filling), full: Double(many) / full,
      texts: texts, together: try together(threads: 1),
      togetherOnAllThreads: try together(threads: threads),
      togetherFull: try together(prompt: fullWindow, threads: threads))
  }
}
