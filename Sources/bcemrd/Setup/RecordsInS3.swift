import Configuration
import Consortium
import S3Backend

/// Where the clouds of a machine keep sealed records, each under a prefix with its identifier: the part
/// `records.s3` of the configuration.
struct RecordsInS3: Sendable {
  private let s3: S3Place

  /// - Parameter file: the path of a file that the configuration names.
  /// - Returns: nil if there is no such part.
  /// - Throws: ``DaemonFailure`` that says which value is wrong, and no secret.
  init?(_ config: ConfigReader, file: (String) -> String) throws {
    guard let s3 = try S3Place(config, "records.s3", file: file) else { return nil }
    self.s3 = s3
  }

  /// For people.
  var place: String { s3.place }

  /// Without the credentials.
  var summary: [String: String] { s3.summary("records.s3") }

  /// - Throws: ``DaemonFailure``
  func store(of cloud: String) throws -> any RecordStore { try store(under: cloud) }

  /// Puts, reads, lists and removes a record that no cloud has.
  ///
  /// - Throws: ``DaemonFailure``, `StoreError`.
  func check() async throws {
    try await store(under: "check-\(UInt64.random(in: .min ... .max))").check()
  }

  private func store(under name: String) throws -> S3RecordStore {
    do throws(S3Configuration.Malformed) {
      return S3RecordStore(try s3.configuration.under(name), credentials: s3.credentials)
    } catch {
      throw DaemonFailure(.badInput, "records.s3: \(error)")
    }
  }
}
