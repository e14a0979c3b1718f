public import CanonicalEncoding

/// What a patient complains of (4.3), told the hospital and nobody else: it travels inside the sealed form
/// of admission, and stands on no ledger, in no error, and in no store but that of the patient, who may have
/// to send the form again.
public struct Symptoms: CanonicalValue, Equatable {
  /// A coded complaint, as `29857009` of `http://snomed.info/sct`.
  public struct Code: CanonicalValue, Hashable {
    /// 1 to 96 bytes.
    public let system: String
    /// 1 to 64 bytes.
    public let code: String
    /// For people: at most 128 bytes.
    public let display: String

    /// Nil for texts out of their bounds.
    public init?(system: String, code: String, display: String = "") {
      (self.system, self.code, self.display) = (system, code, display)
      guard isWithinBounds, display.utf8.count <= Self.displayLimit else { return nil }
    }

    private static let systemLimit = 96
    private static let codeLimit = 64
    private static let displayLimit = 128

    private var isWithinBounds: Bool {
      (1...Self.systemLimit).contains(system.utf8.count)
        && (1...Self.codeLimit).contains(code.utf8.count)
    }

    public func encode(into fields: inout some FieldEncoder) {
      fields.text("system", system)
      fields.text("code", code)
      fields.text("display", display)
    }

    public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
      system = try fields.text("system", maximum: Self.systemLimit)
      code = try fields.text("code", maximum: Self.codeLimit)
      display = try fields.text("display", maximum: Self.displayLimit)
      guard isWithinBounds else {
        throw DecodingFailure(.invalidField, "a code or its system is empty")
      }
    }
  }

  /// How many codes a form has at most.
  public static let codeLimit = 32
  /// How many bytes of UTF-8 the patient's own words have at most.
  public static let textLimit = 2048

  /// At most ``codeLimit``.
  public let codes: [Code]
  /// In the patient's words: at most ``textLimit`` bytes.
  public let text: String

  /// None.
  public init() { (codes, text) = ([], "") }

  /// Nil for more than the limits.
  public init?(codes: [Code], text: String = "") {
    guard codes.count <= Self.codeLimit, text.utf8.count <= Self.textLimit else { return nil }
    (self.codes, self.text) = (codes, text)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.list("codes", codes)
    fields.text("text", text)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    codes = try fields.list("codes", maximum: Self.codeLimit)
    text = try fields.text("text", maximum: Self.textLimit)
  }
}

// A line of a log or an error that names a form must not tell what the patient has.
extension Symptoms: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "symptoms, not shown" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Symptoms.Code: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "a symptom, not shown" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
