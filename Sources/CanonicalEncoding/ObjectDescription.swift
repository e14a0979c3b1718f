/// A readable outline of an object: the names of the ASN.1 module with their values, one a line.
public struct ObjectDescription: FieldEncoder {
  /// The object's kind and version, then its fields, indented by their depth.
  public private(set) var lines: [String] = []
  private var depth = 0
  private let outline: ([UInt8]) -> [String]?

  /// - Parameter outline: the lines to show for an object inside the object, nil for its size only.
  public init(
    _ object: some CanonicalObject, outline: @escaping ([UInt8]) -> [String]? = { _ in nil }
  ) {
    self.outline = outline
    lines = ["\(type(of: object).kind) version \(type(of: object).version)"]
    depth = 1
    object.encode(into: &self)
  }

  public mutating func integer(_ name: String, _ value: UInt64) { line("\(name): \(value)") }

  public mutating func octets(_ name: String, _ value: [UInt8]) {
    let shown = value.count <= 96 ? value.hex : Array(value.prefix(32)).hex + "…"
    line("\(name): \(shown) (\(value.count) bytes)")
  }

  public mutating func text(_ name: String, _ value: String) {
    line("\(name): \(value.debugDescription)")
  }

  public mutating func value(_ name: String, _ value: some CanonicalValue) {
    line("\(name):")
    nested { value.encode(into: &$0) }
  }

  public mutating func list<Value: CanonicalValue>(_ name: String, _ values: [Value]) {
    line("\(name): \(values.count)")
    nested { fields in
      for (index, value) in values.enumerated() { fields.value("\(index + 1)", value) }
    }
  }

  public mutating func octetsList(_ name: String, _ values: [[UInt8]]) {
    line("\(name): \(values.count)")
    nested { fields in
      for (index, value) in values.enumerated() { fields.octets("\(index + 1)", value) }
    }
  }

  public mutating func object(_ name: String, encoded: [UInt8]) {
    let kind = ObjectKind(of: encoded).map { "\($0)" } ?? "unknown object"
    line("\(name): \(kind) (\(encoded.count) bytes)")
    if let inner = outline(encoded) { nested { fields in inner.forEach { fields.line($0) } } }
  }

  private mutating func line(_ text: String) {
    lines.append(String(repeating: "  ", count: depth) + text)
  }

  private mutating func nested(_ body: (inout Self) -> Void) {
    depth += 1
    body(&self)
    depth -= 1
  }
}
