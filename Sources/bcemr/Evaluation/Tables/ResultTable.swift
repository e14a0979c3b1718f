/// A table for the terminal and for the report alike.
struct ResultTable {
  /// As "Table 4".
  let number: String
  let caption: String
  let columns: [String]
  let rows: [[String]]
  /// How many columns are text, on the left.
  var leading = 1
  var notes: [String] = []

  var text: String {
    ([number + ": " + caption, Table.text([columns] + rows, leading: leading)] + notes)
      .joined(separator: "\n")
  }

  var markup: [Markup] {
    [
      HTMLTable(
        number: number, caption: caption.prefix(1).uppercased() + caption.dropFirst() + ".",
        heads: [columns.map { .init(text: $0) }], rows: rows, leading: leading
      ).markup
    ] + notes.map { .element("p", ["class": "note"], text: $0) }
  }
}
