import Foundation
public import Ledger

extension DataFolder {
  /// The files that belong into this folder and are not there: those of each party and
  /// organisation, and of each doctor and patient.
  ///
  /// Which patients there are says ``contacts()`` too, where it is known: their folders may be gone with all
  /// that was in them.
  ///
  /// Left out is what a role makes only when it first needs it: the states of hospitals' chains at the
  /// cloud and at the manager.
  /// - Parameters:
  ///   - members: who takes part.
  ///   - doctors: those registered; who has a folder here is looked at too.
  public func missingFiles(
    members: ValidMembers, doctors: [String] = []
  ) throws(StoreError) -> [StoreFinding] {
    var names: [String] = []
    let consortium = "\(Names.chains)/\(ChainName.consortium).sqlite"
    func expect(_ place: String, _ files: String...) {
      names += (files + [Names.keys, Names.state]).map { "\(place)/\($0)" }
    }
    expect(members.manager.id, consortium)
    for node in members.supernodes {
      if node.role == .hospital {
        expect(node.id, consortium, Names.chain, "\(Names.chains)/\(node.id).sqlite")
      } else {
        expect(node.id, consortium, Names.records)
      }
    }
    for organisation in members.organisations {
      names.append("organisations/\(organisation)/\(Names.keys)")
    }
    for doctor in Set(try people("doctors") + doctors).sorted() { expect("doctors/\(doctor)") }
    let patients = Set(try people("patients") + contacts())
    for patient in patients.sorted() { expect("patients/\(patient)") }
    return names.filter { !FileManager.default.fileExists(atPath: "\(path)/\($0)") }.map {
      StoreFinding(code: .missing, file: "\(path)/\($0)", what: "the file is missing")
    }
  }

  /// Who has a folder of this kind, `doctors` or `patients`.
  public func people(_ kind: String) throws(StoreError) -> [String] {
    let folder = "\(path)/\(kind)"
    guard FileManager.default.fileExists(atPath: folder) else { return [] }
    return try storing(folder) {
      try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }
  }
}
