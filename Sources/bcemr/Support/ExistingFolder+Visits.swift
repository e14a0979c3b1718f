import CanonicalEncoding
import Ledger
import SQLiteBackend

extension ExistingFolder {
  /// A visit, with the hospital on whose chain it stands.
  struct FoundVisit {
    let visit: Digest32
    let hospital: String
  }

  /// A hospital's chain as its cloud has it.
  func chain(_ hospital: String) throws -> HospitalView {
    let keeper = keeper(of: hospital)
    return try HospitalView(
      genesis: genesis, hospital: hospital, store: state(keeper, chain: hospital),
      consortium: state(allClouds[0], chain: ChainName.consortium))
  }

  /// Finds a visit by its identifier, or the beginning of it.
  ///
  /// - Parameters:
  ///   - text: 8 to 64 hexadecimal digits.
  ///   - hospital: the only one that is looked at.
  /// - Throws: ``CommandFailure`` `unknown-visit`, `several-visits`, `unknown-chain`, `invalid-visit`.
  func visit(_ text: String, at hospital: String? = nil) throws -> FoundVisit {
    let digits = try VisitArgument.digits(text)
    if let hospital, !hospitals.contains(hospital) {
      throw CommandFailure(
        .badInput, code: "unknown-chain", "there is no chain \(hospital) in this ledger")
    }
    var found: [FoundVisit] = []
    for name in hospitals where hospital == nil || name == hospital {
      let keeper = keeper(of: name)
      guard folder.hasStateStore(keeper, chain: name) else { continue }
      for key in try folder.stateStore(keeper, chain: name).keys(after: "visit/") {
        guard let visit = Digest32(key), "\(visit)".hasPrefix(digits) else { continue }
        found.append(FoundVisit(visit: visit, hospital: name))
      }
    }
    return try VisitArgument.only(
      found, named: digits, in: folder.path,
      hint: "'bcemr demo --json' shows the identifiers of visits as 'visit'", option: "--hospital"
    ) { ("\($0.visit)", $0.hospital) }
  }
}
