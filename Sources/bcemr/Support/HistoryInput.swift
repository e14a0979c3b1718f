import ClinicalRecords

/// A history that was read from files.
struct HistoryInput {
  /// As they were named, `-` being standard input; none for the example.
  let paths: [String]
  let history: FHIRHistory

  /// Reads histories: every Bundle is one, and all NDJSON files together are one.
  ///
  /// - Parameters:
  ///   - paths: `-` is standard input, once.
  ///   - splits: whether files of several patients are several histories.
  /// - Throws: ``CommandFailure`` for what is no history; nothing has been written then.
  static func read(_ paths: [String], splits: Bool) throws(CommandFailure) -> [HistoryInput] {
    guard paths.count(where: { $0 == "-" }) <= 1 else {
      throw CommandFailure(
        .badInput, code: "usage", "-: standard input can be read once, and is named twice")
    }
    var files: [HistoryFile] = []
    for path in paths {
      do {
        files.append(
          try HistoryFile(SystemFile.historyContents(of: path), name: path))
      } catch let error as ClinicalRecordError {
        throw CommandFailure(error, at: path)
      } catch {
        throw CommandFailure(error)
      }
    }
    var inputs: [HistoryInput] = []
    for group in FHIRHistory.groups(files) {
      let paths = group.compactMap(\.name)
      do {
        let histories = try splits ? FHIRHistory.split(group) : [FHIRHistory(group)]
        inputs += histories.map { HistoryInput(paths: paths, history: $0) }
      } catch {
        throw CommandFailure(error, at: error.location?.file ?? paths.joined(separator: ", "))
      }
    }
    do {
      try FHIRHistory.requireOneVisitForEachID(inputs.map(\.history))
    } catch {
      throw CommandFailure(error, at: error.location?.file)
    }
    return inputs
  }

  /// The example that is compiled in.
  static func example() throws(CommandFailure) -> HistoryInput {
    do {
      return HistoryInput(paths: [], history: try FHIRHistory(json: ExampleHistory.json))
    } catch {
      throw CommandFailure(error)
    }
  }
}

/// A small invented history, to show the system without a file of one's own: `Examples/history.json`, four
/// visits to three hospitals.
enum ExampleHistory {
  static var json: [UInt8] { PackageResources.history_json }
}
