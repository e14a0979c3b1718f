#if Network
  import CanonicalEncoding
  import Consortium
  import Credentials
  import Foundation
  import Ledger

  /// A record in the clear as files, for a program that reads FHIR.
  enum RecordFolder {
    private static let record = "record.json"

    /// `record.json`, and a file for each finding.
    static func names(of record: OpenedRecord) -> [String] {
      [self.record]
        + record.findings.enumerated().map { number, finding in
          let isText = String(validating: finding.content, as: UTF8.self) != nil
          return "finding-\(number + 1)-\(finding.doctor).\(isText ? "json" : "bin")"
        }
    }

    /// Writes a new folder, whole or not at all. Returns when it is durable.
    ///
    /// - Throws: ``CommandFailure``; nothing of this name may be there.
    static func write(_ record: OpenedRecord, at time: UInt64?, to path: String) throws {
      let path = String(path.reversed().drop { $0 == "/" }.reversed())
      try SystemFile.requireNothing(at: path)
      let draft = "\(path).\(UInt64.random(in: .min ... .max)).new"
      do {
        try DurableFile.createFolder(draft)
        let contents =
          [try RecordFile(record, at: time, amendedBy: nil).encoded()]
          + record.findings.map(\.content)
        for (name, bytes) in zip(names(of: record), contents) {
          try DurableFile.create(bytes, at: "\(draft)/\(name)")
        }
        try SystemFile.name(draft, path)
        try DurableFile.synchronizeFolder(ofItemAt: path)
      } catch {
        try? FileManager.default.removeItem(atPath: draft)
        guard let failure = error as? DurableFile.Failure else { throw error }
        if failure.isExisting {
          throw CommandFailure(
            .badInput, code: "file-exists", "\(path): something of this name is there; it is kept",
            hint: "choose another name")
        }
        throw CommandFailure(DurableFile.Failure(path: path, code: failure.code))
      }
    }
  }

  /// When a consortium block was decided.
  enum BlockTime {
    /// - Returns: ledger time, in seconds since 1970; nil if nobody proves the block now.
    static func of(
      _ height: UInt64, shownBy hospital: String, _ client: LedgerClient
    ) async -> UInt64? {
      guard
        let proven = try? await client.prove(.consortiumBlock(height: height), by: hospital),
        case .header(let header) = proven.leaf, header.height == height
      else { return nil }
      return header.time
    }

    /// How many leaves of a block are looked at behind one of its leaves: a block has few.
    private static let leafLimit: UInt64 = 32

    /// When the consortium block was decided that has a leaf; time as above.
    static func ofLeaf(
      _ index: UInt64, shownBy hospital: String, _ client: LedgerClient
    ) async -> UInt64? {
      // The header is the last leaf of its block.
      for place in index..<(index &+ leafLimit) {
        guard let proven = try? await client.prove(.consortiumLeaf(index: place), by: hospital),
          proven.chain == ChainName.consortium, proven.index == place
        else { return nil }
        if case .header(let header) = proven.leaf { return header.time }
      }
      return nil
    }

    /// When the consortium block was decided by which an entry of a hospital's chain is final, as far as the hospital
    /// shows its first anchor; time as above.
    static func ofEntry(
      _ entry: Digest32, on hospital: String, _ client: LedgerClient
    ) async -> UInt64? {
      guard let proven = try? await client.prove(.entry(entry, hospital: hospital), by: hospital),
        proven.chain == hospital, proven.entry?.digest == entry, let anchored = proven.anchored
      else { return nil }
      return await ofLeaf(anchored.anchor, shownBy: hospital, client)
    }
  }
#endif
