import Configuration
import Credentials
import Foundation
import S3Backend

/// A part of the configuration that says where in S3 something is kept, and with whose credentials.
struct S3Place: Sendable {
  let configuration: S3Configuration
  let credentials: S3Credentials

  /// - Parameters:
  ///   - part: of the configuration, as `records.s3`.
  ///   - file: the path of a file that the configuration names.
  /// - Returns: nil if there is no such part.
  /// - Throws: ``DaemonFailure`` that says which value is wrong, and no secret.
  init?(_ config: ConfigReader, _ part: String, file: (String) -> String) throws {
    func text(_ name: String) -> String? { config.string(forKey: .init("\(part).\(name)")) }
    guard let endpoint = text("endpoint") else { return nil }
    do throws(S3Configuration.Malformed) {
      configuration = try S3Configuration(
        endpoint: endpoint, bucket: text("bucket") ?? "", region: text("region") ?? "us-east-1",
        prefix: text("prefix") ?? "")
    } catch {
      throw DaemonFailure(.badInput, "\(part): \(error)")
    }
    if let path = text("credentials").map(file) {
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
        "\(part): name a file of credentials, or give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    }
  }

  /// Without the credentials.
  func summary(_ part: String) -> [String: String] {
    [part: place, "\(part).region": configuration.region]
  }

  /// For people.
  var place: String {
    "\(configuration.endpoint)/\(configuration.bucket)"
      + (configuration.prefix.isEmpty ? "" : "/\(configuration.prefix)")
  }
}
