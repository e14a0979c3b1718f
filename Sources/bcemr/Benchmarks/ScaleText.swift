import ScaleSimulation

/// What ``BenchScale`` has seen, one column for each number of hospitals.
struct ScaleText {
  let loads: [ObservedLoad]

  var text: String {
    [Table.text(load), Table.text(sizes), Table.text(times)].joined(separator: "\n\n") + refusals
  }

  private func row(_ name: String, _ value: (ObservedLoad) -> String) -> [String] {
    [name] + loads.map(value)
  }

  private var heading: [String] { row("hospitals") { "\($0.hospitals)" } }

  /// Seen, and in brackets as predicted.
  private func beside(_ seen: Double, _ predicted: Double) -> String {
    "\(Self.short(seen)) (\(Self.short(predicted)))"
  }

  private static func short(_ value: Double) -> String {
    let digits = value >= 100 ? 1.0 : value >= 10 ? 10 : 1000
    let rounded = (value * digits).rounded() / digits
    return digits == 1 ? "\(Int(rounded))" : "\(rounded)"
  }

  private static func time(_ milliseconds: Double) -> String {
    Quantity.time(nanoseconds: Int64(max(0, milliseconds) * 1e6))
  }

  private var load: [[String]] {
    [
      heading,
      row("seconds of the country") { "\($0.seconds)" },
      row("blocks") { "\($0.blocks)" },
      row("entries a block (predicted)") {
        beside($0.entriesPerBlock, $0.predicted.entriesPerBlock)
      },
      row("anchors a block (predicted)") {
        beside($0.anchorsPerBlock, $0.predicted.anchorsPerBlock)
      },
      row("bytes a block (predicted)") { beside($0.bytesPerBlock, $0.predicted.bytesPerBlock) },
      row("stored a block (predicted)") {
        beside($0.storedBytesPerBlock, $0.predicted.storedBytesPerBlock)
      },
      row("entries a second") { Self.short(Double($0.entries) / Double(max($0.seconds, 1))) },
      row("chain in a day") {
        Quantity.bytes(Int(Double($0.bytes) / Double(max($0.seconds, 1)) * Country.day))
      },
      row("sent by all delegates, a block") {
        Quantity.bytes($0.messageBytes / max($0.blocks, 1))
      },
      row("messages of all delegates, a block") { "\($0.messages / max($0.blocks, 1))" },
    ]
  }

  private var sizes: [[String]] {
    [
      heading,
      row("genesis") { Quantity.bytes($0.genesisBytes) },
      row("members") { Quantity.bytes($0.membersBytes) },
      row("longest block") { Quantity.bytes($0.longestBlockBytes) },
      row("entries of the longest block") { "\($0.longestBlockEntries)" },
      row("longest leaf") { Quantity.bytes($0.longestLeafBytes) },
      row("final checkpoint") { Quantity.bytes($0.noteBytes) },
    ]
  }

  private var times: [[String]] {
    [
      heading,
      row("a delegate takes an entry") { Self.time($0.cpu.takeEntry) },
      row("proposing, an entry") { Self.time($0.proposeEntryMs) },
      row("checking, an entry") { Self.time($0.checkEntryMs) },
      row("following, an entry") { Self.time($0.replayEntryMs) },
      row("joining, an entry") { Self.time($0.cpu.joinEntry) },
      row("all delegates, an entry") { Self.time($0.decideEntryMs) },
      row("proposing a block") { Self.time($0.cpu.proposeBlock) },
      row("checking a block") { Self.time($0.cpu.checkBlock) },
      row("following a block") { Self.time($0.cpu.replayBlock) },
      row("following the last block of an epoch") { Self.time($0.cpu.replayLastBlock) },
      row("all delegates, a block") { Self.time($0.cpu.decideBlock) },
      row("opening the chain") { Self.time($0.cpu.open) },
    ]
  }

  private var refusals: String {
    loads.map { load in
      load.refused.sorted { $0.key < $1.key }.map {
        "\n\(load.hospitals) hospitals: \(Quantity.count($0.value, "entry")) refused as \($0.key)"
      }.joined()
    }.joined()
  }
}
