import TerminalText

/// Which version of itself a resource is, by its `meta`: what a server that keeps histories writes.
struct ResourceVersion: Equatable {
  private let versionID: String?
  /// As it is written, for people.
  private let updated: String?
  private let time: FHIRDateTime?

  /// Nil if the resource says nothing of it.
  init?(_ resource: FHIRResource) {
    let meta = resource.value.members["meta"]
    versionID = meta?["versionId"]?.string
    let date = meta?["lastUpdated"]?.string
    time = date.flatMap { try? FHIRDateTime($0, .instant) }
    updated = time == nil ? nil : date
    if versionID == nil, time == nil { return nil }
  }

  /// Whether this is the older one; nil if that cannot be told: ids of versions say nothing of their order,
  /// but for numbers.
  func isBefore(_ other: Self) -> Bool? {
    if let time, let known = other.time, time != known { return time < known }
    guard let number, let known = other.number, number != known else { return nil }
    return number < known
  }

  private var number: Int? { versionID.flatMap { Int($0) } }

  /// As `version 2 of 2024-03-01T10:00:00Z`.
  var told: String {
    let version = versionID.map { "version \(printable($0))" }
    guard let updated else { return version ?? "" }
    return "\(version ?? "version") of \(printable(updated))"
  }
}
