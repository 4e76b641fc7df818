import Workbench

/// The example of README.md, line by line, with its output caught.
///
/// `ReadmeExampleTests` compares the lines between the marks with those in README.md.
func readmeExample() throws -> String {
  var printed = ""
  /// Takes the place of the standard library's.
  func print(_ text: String, terminator: String) { printed += text + terminator }

  // The example begins.
  let model = try ModelFolder.load("weights/fables")
  let story = try Generator(
    model, prompt: "Once ", sampling: Sampling(temperature: 0.7), seed: 1, length: 200)
  print(story.prompt, terminator: "")
  for character in story {
    print(character.text, terminator: "")
  }
  // The example ends.
  return printed
}
