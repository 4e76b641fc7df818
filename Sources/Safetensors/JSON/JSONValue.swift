/// A JSON value (RFC 8259).
///
/// Numbers written without a fraction or exponent stay exact: `integer` holds what fits `Int64`,
/// `unsigned` only what lies above `Int64.max` and fits `UInt64`. Everything else is a finite
/// `Double`.
///
/// Equality is by exact code points, not by Unicode canonical equivalence as for `String`, and
/// ignores the order of an object's members; `integer` and `unsigned` compare by value.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

extension JSONValue: Equatable {
  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.unsigned(let a), .unsigned(let b)): a == b
    case (.integer(let a), .unsigned(let b)), (.unsigned(let b), .integer(let a)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): ExactString(a) == ExactString(b)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }
}

extension JSONValue {
  public init(_ value: Bool) { self = .bool(value) }
  public init(_ value: String) { self = .string(value) }
  public init(_ value: Int) { self = .integer(Int64(value)) }
  public init(_ value: Double) { self = .number(value) }

  /// A number that is written with `Float`'s own shortest decimal form: 0.1, not
  /// 0.10000000149011612.
  public init(_ value: Float) { self = .number(Double(value.description) ?? Double(value)) }

  /// An exact unsigned integer: `integer` where it fits, else `unsigned`.
  public init(_ value: UInt64) {
    self = Int64(exactly: value).map { .integer($0) } ?? .unsigned(value)
  }

  /// The number, or `null` where there is none: absent or not finite, which JSON cannot write.
  public static func numberOrNull(_ value: Double?) -> JSONValue {
    if let value, value.isFinite { .number(value) } else { .null }
  }

  public var isNull: Bool { if case .null = self { true } else { false } }
  public var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var stringValue: String? { if case .string(let value) = self { value } else { nil } }
  public var arrayValue: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  public var objectValue: JSONObject? { if case .object(let value) = self { value } else { nil } }

  /// The integer, when the value was written as one and fits; 1.0 and 1e3 are not integers.
  public var intValue: Int? {
    if case .integer(let value) = self { Int(exactly: value) } else { nil }
  }

  /// The integer, when the value was written as one and is not negative.
  public var uint64Value: UInt64? {
    switch self {
    case .integer(let value): UInt64(exactly: value)
    case .unsigned(let value): value
    default: nil
    }
  }

  /// The number, integers included (rounded beyond 2^53).
  public var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The member of an object; nil when there is none or the value is no object.
  public subscript(key: String) -> JSONValue? { objectValue?[key] }

  /// The element of an array; nil when out of range or the value is no array.
  public subscript(index: Int) -> JSONValue? {
    guard let array = arrayValue, array.indices.contains(index) else { return nil }
    return array[index]
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(JSONObject(elements.map { (key: $0.0, value: $0.1) }))
  }
}

/// The members of a JSON object, in the order in which they were read or added.
///
/// Keys are compared by exact code points. Lookup is linear in small objects and hashed in larger
/// ones.
public struct JSONObject: Sendable {
  public typealias Member = (key: String, value: JSONValue)

  private var members: [Member] = []
  /// Positions of the keys, kept only once there are more than `linearCount` of them.
  private var positions: [ExactString: Int] = [:]
  private static let linearCount = 8

  public init() {}

  /// The members given; a repeated key replaces the earlier value in its place.
  public init(_ members: [Member]) {
    for (key, value) in members { self[key] = value }
  }

  public var keys: [String] { members.map(\.key) }

  /// Reads a member, replaces one in its place, adds one at the end, or (nil) removes one.
  public subscript(key: String) -> JSONValue? {
    get { position(of: key).map { members[$0].value } }
    set {
      switch (position(of: key), newValue) {
      case (let position?, let value?):
        members[position].value = value
      case (let position?, nil):
        members.remove(at: position)
        positions.removeAll()
        indexIfLarge()
      case (nil, let value?):
        append(key, value)
      case (nil, nil):
        break
      }
    }
  }

  /// Adds a member; false, and nothing is changed, when the key is there already.
  mutating func insert(_ key: String, _ value: JSONValue) -> Bool {
    guard position(of: key) == nil else { return false }
    append(key, value)
    return true
  }

  func contains(_ key: String) -> Bool { position(of: key) != nil }

  private mutating func append(_ key: String, _ value: JSONValue) {
    members.append((key, value))
    if positions.isEmpty {
      indexIfLarge()
    } else {
      positions[ExactString(key)] = members.count - 1
    }
  }

  private mutating func indexIfLarge() {
    guard members.count > Self.linearCount else { return }
    for (position, member) in members.enumerated() {
      positions[ExactString(member.key)] = position
    }
  }

  private func position(of key: String) -> Int? {
    let key = ExactString(key)
    if positions.isEmpty { return members.firstIndex { ExactString($0.key) == key } }
    return positions[key]
  }
}

extension JSONObject: RandomAccessCollection, ExpressibleByDictionaryLiteral {
  public var startIndex: Int { members.startIndex }
  public var endIndex: Int { members.endIndex }
  public subscript(position: Int) -> Member { members[position] }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(elements.map { (key: $0.0, value: $0.1) })
  }
}

extension JSONObject: Equatable {
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.count == right.count && left.allSatisfy { right[$0.key] == $0.value }
  }
}
