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
}
