import Safetensors
import Text
import Transformer
import Workbench

// What libFuzzer calls, one of four according to how this file is compiled. An input is what a person may meet: the bytes of a file, or lines
// typed or piped. Nothing may trap, hang or read out of bounds; what is printed must be harmless.

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  #if SAFETENSORS
    fuzzSafetensors(bytes)
  #elseif FOLDER
    fuzzFolder(bytes)
  #elseif TEXT
    fuzzText(bytes)
  #else
    fuzzSession(bytes)
  #endif
  return 0
}

/// A safetensors file: header, every tensor in every type, checksum.
private func fuzzSafetensors(_ bytes: [UInt8]) {
  do {
    let file = try SafetensorsFile(bytes: bytes, name: "fuzz")
    var total = 0
    for tensor in file.tensors {
      requirePrintable(tensor.name)
      total += tensor.range.count
      do {
        let found = try file.bytes(tensor.name)
        precondition(found.count == tensor.range.count)
      } catch { requireTyped(error) }
      do { _ = try file.floats(tensor.name) } catch { requireTyped(error) }
      do { _ = try file.doubles(tensor.name) } catch { requireTyped(error) }
      do { _ = try file.integers(tensor.name) } catch { requireTyped(error) }
    }
    // No holes, no overlaps: the tensors are the data.
    precondition(total < bytes.count)
    _ = try file.verifyChecksum()
  } catch { requireTyped(error) }
}

/// The JSON files of a model folder: whatever kind it is meant to be, every reader gets it.
private func fuzzFolder(_ bytes: [UInt8]) {
  do {
    let value = try JSON.parse(bytes)
    // What is read can be written, and is read as the same.
    let again = try JSON.parse(try JSON.serialize(value))
    precondition(again == value)
  } catch { requirePrintable("\(error)") }
  do {
    let configuration = try ModelFolder.configuration(bytes, of: "config.json")
    precondition(configuration.parameterCount > 0)
  } catch { requirePrintable("\(error)") }
  do {
    let vocabulary = try ModelFolder.vocabulary(bytes, of: "tokenizer.json")
    precondition(vocabulary.count > 0 && vocabulary.count < bytes.count)
  } catch { requirePrintable("\(error)") }
  do {
    _ = try ModelFolder.generationDefaults(bytes, of: "generation_config.json")
  } catch { requirePrintable("\(error)") }
}

/// Bytes as a text file: strict UTF-8, normalization, characters, a vocabulary, a prompt, and what a terminal would get of it.
private func fuzzText(_ bytes: [UInt8]) {
  let isValid = String(validating: bytes, as: UTF8.self) != nil
  var normalized: [UInt8]?
  do {
    normalized = try Normalization.normalize(bytes, source: "fuzz")
  } catch { requirePrintable("\(error)") }
  precondition((normalized != nil) == isValid, "two opinions on what is UTF-8")

  let text = String(decoding: normalized ?? bytes, as: UTF8.self)
  requireHarmless(Display.safe(text))
  requireHarmless(Display.inline(text))
  do {
    let corpus = try Corpus(text: text)
    precondition(corpus.tokens.count <= 3 * bytes.count)
    let vocabulary = corpus.vocabulary
    let tokens = try vocabulary.encode(text)
    precondition(tokens == corpus.tokens)
    precondition(vocabulary.decode(tokens) == Normalization.normalize(text))
    // Characters that a vocabulary lacks are replaced, left out, or named. It takes as long as all of the above.
    guard bytes.count % 8 == 0 else { return }
    let some = Array(vocabulary.characters.prefix(vocabulary.count / 2 + 1))
    do {
      _ = try Vocabulary(characters: some).encodePrompt(text)
    } catch { requirePrintable("\(error)") }
  } catch { requirePrintable("\(error)") }
}

// MARK: - The conversation

#if SESSION
  private let model: LanguageModel? = {
    let characters = ["\n", " ", "\u{1B}", "[", "a", "b", "é", "\u{202E}", "中", "👩‍👩‍👧‍👦"].sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    guard
      let configuration = try? Configuration(
        vocabularySize: characters.count, layers: 1, width: 4, headWidth: 4, feedForward: 4,
        context: 8),
      let vocabulary = try? Vocabulary(characters: characters)
    else { return nil }
    let parameters = Parameters<Float>(configuration)
    // A row does not keep its parameters alive.
    let source = GradientCheck.randomParameters(configuration, seed: 3)
    let random = withExtendedLifetime(source) { source.elements.elements }
    for index in random.indices { parameters.elements[index] = Float(random[index]) }
    return LanguageModel(model: Model(parameters), vocabulary: vocabulary, name: "fuzz")
  }()
#endif

/// Lines of a conversation, with everything outside of it answered by nothing.
private func fuzzSession(_ bytes: [UInt8]) {
  #if SESSION
    guard let model else { preconditionFailure("there is no model") }
    let environment = SessionEnvironment(
      randomSeed: { 1 }, width: { 40 }, entries: { _ in ["a/", "b c", "\u{1B}[2J"] },
      models: { [SessionEnvironment.ListedModel(name: "a", path: "b")] },
      load: { _ in model }, save: { _, _, _ in }, train: { _, model, _, _ in model })
    var session = Session(
      model: model, settings: SessionSettings(length: 3), environment: environment)
    // As the pipe reads them: a line that is not UTF-8 ends the conversation.
    for line in bytes.split(separator: 0x0A, maxSplits: 6, omittingEmptySubsequences: false) {
      guard let line = String(validating: line, as: UTF8.self) else { return }
      let completion = session.completions(for: line, cursor: line.utf8.count / 2)
      precondition(completion.replaced <= line.utf8.count)
      let asked = Counter()
      let next = session.handle(line, shouldStop: { asked.increment() > 20 }, emit: check)
      if next == .quit { return }
    }
  #endif
}

/// What a session says.
private func check(_ piece: SessionOutput) {
  switch piece {
  case .text(let text, _): requireHarmless(Display.safe(text))
  case .progress(let text): requireHarmless(Display.inline(text))
  case .failure(let text, let suggestion):
    requireHarmless(Display.inline(text + (suggestion ?? "")))
  }
}

/// How often a session has asked whether to stop.
private final class Counter: @unchecked Sendable {
  private var count = 0

  func increment() -> Int {
    count += 1
    return count
  }
}

// MARK: - What must hold

private func requireTyped(_ error: any Error) {
  precondition(error is SafetensorsError, "an error of another kind")
  requirePrintable("\(error)")
}

/// A message or a name never carries a control character of the file.
private func requirePrintable(_ message: String) {
  for scalar in message.unicodeScalars {
    precondition(
      scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value), "a control in a message")
  }
}

/// Nothing of it can steer a terminal.
private func requireHarmless(_ shown: String) {
  for scalar in shown.unicodeScalars {
    let value = scalar.value
    precondition(value >= 0x20 || scalar == "\n" || scalar == "\t", "a control on the terminal")
    precondition(!(0x7F...0x9F).contains(value), "C1 on the terminal")
    precondition(
      !(0x202A...0x202E).contains(value) && !(0x2066...0x2069).contains(value)
        && value != 0x200E && value != 0x200F && value != 0x061C, "bidi on the terminal")
  }
}
