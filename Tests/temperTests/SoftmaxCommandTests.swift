import Safetensors
import Testing
import Workbench

/// `temper softmax` as a built program: negative numbers, JSON, refusals; and models whose
/// attention has something else.
@Suite("temper softmax and train --attention")
struct SoftmaxCommandTests {
  let fixture: ModelFixture

  init() throws { fixture = try ModelFixture() }

  @Test("Negative numbers and bare fractions are logits, not options")
  func negativeNumbers() throws {
    let result = try fixture.run(["softmax", "-2", "0", ".5", "--json", "--target", "2"])
    #expect(result.code == 0 && result.errors.isEmpty)
    let json = try JSON.parse(result.output)
    #expect(json["logits"] == [-2.0, 0.0, 0.5])
    #expect(json["sparsemax"] == [0.0, 0.25, 0.75])
    #expect(json["cross_entropy"]?["target"] == 2)
    #expect(json["temperatures"]?.arrayValue?.count == 4)
    #expect(json["jacobian"]?.arrayValue?.count == 3)
  }

  @Test("Temperatures are as given, and 0 is the hard maximum")
  func temperatures() throws {
    let result = try fixture.run(["softmax", "1", "2", "3", "--temperatures", "0,2", "--json"])
    let rows = try #require(try JSON.parse(result.output)["temperatures"]?.arrayValue)
    #expect(rows.count == 2)
    #expect(rows[0]["probabilities"] == [0.0, 0.0, 1.0] && rows[0]["entropy"] == 0.0)
    #expect(rows[0]["log_probabilities"]?[0] == .null)
    let first = try #require(rows[1]["probabilities"]?[0]?.doubleValue)
    #expect(abs(first - 0.18632372) <= 1e-8)
  }

  @Test("Every topic is a screen of text")
  func topics() throws {
    let overview = try fixture.run(["softmax", "1", "2", "3"])
    #expect(overview.output.contains("jacobian") && overview.output.contains("0.665241"))
    let all = try fixture.run(["softmax", "1", "2", "-inf", "--topic", "all"])
    #expect(all.code == 0 && all.output.split(separator: "\n").count > 150)
  }

  @Test("The overview names every topic, and each is a screen of its own")
  func everyTopic() throws {
    let overview = try fixture.run(["softmax", "1", "2", "3"]).output
    for topic in LaboratoryTopic.allCases where topic != .overview {
      #expect(overview.contains(topic.rawValue))
      let page = try fixture.run(["softmax", "1", "2", "3", "--topic", topic.rawValue])
      #expect(page.code == 0 && page.output.hasPrefix(topic.rawValue), "\(page.errors)")
      #expect(page.output.split(separator: "\n").count <= 40)
    }
  }

  @Test("A model with sparse attention tells what it is, generates, and stays what it is")
  func sparseAttention() throws {
    let words = Array(repeating: "the miller shut the door. ", count: 60).joined()
    let text = try fixture.folder.write(words, to: "text.txt")
    let model = fixture.folder.file("sparse")
    let shape = ["--layers", "1", "--width", "16", "--head-width", "8", "--context", "16"]
    let trained = try fixture.run(
      ["train", text, "--out", model, "--attention", "sparsemax", "--steps", "6"] + shape)
    #expect(trained.code == 0, "\(trained.errors)")
    #expect(try fixture.run(["inspect", model]).output.contains("sparsemax"))
    #expect(try fixture.run(["generate", "--model", model, "--length", "40"]).code == 0)

    let resume = ["train", text, "--out", model, "--resume", "--steps", "8"]
    let other = try fixture.run(resume + ["--attention", "softmax"])
    #expect(other.code == 64 && other.errors.contains("--attention"), "\(other.errors)")
    #expect(try fixture.run(resume).code == 0)
    let after = try JSON.parse(try fixture.run(["inspect", model, "--json"]).output)
    #expect(after["configuration"]?["attention"] == "sparsemax")
  }

  @Test(
    "What has no softmax is wrong usage",
    arguments: [
      ["1", "nan"], ["1", "inf"], ["-inf", "-inf"], ["1", "x"], ["1", "2", "--target", "2"],
      ["1", "--topic", "jacobain"], ["1", "--temperatures", "-1"], ["1", "--temperatur", "1"], [],
    ])
  func refusals(_ arguments: [String]) throws {
    let result = try fixture.run(["softmax"] + arguments)
    #expect(result.code == 64 && result.output.isEmpty && !result.errors.isEmpty)
  }
}
