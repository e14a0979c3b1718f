import Configuration
import Consortium
import Credentials
import Foundation
import S3Backend

/// Where the clouds of a machine keep sealed records, each under a prefix with its identifier: the part
/// `records.s3` of the configuration.
struct RecordsInS3: Sendable {
  private let configuration: S3Configuration
  private let credentials: S3Credentials

  /// - Parameter file: the path of a file that the configuration names.
  /// - Returns: nil if there is no such part.
  /// - Throws: ``DaemonFailure`` that says which value is wrong, and no secret.
  init?(_ config: ConfigReader, file: (String) -> String) throws {
    guard let endpoint = config.string(forKey: "records.s3.endpoint") else { return nil }
    do throws(S3Configuration.Malformed) {
      configuration = try S3Configuration(
        endpoint: endpoint, bucket: config.string(forKey: "records.s3.bucket", default: ""),
        region: config.string(forKey: "records.s3.region", default: "us-east-1"),
        prefix: config.string(forKey: "records.s3.prefix", default: ""))
    } catch {
      throw DaemonFailure(.badInput, "records.s3: \(error)")
    }
    if let path = config.string(forKey: "records.s3.credentials").map(file) {
      let contents = try DurableFile.read(path, limit: 1 << 16)
      guard contents.isPrivate else {
        throw DaemonFailure(.badInput, "\(path): others may read these credentials")
      }
      guard let text = String(validating: contents.bytes, as: UTF8.self),
        let credentials = S3Credentials(file: text)
      else {
        throw DaemonFailure(
          .badInput, "\(path): aws_access_key_id and aws_secret_access_key are missing")
      }
      self.credentials = credentials
    } else if let credentials = S3Credentials(environment: ProcessInfo.processInfo.environment) {
      self.credentials = credentials
    } else {
      throw DaemonFailure(
        .badInput,
        "records.s3: name a file of credentials, or give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
      )
    }
  }

  /// For people.
  var place: String {
    "\(configuration.endpoint)/\(configuration.bucket)"
      + (configuration.prefix.isEmpty ? "" : "/\(configuration.prefix)")
  }

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
      return S3RecordStore(try configuration.under(name), credentials: credentials)
    } catch {
      throw DaemonFailure(.badInput, "records.s3: \(error)")
    }
  }
}
