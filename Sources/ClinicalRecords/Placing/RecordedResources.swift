import Crypto

/// What the records of a patient's visits and their addenda have: of each resource that has an id, what was
/// signed last. Of the contents their digests are kept.
public struct RecordedResources: Sendable {
  /// What a resource is known by: type and id; without an id, its content.
  enum Key: Hashable {
    case name(String)
    case content(SHA256.Digest)

    init(_ resource: FHIRResource) {
      self =
        resource.id.map { .name("\(resource.type)/\($0)") }
        ?? .content(RecordedResources.digest(resource))
    }
  }

  struct Entry {
    /// As `Observation/o2`, for people.
    let name: String
    let digest: SHA256.Digest
    let record: Int
    /// In the order in which they were signed.
    let number: Int
  }

  private var entries: [Key: Entry] = [:]
  private var keysByRecord: [Int: Set<Key>] = [:]
  private var count = 0

  /// Nothing.
  public init() {}

  /// Takes note of a finding, as ``Visit/findings(forTeamOf:)`` makes them, in the order in which records were
  /// signed.
  ///
  /// - Parameter record: a number for the record of a visit, and the same for those of its addenda.
  /// - Throws: ``ClinicalRecordError`` if it is no Bundle.
  public mutating func insert(finding: [UInt8], of record: Int) throws(ClinicalRecordError) {
    for resource in try HistoryFile(finding).resources() {
      let key = Key(resource)
      let entry = Entry(
        name: resource.name, digest: Self.digest(resource), record: record, number: count)
      if let former = entries.updateValue(entry, forKey: key) {
        keysByRecord[former.record]?.remove(key)
      }
      keysByRecord[record, default: []].insert(key)
      count += 1
    }
  }

  func entry(of resource: FHIRResource) -> Entry? { entries[Key(resource)] }

  /// What was signed last in a record, in the order in which it was.
  func entries(ofRecord record: Int) -> [(key: Key, entry: Entry)] {
    (keysByRecord[record] ?? []).compactMap { key in entries[key].map { (key, $0) } }
      .sorted { $0.entry.number < $1.entry.number }
  }

  static func digest(_ resource: FHIRResource) -> SHA256.Digest {
    var hash = SHA256()
    unsafe resource.bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
    return hash.finalize()
  }
}
