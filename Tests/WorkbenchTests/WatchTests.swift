import Testing
import Workbench

/// Which steps may reach the weights.
@Suite struct WatchTests {
  /// A watch that has seen a loss fall from 4 to 2.
  static func experienced() -> Watch {
    var watch = Watch()
    for step in 0..<100 {
      let wobble = Double(step % 7) * 0.02
      let isAccepted = watch.accepts(
        loss: 4 - Double(step) * 0.02 + wobble, gradientNorm: 1 + wobble)
      #expect(isAccepted)
    }
    return watch
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func whatIsNoNumberIsRefusedFromTheFirstStep(_ value: Double) {
    var watch = Watch()
    let results = [
      watch.accepts(loss: value, gradientNorm: 1), watch.accepts(loss: 4, gradientNorm: value),
    ]
    #expect(results == [false, false])
    #expect(watch.refused == 2)
  }

  @Test(arguments: [Double.nan, .infinity, 1e38, 30])
  func aBadStepLeavesNoTrace(_ loss: Double) {
    var (watch, untouched) = (Self.experienced(), Self.experienced())
    let isBadAccepted = watch.accepts(loss: loss, gradientNorm: 1)
    #expect(!isBadAccepted)
    for step in 0..<100 {
      let value = 2 + Double(step % 5) * 0.05
      let results = [
        watch.accepts(loss: value, gradientNorm: 1),
        untouched.accepts(loss: value, gradientNorm: 1),
      ]
      #expect(results == [true, true])
    }
    #expect(watch.refusedInARow == 0)
    #expect(watch.refused == 1)
  }

  @Test func farLongerGradientsAreRefused() {
    var watch = Self.experienced()
    let results = [
      watch.accepts(loss: 2, gradientNorm: 20), watch.accepts(loss: 2, gradientNorm: 1e6),
    ]
    #expect(results == [true, false])
  }

  @Test func goesThroughJSON() throws {
    var watch = Self.experienced()
    _ = watch.accepts(loss: .nan, gradientNorm: 1)
    watch.rolledBack()
    #expect(try #require(Watch(json: watch.json)) == watch)
    #expect(watch.rateFactor == 0.5)
    #expect(Watch(json: [:]) == nil)
  }
}
