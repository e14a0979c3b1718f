import TerminalText

/// HTML or SVG in a form that an XML parser reads, too. Whatever comes in as text is escaped.
struct Markup: Sendable {
  let source: String

  static func text(_ text: String) -> Markup { Markup(source: escaped(text)) }

  /// - Parameter attributes: in the order in which they are written.
  static func element(
    _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ children: [Markup] = []
  ) -> Markup {
    let start =
      name + attributes.map { " \($0.key)=\"\(escaped($0.value, inAttribute: true))\"" }.joined()
    // A browser takes the closing slash of other HTML elements for nothing, and leaves them open.
    if children.isEmpty, selfClosing.contains(name) { return Markup(source: "<\(start)/>") }
    return Markup(source: "<\(start)>\(children.map(\.source).joined())</\(name)>")
  }

  static func element(
    _ name: String, _ attributes: KeyValuePairs<String, String> = [:], text content: String
  ) -> Markup {
    element(name, attributes, [.text(content)])
  }

  private static let selfClosing: Set = ["meta", "br", "line", "path", "rect"]

  /// Characters that cannot be seen, or would turn what is around them, stand by their numbers: XML does not even
  /// allow all of them.
  private static func escaped(_ text: String, inAttribute: Bool = false) -> String {
    printableByNumber(text).unicodeScalars.reduce(into: "") { result, scalar in
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case "\"" where inAttribute: result += "&quot;"
      default: result.unicodeScalars.append(scalar)
      }
    }
  }
}

extension Double {
  /// A length in a chart, to a tenth.
  var coordinate: String { ValueScale.label((self * 10).rounded() / 10, grouped: false) }
}
