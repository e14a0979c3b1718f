import Consortium
import Credentials
import Ledger
import SQLiteBackend

/// Reads every key file of a folder, and compares the keys with what the ledger knows of their owners.
/// No private key is shown.
struct KeyFileCheck {
  typealias Finding = FolderCheck.Report.Finding

  private let existing: ExistingFolder
  private let named: Set<String>
  /// Who is registered with which keys; without it doctors' are only read.
  var directory: ConsortiumView?

  /// - Parameter named: files of which something is known to be wrong.
  init(_ existing: ExistingFolder, passingOver named: Set<String>) {
    (self.existing, self.named) = (existing, named)
  }

  func findings() throws -> [Finding] {
    let (folder, members) = (existing.folder, existing.members)
    let network = existing.genesis.content.network
    let parties = [members.manager.id] + members.supernodes.map(\.id)
    var findings = parties.compactMap { party in
      finding(party, owner: party) {
        try $0.isKnown(to: known(by: party) ?? members, network: network)
      }
    }
    findings += members.organisations.compactMap { organisation in
      finding("organisations/\(organisation)", owner: organisation) {
        try $0.isKnown(to: members, network: network)
      }
    }
    findings += try folder.people("doctors").compactMap { doctor in
      finding("doctors/\(doctor)", owner: doctor) { keys in
        if let statement = try directory?.doctor(doctor)?.record.statement {
          return try keys.isKnown(as: statement)
        }
        try keys.requireDoctorKeys()
        return true
      }
    }
    findings += try folder.people("patients").compactMap { patient in
      finding("patients/\(patient)", owner: patient) { keys in
        try keys.requirePatientKeys()
        return true
      }
    }
    return findings
  }

  /// Who takes part as far as a party itself knows, by which it erases former keys.
  /// A store that cannot be read is named where it is replayed.
  private func known(by party: String) -> ValidMembers? {
    let store = try? existing.state(party, chain: ChainName.consortium)
    return store.flatMap {
      try? ConsortiumView(genesis: existing.genesis, store: $0).members
    }
  }

  private func finding(
    _ place: String, owner: String, isKnown: (KeyFile) throws -> Bool
  ) -> Finding? {
    let path = existing.folder.keyLocation(place)
    do {
      guard let file = try existing.folder.existingKeyFile(place), !named.contains(file) else {
        return nil
      }
      if try isKnown(KeyFile.read(from: file, owner: owner)) { return nil }
      return Finding(
        code: "\(CredentialError.Code.foreignKeys)", file: path,
        what: "these are not the keys that \(owner) has on the ledger")
    } catch let error as CredentialError {
      return Finding(code: "\(error.code)", file: path, what: error.message)
    } catch let error as StoreError {
      return Finding(code: "\(error.code)", file: path, what: error.message)
    } catch {
      return Finding(
        code: "\(CredentialError.Code.invalidFile)", file: path,
        what: "a key in this file cannot be one")
    }
  }
}
