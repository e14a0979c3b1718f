import Crypto

/// What the records of a patient's visits and their addenda have: of each resource that has an id, what was
/// signed last in each record. Of the contents their digests are kept.
///
/// No finding says on which server a resource is, so what has one type and id may be several: what was signed
/// under that name last is compared as a whole, whichever of them is which.
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

  /// What one record has under a key.
  struct Entry {
    /// As `Observation/o2`, for people.
    let name: String
    /// Of each resource that was signed last; what has no id, as often as it was signed.
    var digests: [SHA256.Digest]
    let record: Int
    /// In the order in which they were signed.
    var number: Int
  }

  /// By key, a list with an entry for each record, what was signed last at the end.
  private var entries: [Key: [Entry]] = [:]
  private var keysByRecord: [Int: Set<Key>] = [:]
  /// By record, its Encounters; what was signed last at the end.
  private var encounters: [Int: [EncounterTraits]] = [:]
  private var count = 0

  /// Nothing.
  public init() {}

  /// Takes note of all findings of a record, as ``Visit/findings(forTeamOf:)`` makes them, in the order in which
  /// records were signed.
  ///
  /// - Parameter record: a number for the record of a visit, and the same for those of its addenda.
  /// - Throws: ``ClinicalRecordError`` if one is no Bundle.
  public mutating func insert(
    findings: [[UInt8]], of record: Int
  ) throws(ClinicalRecordError) {
    var new: [Key: Entry] = [:]
    for finding in findings {
      for resource in try HistoryFile(finding).resources() {
        let digest = Self.digest(resource)
        new[
          Key(resource),
          default: Entry(name: resource.name, digests: [], record: record, number: count)
        ].digests.append(digest)
        if resource.type == "Encounter", let traits = EncounterTraits(resource) {
          encounters[record, default: []].append(traits)
        }
        count += 1
      }
    }
    for (key, var entry) in new {
      var known = entries[key] ?? []
      if let place = known.firstIndex(where: { $0.record == record }) {
        let former = known.remove(at: place)
        // Nothing can be a correction of what is known by its content.
        if case .content = key { entry.digests += former.digests }
      }
      known.append(entry)
      entries[key] = known
      keysByRecord[record, default: []].insert(key)
    }
  }

  /// Of each record that has something under a key, what was signed last at the end.
  func known(under key: Key) -> [Entry] { entries[key] ?? [] }

  /// What was signed last of all records in this one, in the order in which it was.
  func entries(ofRecord record: Int) -> [(key: Key, entry: Entry)] {
    (keysByRecord[record] ?? []).compactMap { key -> (key: Key, entry: Entry)? in
      guard let last = entries[key]?.last, last.record == record else { return nil }
      return (key, last)
    }
    .sorted { $0.entry.number < $1.entry.number }
  }

  /// Why the Encounter of a visit cannot be the one of a record; nil if it can.
  ///
  /// A visit that is known by its Encounter's id is not amended then: it would be another one.
  public func contradiction(of visit: Visit, toRecord record: Int) -> String? {
    guard let encounter = visit.encounter, let traits = EncounterTraits(encounter),
      let held = encounters[record]?.last(where: { $0.id == traits.id })
    else { return nil }
    return traits.contradiction(to: held)
  }

  static func digest(_ resource: FHIRResource) -> SHA256.Digest {
    var hash = SHA256()
    unsafe resource.bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
    return hash.finalize()
  }
}
