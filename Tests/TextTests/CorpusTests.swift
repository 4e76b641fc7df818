import Foundation
import Testing
import Text

@Suite struct CorpusTests {
  @Test(arguments: [("fables.txt", 1_370_839, 60), ("yuyan.txt", 142_389, 1_814)])
  func shippedCorpora(_ name: String, _ characters: Int, _ distinct: Int) throws {
    let corpus = try Corpus.read([shippedCorpus(name)])
    #expect(corpus.tokens.count == characters)
    #expect(corpus.vocabulary.count == distinct)
    #expect(corpus.counts.reduce(0, +) == characters)
    #expect(corpus.warnings.isEmpty)
    let text = try String(contentsOfFile: shippedCorpus(name), encoding: .utf8)
    #expect(corpus.bytes == text.utf8.count)
    #expect(corpus.vocabulary.decode(corpus.tokens) == text)
  }

  @Test func severalFilesAndAFolder() throws {
    let folder = try TemporaryFolder()
    let one = try folder.write("one.dat", "cab\r\n")
    try folder.write("texts/b.txt", "e\u{301}")
    try folder.write("texts/a.md", "aa")
    try folder.write("texts/deep/er/c.TEXT", "z")
    try folder.write("texts/.hidden.txt", "hidden")
    try folder.write("texts/.git/x.txt", "hidden")
    try folder.write("texts/image.png", "png")
    try #require(mkfifo(folder.path + "/texts/pipe.txt", 0o600) == 0)
    let texts = folder.path + "/texts"
    // Links: a file is followed, a folder (which may go round) is not.
    try FileManager.default.createSymbolicLink(
      atPath: texts + "/d.txt", withDestinationPath: one)
    try FileManager.default.createSymbolicLink(
      atPath: texts + "/loop", withDestinationPath: texts)

    let corpus = try Corpus.read([one, texts])
    #expect(
      corpus.documents.map(\.name)
        == [one] + ["a.md", "b.txt", "d.txt", "deep/er/c.TEXT"].map { texts + "/" + $0 })
    #expect(corpus.documents.map(\.range) == [0..<4, 4..<6, 6..<7, 7..<11, 11..<12])
    #expect(corpus.vocabulary.characters == ["\n", "a", "b", "c", "z", "é"])
    #expect(corpus.vocabulary.decode(corpus.tokens) == "cab\naaécab\nz")
    #expect(corpus.counts == [2, 4, 2, 2, 1, 1])
    #expect(corpus.bytes == 5 + 2 + 3 + 5 + 1)
    #expect(corpus.rarest.map(\.character) == ["z", "é", "\n", "b", "c", "a"])
    #expect(corpus.rarest.map(\.count) == [1, 1, 2, 2, 2, 4])
    #expect(corpus.warnings == ["read more than once: \(texts)/d.txt"])
  }

  @Test func clustersDoNotReachAcrossFiles() throws {
    let folder = try TemporaryFolder()
    let files = [try folder.write("1", "e"), try folder.write("2", "\u{301}x")]
    let corpus = try Corpus.read(files)
    #expect(corpus.vocabulary.characters == ["e", "x", "\u{301}"])
    #expect(corpus.tokens == [0, 2, 1])
  }

  @Test func problemsWithFilesAreNamed() throws {
    let folder = try TemporaryFolder()
    let empty = try folder.write("empty.txt", "")
    #expect(throws: TextError.emptyCorpus([empty])) { try Corpus.read([empty]) }
    #expect(throws: TextError.emptyCorpus([])) { try Corpus.read([]) }
    let mark = try folder.write("bom.txt", "\u{FEFF}")
    #expect(throws: TextError.emptyCorpus([mark, empty])) { try Corpus.read([mark, empty]) }
    let missing = folder.path + "/missing.txt"
    #expect(
      throws: TextError.unreadable(path: missing, reason: "No such file or directory")
    ) { try Corpus.read([missing]) }
    #expect(throws: TextError.isDirectory(path: folder.path)) {
      try TextFile.read(folder.path)
    }
    #expect(throws: TextError.isDirectory(path: folder.path)) {
      try TextFile.text(at: folder.path)
    }
    try folder.write("none/picture.png", "png")
    let none = folder.path + "/none"
    #expect(throws: TextError.noTextFiles(folder: none)) { try Corpus.read([none]) }
    // A model in the folder is none of its texts.
    try folder.write("mixed/notes.txt", "notes")
    try folder.write("mixed/weights/notes/README.md", "card")
    try folder.write("mixed/weights/notes/model.safetensors", "weights")
    #expect(try TextFile.expand([folder.path + "/mixed"]) == [folder.path + "/mixed/notes.txt"])
    let latin = try folder.write("latin.txt", bytes: [0x61, 0x0A, 0xE9, 0x62])
    #expect(throws: TextError.invalidUTF8(source: latin, offset: 2, line: 2, byte: 0xE9)) {
      try Corpus.read([latin])
    }
    let error = #expect(throws: TextError.self) { try Corpus.read([missing + "\0.txt"]) }
    #expect(try #require(error).description.contains("NUL"))
    try folder.write("dangling/a.txt", "abc")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/dangling/b.txt", withDestinationPath: missing)
    #expect(
      throws: TextError.unreadable(
        path: folder.path + "/dangling/b.txt", reason: "No such file or directory")
    ) { try Corpus.read([folder.path + "/dangling"]) }
    let loop = folder.path + "/loop.txt"
    try FileManager.default.createSymbolicLink(atPath: loop, withDestinationPath: loop)
    #expect(throws: TextError.self) { try Corpus.read([loop]) }
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func unreadableFilesAreNamed() throws {
    let folder = try TemporaryFolder()
    let secret = try folder.write("secret.txt", "abc")
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: secret)
    #expect(throws: TextError.unreadable(path: secret, reason: "Permission denied")) {
      try Corpus.read([secret])
    }
  }

  @Test func pipesAreReadToTheirEnd() throws {
    let pipe = Pipe()
    let text = String(repeating: "0123456789", count: 30_000)
    let writer = Thread {
      pipe.fileHandleForWriting.write(Data(text.utf8))
      try? pipe.fileHandleForWriting.close()
    }
    writer.start()
    let bytes = try TextFile.read("/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)")
    #expect(bytes == Array(text.utf8))
  }

  @Test func tooLittleToLearnFrom() throws {
    #expect(throws: TextError.emptyCorpus(["x"])) { try Corpus(text: "", name: "x") }
    #expect(throws: TextError.tooFewCharacters(count: 1, source: "x")) {
      try Corpus(text: "👨‍👩‍👧", name: "x")
    }
    #expect(throws: TextError.singleCharacter(character: "a", count: 3)) {
      try Corpus(text: "aaa", name: "x")
    }
    #expect(try Corpus(text: "ab", name: "x").tokens == [0, 1])
    let descriptions = [
      TextError.emptyCorpus(["x"]), .tooFewCharacters(count: 1, source: "x"),
      .singleCharacter(character: "\n", count: 3), .noTextFiles(folder: "x"),
      .isDirectory(path: "x"), .tooLarge(path: "x", limit: 3),
      .unreadable(path: "x\u{9B}", reason: "Input/output error"),
    ].map(\.description)
    #expect(
      descriptions.allSatisfy { text in
        !text.unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }
      })
    #expect(descriptions[2].contains("the line feed (U+000A) repeated 3 times"))
  }

  // MARK: With a vocabulary from elsewhere

  @Test func aCorpusInAnotherVocabulary() throws {
    let folder = try TemporaryFolder()
    let vocabulary = try Vocabulary(characters: ["z", "b", "a", "\n"])
    let known = try folder.write("known.txt", "ab\nba")
    let (corpus, added) = try Corpus.read([known], vocabulary: vocabulary, extending: false)
    #expect(corpus.tokens == [2, 1, 3, 1, 2])
    #expect(added.isEmpty)
    #expect(corpus.vocabulary == vocabulary)
    #expect(corpus.counts == [0, 2, 2, 1])
    #expect(corpus.rarest.map(\.character) == ["\n", "b", "a"])

    let new = try folder.write("new.txt", "ab\nb漢ca漢")
    let (extended, additions) = try Corpus.read(
      [known, new], vocabulary: vocabulary, extending: true)
    #expect(additions == ["c", "漢"])
    #expect(extended.vocabulary.characters == ["z", "b", "a", "\n", "c", "漢"])
    #expect(extended.tokens == [2, 1, 3, 1, 2, 2, 1, 3, 1, 5, 4, 2, 5])
    #expect(extended.vocabulary.token(of: "漢") == 5)
    #expect(extended.vocabulary.token(of: "c") == 4)
    #expect(extended.counts == [0, 4, 4, 2, 1, 2])

    #expect(
      throws: TextError.vocabularyMismatch(
        missing: ["漢", "c"], count: 2, position: TextPosition(line: 2, column: 2), source: new)
    ) { try Corpus.read([known, new], vocabulary: vocabulary, extending: false) }

    let many = try folder.write("many.txt", "abcdefghijklmnopqrstuvwxyz")
    let error = #expect(throws: TextError.self) {
      try Corpus.read([many], vocabulary: vocabulary, extending: false)
    }
    let description = try #require(error).description
    #expect(description.contains("many.txt:1:3: 23 characters are not in the model's vocabulary"))
    #expect(description.contains("\"c\" (U+0063)"))
    #expect(description.contains("and 13 more"))

    let same = try folder.write("same.txt", "aa")
    #expect(
      try Corpus.read([same], vocabulary: vocabulary, extending: false).corpus.tokens == [2, 2])
  }

  // MARK: Warnings

  @Test func wrongEncodingsAreWarnedAbout() throws {
    var generator = SeededGenerator(seed: 7)
    var noise = String.UnicodeScalarView()
    while noise.count < 20_000 {
      let value = UInt32.random(in: 0x20..<0x30000, using: &generator)
      if let scalar = Unicode.Scalar(value) { noise.append(scalar) }
    }
    let warnings = try Corpus(text: String(noise), name: "noise").warnings
    #expect(warnings.contains { $0.contains("distinct characters") })

    let wide = try Corpus(text: "h\0e\0l\0l\0o\0", name: "UTF-16").warnings
    #expect(wide.contains { $0.hasPrefix("5 × a control character") })
    let lost = try Corpus(text: "caf\u{FFFD}", name: "lost").warnings
    #expect(lost.contains { $0.hasPrefix("1 × the replacement character") })

    // Latin-1 taken for UTF-8 taken for Latin-1: C1 controls.
    let mojibake = try Corpus(text: "it\u{E2}\u{80}\u{99}s", name: "mojibake").warnings
    #expect(mojibake.contains { $0.hasPrefix("2 × a control character") })
  }

  @Test func smallHonestTextsAreNot() throws {
    #expect(
      try Corpus(text: "To be, or not to be:\n\tthat is the question.", name: "x").warnings.isEmpty)
    let text = try TextFile.text(at: shippedCorpus("yuyan.txt"))
    for count in [500, 2_000, 10_000, 50_000] {
      #expect(try Corpus(text: String(text.prefix(count)), name: "x").warnings.isEmpty, "\(count)")
    }
  }

  // MARK: Split

  @Test(arguments: [20, 21, 99, 100, 101, 1_115_394, 1_370_839])
  func oneDocumentIsCutWhereNanoGPTCutsIt(_ count: Int) throws {
    let corpus = try Corpus(
      text: "b" + String(repeating: "a", count: count - 1), name: "x")
    let split = Split(corpus, validation: 0.1)
    #expect(split.training.count == Int(Double(count) * 0.9))
    #expect(split.training + split.validation == corpus.tokens)
    #expect(!split.isTooShortToValidate)
  }

  @Test func everyDocumentIsCut() throws {
    let folder = try TemporaryFolder()
    let files = [
      try folder.write("1", "abcdefghij"), try folder.write("2", ""),
      try folder.write("3", "klmnopqrstuvwxyzABCD"),
    ]
    let corpus = try Corpus.read(files)
    let split = Split(corpus, validation: 0.25)
    #expect(corpus.vocabulary.decode(split.training) == "abcdefgklmnopqrstuvwxy")
    #expect(corpus.vocabulary.decode(split.validation) == "hijzABCD")
    #expect(corpus.warnings == ["nothing in \(files[1])"])
    let whole = Split(corpus, validation: 0)
    #expect(whole.training == corpus.tokens)
    #expect(whole.validation.isEmpty)
    #expect(!whole.isTooShortToValidate)
  }

  @Test(arguments: [(2, 0.1), (3, 0.5), (10, 0.1), (10, 0.9), (5, 0.999)])
  func tooShortToHoldAnythingBack(_ count: Int, _ fraction: Double) throws {
    let corpus = try Corpus(text: String("abcdefghij".prefix(count)), name: "x")
    let split = Split(corpus, validation: fraction)
    #expect(split.training == corpus.tokens)
    #expect(split.validation.isEmpty)
    #expect(split.isTooShortToValidate)
  }
}
