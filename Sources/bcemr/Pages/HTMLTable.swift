/// A table with a caption, heads of columns above and a head at the start of each row.
struct HTMLTable {
  struct Head {
    let text: String
    var columns = 1
    /// Whether a group of columns begins here.
    var isFirst = false
  }

  /// A number and which table this is, such as "Table 6".
  let number: String
  let caption: String
  /// From the top; only the last row has a head for each column.
  let heads: [[Head]]
  /// The first cell of each is its head.
  let rows: [[String]]
  /// At the bottom, apart from the others.
  var sums: [String] = []
  /// How many columns are text, on the left.
  var leading = 1

  var markup: Markup {
    let firsts = heads.last?.map(\.isFirst) ?? []
    var parts: [Markup] = [
      .element(
        "caption", [:],
        [.element("b", [:], text: number + "."), .text(" " + caption)]),
      .element("thead", [:], heads.indices.map(headRow)),
      .element("tbody", [:], rows.map { row($0, firsts) }),
    ]
    if !sums.isEmpty { parts.append(.element("tfoot", [:], [row(sums, firsts)])) }
    return .element("div", ["class": "scroll"], [.element("table", [:], parts)])
  }

  private func headRow(_ index: Int) -> Markup {
    let isLast = index == heads.count - 1
    var column = 0
    let cells = heads[index].map { head in
      defer { column += head.columns }
      let name = className(column, isFirst: head.isFirst)
      if head.text.isEmpty { return Markup.element("td", ["class": name]) }
      if isLast || head.columns == 1 {
        return .element(
          "th", ["scope": "col", "class": isLast ? name : "group \(name)"], text: head.text)
      }
      return .element(
        "th", ["scope": "colgroup", "colspan": "\(head.columns)", "class": "group \(name)"],
        text: head.text)
    }
    return .element("tr", [:], cells)
  }

  private func row(_ cells: [String], _ firsts: [Bool]) -> Markup {
    .element(
      "tr", [:],
      cells.enumerated().map { index, cell in
        let name = className(index, isFirst: index < firsts.count && firsts[index])
        return index == 0
          ? .element("th", ["scope": "row", "class": name], text: cell)
          : .element("td", ["class": name], text: cell)
      })
  }

  private func className(_ column: Int, isFirst: Bool) -> String {
    (column < leading ? "text" : "number") + (isFirst ? " first" : "")
  }
}
