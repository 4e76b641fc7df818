import Text

/// What a terminal shows: enough of one to tell where a line editor's characters end up.
struct Screen {
  /// Cells; a wide character takes one and leaves the one after it empty.
  private(set) var rows: [[String]] = [[]]
  private(set) var row = 0
  private(set) var column = 0
  private let columns: Int
  /// What has come of a control sequence.
  private var sequence: String?

  init(columns: Int) { self.columns = columns }

  /// The text of the last row that is not blank, and of those that it continues.
  var lastLine: String {
    let texts = rows.map { row in
      var text = row.joined()
      while text.last == " " { text.removeLast() }
      return text
    }
    let last = texts.lastIndex { !$0.isEmpty } ?? 0
    let first = texts[...last].lastIndex { $0.hasPrefix("> ") || $0 == ">" } ?? last
    return texts[first...last].joined()
  }

  mutating func show(_ text: String) {
    for scalar in text.unicodeScalars { show(scalar) }
  }

  private mutating func show(_ scalar: Unicode.Scalar) {
    if let started = sequence {
      sequence = started + String(scalar)
      if started.isEmpty ? scalar != "[" : ("@"..."~").contains(scalar) { obey() }
      return
    }
    switch scalar {
    case "\u{1B}": sequence = ""
    case "\r": column = 0
    case "\n": move(to: row + 1)
    case "\u{8}": column = max(column - 1, 0)
    case "\u{7}": break
    default: put(String(scalar), width: Display.width(of: String(scalar)))
    }
  }

  private mutating func put(_ text: String, width: Int) {
    if column + width > columns {
      column = 0
      move(to: row + 1)
    }
    set(text)
    for offset in 1..<max(width, 1) { set("", at: offset) }
    column += width
  }

  private mutating func set(_ text: String, at offset: Int = 0) {
    while rows[row].count <= column + offset { rows[row].append(" ") }
    rows[row][column + offset] = text
  }

  private mutating func move(to newRow: Int) {
    row = max(newRow, 0)
    while rows.count <= row { rows.append([]) }
  }

  private mutating func obey() {
    let command = sequence?.last
    let count = Int(sequence?.dropFirst().dropLast() ?? "") ?? 0
    sequence = nil
    let cells = rows[row].count
    switch command {
    case "A": move(to: row - max(count, 1))
    case "B": move(to: row + max(count, 1))
    case "C": column = min(column + max(count, 1), columns - 1)
    case "D": column = max(column - max(count, 1), 0)
    case "G": column = max(count, 1) - 1
    case "K", "J":
      rows[row].removeLast(max(cells - column, 0))
      if command == "J" { rows.removeLast(rows.count - row - 1) }
    case "P":
      let end = min(column + max(count, 1), cells)
      if column < end { rows[row].removeSubrange(column..<end) }
    case "@":
      if column < cells {
        rows[row].insert(contentsOf: Array(repeating: " ", count: max(count, 1)), at: column)
      }
    default: break
    }
  }
}
