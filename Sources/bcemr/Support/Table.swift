/// Rows in columns.
enum Table {
  /// - Parameter leading: how many columns are aligned to the left; the others are to the right.
  static func text(_ rows: [[String]], leading: Int = 1) -> String {
    let widths = (rows.first ?? []).indices.map { column in
      rows.map { $0[column].count }.max() ?? 0
    }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        if column >= leading { return space + cell }
        return column == row.count - 1 ? cell : cell + space
      }
      return cells.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
