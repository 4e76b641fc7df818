import Safetensors
import Testing

/// A file with a checksum that is damaged anywhere is never taken for a sound one.
@Suite struct DamageTests {
  /// Whether the damage is noticed by opening the file or by its checksum.
  private func isRefused(_ bytes: [UInt8]) -> Bool {
    do {
      try SafetensorsFile(bytes: bytes, name: "f").verifyChecksum()
      return false
    } catch {
      return error is SafetensorsError
    }
  }

  @Test func theSoundFileIsAccepted() throws {
    #expect(try !isRefused(smallFile()))
  }

  @Test func truncationAtEveryByte() throws {
    let bytes = try smallFile()
    for count in bytes.indices {
      #expect(isRefused(Array(bytes[..<count])), "the first \(count) bytes")
    }
    #expect(isRefused(bytes + [0]))
  }

  @Test func everyFlippedBit() throws {
    var bytes = try smallFile()
    for index in bytes.indices {
      for bit in 0..<8 {
        bytes[index] ^= 1 << bit
        #expect(isRefused(bytes), "bit \(bit) of byte \(index)")
        bytes[index] ^= 1 << bit
      }
    }
  }

  /// Reads everything there is; only typed errors may come of it.
  private func exercise(_ bytes: [UInt8]) throws {
    do {
      let file = try SafetensorsFile(bytes: bytes, name: "f")
      for tensor in file.tensors {
        #expect(try file.bytes(tensor.name).count == tensor.range.count)
        do { _ = try file.floats(tensor.name) } catch is SafetensorsError {}
        do { _ = try file.doubles(tensor.name) } catch is SafetensorsError {}
        do { _ = try file.integers(tensor.name) } catch is SafetensorsError {}
        do { _ = try file.unsignedIntegers(tensor.name) } catch is SafetensorsError {}
      }
      try file.verifyChecksum()
    } catch let error as SafetensorsError {
      let isPrintable = error.description.unicodeScalars.allSatisfy {
        $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value)
      }
      #expect(isPrintable)
    }
  }

  @Test func randomMutations() throws {
    let seed: UInt64 = 20
    var generator = SeededGenerator(seed: seed)
    let sound = try smallFile()
    let headerEnd = 8 + Int(sound[0]) + Int(sound[1]) << 8
    let pieces = [
      "\"", "{", "}", "[", "]", ",", ":", "0", "1", "9", "-", ".", "e", "\\u0000", "\\", "\0",
      "18446744073709551615", "9223372036854775807", "[[[[", "{\"", "\u{202E}", "null", "F4",
      "\"shape\":", "\"dtype\":", "\"data_offsets\":", "\"__metadata__\":{", " ", "\u{FEFF}",
    ].map { Array($0.utf8) }
    for round in 0..<20_000 {
      var bytes = sound
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let end = min(Bool.random(using: &generator) ? headerEnd : bytes.count, bytes.count)
        guard end > 0 else { break }
        let place = Int.random(in: 0..<end, using: &generator)
        switch Int.random(in: 0...5, using: &generator) {
        case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
        case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 2: bytes.removeSubrange(place..<min(place + 9, bytes.count))
        case 3: bytes.removeSubrange(place...)
        case 4:
          let other = Int.random(in: 0..<end, using: &generator)
          bytes.insert(contentsOf: bytes[min(place, other)..<max(place, other)], at: place)
        default:
          if let piece = pieces.randomElement(using: &generator) {
            bytes.insert(contentsOf: piece, at: place)
          }
        }
      }
      // Half of the time the length fits again, so that the header's parser sees the damage.
      if Bool.random(using: &generator), bytes.count > 8 {
        let length = max(0, bytes.count - 8 - (sound.count - headerEnd))
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: length >> (8 * index)) }
      }
      try exercise(bytes)
      // Damage in several places can remove both keys of the checksum; one place never can.
      let hasKey = ["\"temper.sha256\"", "\"temper.checksum\""].contains {
        bytes.contains($0.utf8)
      }
      if bytes != sound && hasKey {
        let refused = isRefused(bytes)
        #expect(refused, "seed \(seed), round \(round)")
      }
    }
  }

  @Test func randomMutationsOfJSON() throws {
    let seed: UInt64 = 7
    var generator = SeededGenerator(seed: seed)
    let sound = Array(
      #"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00中",null,true],"b":{"c":{},"d":[[]]},"e":""}"#.utf8)
    for round in 0..<20_000 {
      var bytes = sound
      for _ in 0..<Int.random(in: 1...5, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] =
          Bool.random(using: &generator)
          ? UInt8.random(in: 0...255, using: &generator)
          : sound[Int.random(in: sound.indices, using: &generator)]
      }
      do {
        let value = try JSON.parse(bytes)
        #expect(try JSON.parse(JSON.serialize(value)) == value, "seed \(seed), round \(round)")
      } catch {
        #expect((0...bytes.count).contains(error.offset))
      }
    }
  }
}
