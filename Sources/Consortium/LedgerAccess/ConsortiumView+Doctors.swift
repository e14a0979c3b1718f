package import Ledger

extension ConsortiumView {
  /// A doctor who may act, as of the last final block.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-doctor`, `not-active`.
  package func activeDoctor(_ id: String) throws -> DoctorRecord {
    guard let doctor = try finalDoctor(id) else {
      throw ConsortiumError(.unknownDoctor, "\(id) is not registered in a final block")
    }
    guard doctor.status == .active else {
      throw ConsortiumError(.notActive, "\(id) is suspended or has retired")
    }
    return doctor
  }
}
