import Testing

@testable import Workbench

@Suite struct BranchesTests {
  /// What a decoder would have read in each place, in step with texts of few characters, of which some end early.
  @Test(arguments: [1, 2, 3, 8, 30])
  func textsShareAPlaceJustWhenTheyAreAlike(texts: Int) {
    var numbers = TestNumbers(seed: UInt64(texts))
    for root in [texts, texts + 4] {
      var branches = Branches(texts: texts, root: root)
      var read: [[Int32]] = Array(repeating: [], count: root + 1)
      var written: [[Int32]] = Array(repeating: [], count: texts)
      var growing = Array(0..<texts)
      for step in 0..<12 {
        growing.removeAll { _ in step > 2 && numbers.below(8) == 0 }
        branches.begin()
        for text in growing {
          let token = Int32(numbers.below(step < 3 ? 2 : 3))
          written[text].append(token)
          if let place = branches.read(token, by: text) { read[text] = read[place] }
        }
        for (token, place) in zip(branches.tokens, branches.places) { read[place].append(token) }
        for text in growing { #expect(read[branches.place(of: text)] == written[text]) }
        #expect(Set(branches.places).count == branches.places.count)
        #expect(branches.tokens.count == Set(growing.map { written[$0] }).count)
        #expect(read[root].isEmpty)
      }
    }
  }

  /// Some of the texts go on in another decoder, where those that are alike still share a place.
  @Test(arguments: [2, 3, 8, 30])
  func aPartGoesOnElsewhere(texts: Int) {
    var numbers = TestNumbers(seed: UInt64(texts))
    for steps in 0..<6 {
      var branches = Branches(texts: texts, root: texts)
      var read: [[Int32]] = Array(repeating: [], count: texts + 1)
      func step(
        _ branches: inout Branches, _ growing: [Int], _ read: inout [[Int32]],
        _ written: inout [Int: [Int32]], number: (Int) -> Int
      ) {
        branches.begin()
        for text in growing {
          let token = Int32(numbers.below(2))
          written[text, default: []].append(token)
          if let place = branches.read(token, by: number(text)) {
            read[number(text)] = read[place]
          }
        }
        for (token, place) in zip(branches.tokens, branches.places) { read[place].append(token) }
        for text in growing {
          #expect(read[branches.place(of: number(text))] == written[text])
        }
        #expect(branches.tokens.count == Set(growing.map { written[$0] }).count)
      }
      var written: [Int: [Int32]] = [:]
      let growing = (0..<texts).filter { _ in texts < 4 || numbers.below(5) > 0 }
      for _ in 0..<steps { step(&branches, growing, &read, &written) { $0 } }

      let given = Array(growing.suffix(growing.count / 2))
      let part = branches.part(given)
      var (others, otherRead) = (part.branches, read.map { _ in [Int32]() })
      for copy in part.copies { otherRead[copy.to] = read[copy.from] }
      let places = Set(given.map { branches.place(of: $0) }).subtracting([texts])
      #expect(Set(part.copies.map(\.from)) == places && part.copies.count == places.count)
      for _ in 0..<4 {
        step(&branches, Array(growing.dropLast(given.count)), &read, &written) { $0 }
        step(&others, given, &otherRead, &written) { given.firstIndex(of: $0) ?? texts }
      }
    }
  }
}
