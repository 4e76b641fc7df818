/// What a line that begins with a slash can ask for.
enum SessionCommand: String, CaseIterable {
  case help, show, set, temperature, seed, again, more, compare, next, why, score, attention
  case softmax, color
  case train, load, save, models, quit

  /// The command of a name or an alias, without the slash.
  init(named word: String) throws(SessionFailure) {
    let name = word.lowercased()
    if let command = SessionCommand(rawValue: Self.aliases[name] ?? name) {
      self = command
    } else {
      // A setting for a command is a slip too.
      let candidates = Self.allCases.map(\.rawValue)
      let setting = Setting(rawValue: name).map { "set \($0.rawValue)" }
      let meant = setting ?? Suggestion.nearest(to: name, among: candidates)
      throw SessionFailure(
        "there is no command /\(word)\(meant == nil ? "; /help lists them all" : "")",
        suggestion: meant.map { "/" + $0 })
    }
  }

  private static let aliases = [
    "t": "temperature", "?": "help", "h": "help", "q": "quit", "exit": "quit", "colour": "color",
  ]

  /// What stands after it.
  var arguments: String {
    switch self {
    case .help: "[TOPIC]"
    case .show, .again, .models, .quit: ""
    case .more: "[N]"
    case .set: "NAME VALUE ..."
    case .temperature: "X"
    case .seed: "N|random"
    case .compare: "X X ... [xN]"
    case .next, .attention: "[TEXT]"
    case .why: "N"
    case .score: "TEXT"
    case .softmax: "[TOPIC] [Z ...]"
    case .color: "on|off"
    case .train: "FILE ..."
    case .load, .save: "DIR"
    }
  }

  /// What it does, in a line.
  var summary: String {
    switch self {
    case .help: "this list, or more about a command or a setting"
    case .show: "every setting and its value"
    case .set: "changes settings, several at once"
    case .temperature: "sets the temperature; /t for short"
    case .seed: "fixes the seed"
    case .again: "the last prompt once more, with the same seed"
    case .more: "goes on with the last text"
    case .compare: "the last prompt at several temperatures, side by side"
    case .next: "what the model expects as the next character"
    case .why: "how the N-th character of the last text was drawn"
    case .attention: "which characters the model looks back at, as heat maps"
    case .score: "how well the model predicts a text"
    case .softmax: "the softmax laboratory, on logits or on numbers"
    case .color: "colours generated text by probability"
    case .train: "goes on training the model with your text"
    case .load: "changes to another model"
    case .save: "writes the model to a folder"
    case .models: "the models that are here"
    case .quit: "leaves, as Ctrl-D does"
    }
  }

  /// What there is to know beyond the summary; lines.
  var details: [String] {
    switch self {
    case .help, .show, .quit: []
    case .set:
      [
        "/set temperature 0.8 top-k 20   sets both, or none if one is wrong",
        "/set stop \"\\n\\n\"                ends a text before an empty line",
        "/help lists the settings, /help NAME tells about one.",
      ]
    case .temperature:
      [
        "Probabilities are softmax(logits / temperature): at 1 as the model was",
        "trained, below 1 bolder and more repetitive, above 1 more surprising.",
        "0 always takes the likeliest. /again then shows what the change does to",
        "the same text.",
      ]
    case .seed:
      [
        "Every text tells its seed. With the same seed, prompt and settings it",
        "comes again. /seed random goes back to a fresh seed for every text.",
      ]
    case .again:
      ["Change a setting in between, and only what the setting does is different."]
    case .more:
      [
        "/more 1000 asks for that many characters. With the same settings the text",
        "is the one that a greater length would have given.",
      ]
    case .compare:
      [
        "/compare 0.2 0.8 1.5 draws a text at each with the same random numbers:",
        "where the texts part, temperature alone is the reason. Under each, in",
        "nats: its mean entropy (how undecided the model was), its loss (how",
        "surprising its characters were), and its loss to the model at T = 1.",
        "Each character is a line z + T g, its logit and the random number for it;",
        "where texts part, the two lines and where they cross are shown.",
        "/compare 0.2 0.8 1.5 x8 draws eight texts at each and measures them.",
      ]
    case .next:
      [
        "/next shows what may follow the last text, /next Once upon a t what may",
        "follow that, at several temperatures. Filters such as top-k are left out.",
        "Below: the entropy H in nats, exp(H), how fast H rises with T, and which",
        "characters gain and lose most as T rises.",
      ]
    case .why:
      [
        "/why 12 draws the 12th character once more: its logit z, its probability,",
        "its noise g, who came second in z + T g, at which temperatures another",
        "character would have been drawn with the same noise, and what each layer",
        "looked at.",
      ]
    case .attention:
      [
        "/attention shows the last text's, /attention Once upon a time that text's.",
        "A row is a character that looks, a column one that it looks at.",
      ]
    case .score:
      [
        "/score Once upon a time tells the loss in nats a character, and where the",
        "model was surprised. Lower is better; exp(loss) is among how many equally",
        "likely characters the model is as undecided.",
      ]
    case .softmax:
      [
        "/softmax takes the likeliest next characters after the last text, and",
        "/softmax 1 2 3 the numbers given. A topic comes first: /softmax jacobian",
        "or /softmax sparsemax -2 0 .5; /softmax names the topics.",
      ]
    case .color:
      ["Green is what the model held likely, red what it held unlikely."]
    case .train:
      [
        "/train notes.txt             goes on training with your text, for a minute",
        "/train notes.txt minutes 2   for two minutes; or steps 500",
        "Ctrl-C stops after the current step and keeps what there is. /save DIR",
        "keeps it for good.",
      ]
    case .load:
      [
        "/load fables takes a model of /models, /load DIR any model folder.",
        "/load NAME --force gives up one that was trained here and not saved.",
      ]
    case .save:
      [
        "`temper --model DIR` and Hugging Face transformers load the folder.",
        "/save DIR --force replaces a model that is there.",
      ]
    case .models:
      ["/load NAME changes to one of them."]
    }
  }
}
