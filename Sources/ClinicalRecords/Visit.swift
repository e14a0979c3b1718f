/// One visit: an Encounter and the resources that name it.
///
/// ``encounterID`` and ``serviceProvider`` are what the file says, to be hashed and compared. The
/// other texts are for people: at most 120 characters on one line, safe to print on a terminal.
public struct Visit: Sendable {
  /// The Encounter's id, else its fullUrl, else `#` and its place in the file; unique in a history.
  public let encounterID: String
  /// What identifies the hospital: `serviceProvider.reference`, else its `identifier.value`, else
  /// its `display`, else empty.
  public let serviceProvider: String
  /// `class`: its display, else its code, as `AMB`.
  public let encounterClass: String?
  /// `type`: its text, else its coding's display.
  public let type: String?
  /// `reasonCode`: its text, else its coding's display.
  public let reason: String?
  /// `period.start`, as `2012-07-01T15:22:50+00:00`, `2012-07` or another dateTime of FHIR.
  public let start: String?
  /// `period.end`, in the same forms.
  public let end: String?

  /// The Encounter itself.
  public let encounter: FHIRResource
  /// The other resources, in file order.
  public internal(set) var others: [FHIRResource] = []

  /// All resources: the Encounter, then the others in file order.
  public var resources: [FHIRResource] { [encounter] + others }

  /// - Parameter fallbackID: the ``encounterID`` if the resource has neither id nor fullUrl.
  init(_ encounter: FHIRResource, fallbackID: String) throws(ClinicalRecordError) {
    self.encounter = encounter
    encounterID = encounter.id ?? encounter.fullURL ?? fallbackID
    let value = encounter.value
    let fields = try value.members("class", "type", "reasonCode", "period", "serviceProvider")
    serviceProvider =
      try fields["serviceProvider"]?.string(at: "reference", "identifier.value", "display") ?? ""
    encounterClass = try fields["class"]?.string(at: "display", "code").map(printable)
    type = try fields["type"]?.string(at: "text", "coding.display").map(printable)
    reason = try fields["reasonCode"]?.string(at: "text", "coding.display").map(printable)
    let period = try fields["period"]?.members("start", "end")
    start = period?["start"]?.string.map(printable)
    end = period?["end"]?.string.map(printable)
  }
}

extension Visit {
  /// How many doctors a visit can have: 1...16.
  public static let teamSizes = 1...16

  /// The findings m₁ … mₙ of a team: `collection` Bundles that share out the visit's resources.
  ///
  /// D₁ gets the Encounter itself; the rest goes round the team in file order, from D₂ on. A
  /// doctor left without one gets a Bundle of nothing. Each resource lies in exactly one finding,
  /// byte for byte, and ``FHIRBundle/resources(in:)`` gives it back.
  ///
  /// - Precondition: `count` is in ``teamSizes``.
  public func findings(forTeamOf count: Int) -> [[UInt8]] {
    precondition(Self.teamSizes.contains(count), "a team has 1 to 16 doctors")
    var shares = [[ArraySlice<UInt8>]](repeating: [], count: count)
    for (turn, resource) in resources.enumerated() { shares[turn % count].append(resource.bytes) }
    return shares.map(FHIRBundle.collection)
  }
}
