import CanonicalEncoding
import EMRScheme
package import Ledger

/// The hospitals' chains that a role can look into.
package protocol HospitalChains: Sendable {
  /// The chain as it stands, after catching up where this role follows it.
  ///
  /// - Throws: ``ConsortiumError`` `unknown-visit` for a hospital whose chain this role does not have; where
  ///   it follows the chain, `behind-anchor` if it is shown less of it than is anchored.
  func view(of hospital: String) async throws -> HospitalView

  /// The bytes of a leaf.
  func leaf(_ index: UInt64, of hospital: String) async throws -> [UInt8]?

  /// The bytes of the leaves from `index` on, as far as there are blocks: at most `limit`, and up to
  /// `byteCount` together, but at least one.
  func leaves(
    from index: UInt64, of hospital: String, limit: Int, byteCount: Int
  ) async throws -> [[UInt8]]
}

extension HospitalChains {
  /// The completion of a complete visit.
  func completion(of visit: VisitRecord, at hospital: String) async throws -> VisitCompletion {
    guard let index = visit.completion, let bytes = try await leaf(index, of: hospital),
      case .visitCompletion(let completion)? = Leaf.entry(in: bytes)?.content.body
    else { throw ConsortiumError(.wrongState, "the visit is not complete") }
    return completion
  }
}

/// The chain of the hospital that writes it.
package struct OwnChain: HospitalChains {
  let hospital: String
  let writer: HospitalWriter

  package init(hospital: String, writer: HospitalWriter) {
    (self.hospital, self.writer) = (hospital, writer)
  }

  package func view(of hospital: String) async throws -> HospitalView {
    guard hospital == self.hospital else {
      throw ConsortiumError(.unknownVisit, "\(self.hospital) keeps no chain but its own")
    }
    // The log may hold more than the state did when this was opened.
    try await writer.open()
    return await writer.view
  }

  package func leaf(_ index: UInt64, of hospital: String) async throws -> [UInt8]? {
    guard hospital == self.hospital else { return nil }
    return try await writer.leaf(index)
  }

  package func leaves(
    from index: UInt64, of hospital: String, limit: Int, byteCount: Int
  ) async throws -> [[UInt8]] {
    guard hospital == self.hospital else { return [] }
    return try await writer.leaves(from: index, limit: limit, byteCount: byteCount)
  }
}
