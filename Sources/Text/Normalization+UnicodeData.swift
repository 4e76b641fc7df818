import CUtf8proc

/// What this module asks of the Unicode character database: the one place that calls utf8proc.
///
/// Scalars are passed as `UInt32` values of valid Unicode scalars (utf8proc's `int32_t` never has
/// its sign bit set for them).
enum UnicodeData {
  /// What one scalar says about cutting text before it.
  struct ScalarClass: OptionSet {
    let rawValue: UInt8
    /// Normalization may start afresh before this scalar, and leaves it alone when nothing follows.
    ///
    /// The scalar is a starter (combining class 0), is its own NFC, and cannot continue a grapheme
    /// cluster. The last condition is wider than "does not compose with what precedes": no
    /// composition crosses a cluster boundary, and no table of composing pairs is needed.
    static let startsSegment = ScalarClass(rawValue: 1)
    /// Two neighbours that both stand alone always have a cluster boundary between them.
    static let standsAlone = ScalarClass(rawValue: 2)
  }

  /// The class of every scalar of the basic multilingual plane, filled at the first that is not
  /// ASCII: 64 KB that make Chinese as quick to cut as a table lookup.
  private static let basicPlane: [UInt8] = (0..<0x10000).map { classify(UInt32($0)).rawValue }

  @inline(__always)
  static func scalarClass(_ scalar: UInt32) -> ScalarClass {
    scalar < 0x10000
      ? ScalarClass(rawValue: basicPlane[Int(scalar)]) : classify(scalar)
  }

  private static func classify(_ scalar: UInt32) -> ScalarClass {
    let property = property(scalar)
    var result: ScalarClass = []
    let bound = BoundClass(rawValue: UInt32(property.boundclass))
    if property.combining_class == 0, !bound.continuesCluster,
      property.decomp_seqindex == UInt16.max || isComposed(scalar)
    {
      result.insert(.startsSegment)
    }
    if bound == .other || bound == .control || bound == .lineFeed { result.insert(.standsAlone) }
    return result
  }

  /// Grapheme_Cluster_Break, in utf8proc's numbering.
  private struct BoundClass: Equatable {
    let rawValue: UInt32
    init(rawValue: UInt32) { self.rawValue = rawValue }
    init(_ value: utf8proc_boundclass_t) { rawValue = UInt32(value.rawValue) }
    static let other = BoundClass(UTF8PROC_BOUNDCLASS_OTHER)
    static let control = BoundClass(UTF8PROC_BOUNDCLASS_CONTROL)
    static let lineFeed = BoundClass(UTF8PROC_BOUNDCLASS_LF)
    static let pictographic = BoundClass(UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC)
    static let continuing = [
      BoundClass(UTF8PROC_BOUNDCLASS_EXTEND), BoundClass(UTF8PROC_BOUNDCLASS_ZWJ),
      BoundClass(UTF8PROC_BOUNDCLASS_SPACINGMARK), BoundClass(UTF8PROC_BOUNDCLASS_V),
      BoundClass(UTF8PROC_BOUNDCLASS_T),
    ]
    var continuesCluster: Bool { Self.continuing.contains(self) }
  }

  private static func property(_ scalar: UInt32) -> utf8proc_property_t {
    utf8proc_get_property(Int32(bitPattern: scalar)).pointee
  }

  // MARK: Clusters

  /// Whether UAX #29 puts an extended grapheme cluster boundary between two neighbours.
  ///
  /// `state` carries what the rules on emoji sequences and flags must remember; it is 0 at the
  /// start of each cluster.
  @inline(__always)
  static func isBoundary(between left: UInt32, and right: UInt32, state: inout Int32) -> Bool {
    utf8proc_grapheme_break_stateful(
      Int32(bitPattern: left), Int32(bitPattern: right), &state)
  }

  // MARK: Normalization

  /// Appends the canonical (or compatibility) decomposition of a scalar.
  static func decompose(
    _ scalar: UInt32, compatibility: Bool = false, into buffer: inout [Int32]
  ) {
    var options = UTF8PROC_STABLE.rawValue | UTF8PROC_DECOMPOSE.rawValue
    if compatibility { options |= UTF8PROC_COMPAT.rawValue }
    var boundary: Int32 = 0
    // Unicode's longest decomposition is 18 scalars (U+FDFA).
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 32) { room in
      let count = utf8proc_decompose_char(
        Int32(bitPattern: scalar), room.baseAddress, room.count,
        utf8proc_option_t(rawValue: options), &boundary)
      if count > 0, count <= room.count {
        buffer.append(contentsOf: room[..<count])
      } else {
        buffer.append(Int32(bitPattern: scalar))
      }
    }
  }

  /// Puts decomposed scalars into canonical order and composes them: NFC of what they decompose.
  ///
  /// utf8proc's own ordering exchanges neighbours, which takes hours on a line of a million marks;
  /// this one sorts each run of marks, stably, by combining class.
  static func compose(_ buffer: inout [Int32]) {
    orderMarks(&buffer)
    // utf8proc 2.8 takes U+11A7 for a final consonant after a Hangul syllable and drops it. It
    // composes with nothing, so what is before it and what follows it are composed separately.
    guard let hurdle = buffer.lastIndex(of: 0x11A7), hurdle > 0 else {
      composeOrdered(&buffer)
      return
    }
    var result: [Int32] = []
    var start = 0
    while start < buffer.count {
      let end = buffer[(start + 1)...].firstIndex(of: 0x11A7) ?? buffer.count
      var piece = Array(buffer[start..<end])
      composeOrdered(&piece)
      result += piece
      start = end
    }
    buffer = result
  }

  private static func composeOrdered(_ buffer: inout [Int32]) {
    let options = UTF8PROC_STABLE.rawValue | UTF8PROC_COMPOSE.rawValue
    let count = utf8proc_normalize_utf32(
      &buffer, buffer.count, utf8proc_option_t(rawValue: options))
    if count >= 0, count < buffer.count { buffer.removeLast(buffer.count - count) }
  }

  private static func orderMarks(_ buffer: inout [Int32]) {
    var start = 0
    while start < buffer.count {
      guard combiningClass(UInt32(bitPattern: buffer[start])) > 0 else {
        start += 1
        continue
      }
      var end = start
      var last: Int16 = 0
      var isOrdered = true
      while end < buffer.count {
        let mark = combiningClass(UInt32(bitPattern: buffer[end]))
        guard mark > 0 else { break }
        if mark < last { isOrdered = false }
        last = mark
        end += 1
      }
      if !isOrdered {
        // A counting sort over the 255 combining classes: stable, and linear in the run.
        var places = [Int](repeating: 0, count: 256)
        let run = Array(buffer[start..<end])
        for mark in run { places[Int(combiningClass(UInt32(bitPattern: mark))) & 255] += 1 }
        var next = start
        for index in places.indices {
          next += places[index]
          places[index] = next - places[index]
        }
        for mark in run {
          let index = Int(combiningClass(UInt32(bitPattern: mark))) & 255
          buffer[places[index]] = mark
          places[index] += 1
        }
      }
      start = end
    }
  }

  private static func isComposed(_ scalar: UInt32) -> Bool {
    var buffer: [Int32] = []
    decompose(scalar, into: &buffer)
    compose(&buffer)
    return buffer == [Int32(bitPattern: scalar)]
  }

  // MARK: Properties

  static func combiningClass(_ scalar: UInt32) -> Int16 { property(scalar).combining_class }

  /// The General_Category values that matter here, as groups.
  enum Category { case mark, control, format, unseen, lineBreak, visible }

  static func category(_ scalar: UInt32) -> Category {
    switch utf8proc_category(Int32(bitPattern: scalar)) {
    case UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_MC, UTF8PROC_CATEGORY_ME: .mark
    case UTF8PROC_CATEGORY_CC: .control
    case UTF8PROC_CATEGORY_CF: .format
    case UTF8PROC_CATEGORY_CN, UTF8PROC_CATEGORY_CS, UTF8PROC_CATEGORY_CO: .unseen
    case UTF8PROC_CATEGORY_ZL, UTF8PROC_CATEGORY_ZP: .lineBreak
    default: .visible
    }
  }

  /// Default_Ignorable_Code_Point: shown as nothing by a font that does not know it.
  static func isIgnorable(_ scalar: UInt32) -> Bool { property(scalar).ignorable != 0 }

  /// Extended_Pictographic: emoji and what may become emoji.
  static func isPictographic(_ scalar: UInt32) -> Bool {
    UInt32(property(scalar).boundclass) == BoundClass.pictographic.rawValue
  }

  /// A letter of the Arabic family of scripts (bidirectional class AL), whose letters join.
  static func isArabicLetter(_ scalar: UInt32) -> Bool {
    Int(property(scalar).bidi_class) == Int(UTF8PROC_BIDI_CLASS_AL.rawValue)
  }

  /// Terminal columns of a scalar by itself: 0, 1 or 2.
  static func columns(_ scalar: UInt32) -> Int {
    Int(utf8proc_charwidth(Int32(bitPattern: scalar)))
  }

  static func lowercase(_ scalar: UInt32) -> UInt32 {
    UInt32(bitPattern: utf8proc_tolower(Int32(bitPattern: scalar)))
  }

  static func uppercase(_ scalar: UInt32) -> UInt32 {
    UInt32(bitPattern: utf8proc_toupper(Int32(bitPattern: scalar)))
  }
}
