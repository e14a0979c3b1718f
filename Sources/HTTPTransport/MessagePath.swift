/// Where messages for a role are posted: `/v1/messages/{recipient}` (docs/openapi.yaml), where the recipient is an
/// identifier, which stands in a path as it is.
enum MessagePath {
  static let prefix = "/v1/messages/"
  static let contentType = "application/octet-stream"
}
