/// A page that needs nothing but itself.
struct HTMLPage {
  let title: String
  let body: [Markup]

  var source: String {
    let head = Markup.element(
      "head", [:],
      [
        .element("meta", ["charset": "utf-8"]),
        .element(
          "meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
        .element("title", [:], text: title),
        .element("style", [:], text: PageStyle.text),
      ])
    let main = Markup.element("body", [:], [.element("main", [:], body)])
    return "<!DOCTYPE html>\n" + Markup.element("html", ["lang": "en"], [head, main]).source + "\n"
  }
}

extension Markup {
  static func paragraph(_ content: String) -> Markup { element("p", [:], text: content) }

  /// Charts side by side where they fit.
  static func figure(_ number: String, _ caption: String, _ charts: [Markup], wide: Bool = false)
    -> Markup
  {
    let panels = element(
      "div", ["class": wide ? "panels wide" : "panels"],
      charts.map { element("div", ["class": "scroll"], [$0]) })
    let words = element(
      "figcaption", [:], [element("b", [:], text: number + "."), text(" " + caption)])
    return element("figure", wide ? ["class": "long"] : [:], [panels, words])
  }

  static func section(_ title: String, _ content: [Markup]) -> Markup {
    element("section", [:], [element("h2", [:], text: title)] + content)
  }

  /// Names and what they stand for.
  static func terms(_ terms: KeyValuePairs<String, String>) -> Markup {
    element(
      "dl", [:],
      terms.flatMap { [element("dt", [:], text: $0.key), element("dd", [:], text: $0.value)] })
  }
}
