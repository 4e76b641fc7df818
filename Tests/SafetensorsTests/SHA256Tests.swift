import Safetensors
import Testing

@Suite struct SHA256Tests {
  /// The examples of FIPS 180-4 and NIST's example values.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
        + "lmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func publishedVectors(message: String, digest: String) {
    #expect(SHA256.hexadecimal(of: Array(message.utf8)) == digest)
  }

  @Test func aMillionTimesA() {
    let digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    #expect(SHA256.hexadecimal(of: [UInt8](repeating: 0x61, count: 1_000_000)) == digest)
  }

  @Test func piecesGiveTheSameDigestAsTheWhole() {
    var generator = SeededGenerator(seed: 1)
    for length in 0..<300 {
      let message = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      var hash = SHA256()
      var rest = message[...]
      while !rest.isEmpty {
        let piece = rest.prefix(Int.random(in: 1...100, using: &generator))
        hash.update(Array(piece))
        rest = rest.dropFirst(piece.count)
      }
      #expect(hash.finish() == SHA256.hexadecimal(of: message), "length \(length)")
    }
  }

  /// The processor's instructions, where it has them, against the formulas of the standard.
  @Test func instructionsAndFormulasAgree() {
    var generator = SeededGenerator(seed: 2)
    for length in Array(0..<200) + [65_535, 65_536, 1_000_003] {
      let message = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      var hash = SHA256(instructions: false)
      hash.update(message)
      #expect(hash.finish() == SHA256.hexadecimal(of: message), "length \(length)")
    }
  }
}
