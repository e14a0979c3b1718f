import HTTPTypes
import Hummingbird
import NIOCore

/// What is wrong with a request as HTTP sees it (RFC 9457); what a role says stands in its answer.
struct Problem: HTTPResponseError {
  let status: HTTPResponse.Status
  /// A word for programs, as `nobody-here`.
  let code: String
  /// A sentence for people.
  let title: String
  /// After how many seconds to try again.
  var retryAfter: Int?

  static let nobody = Problem(
    status: .notFound, code: "nobody-here", title: "No role of this name is here")
  static let noPath = Problem(
    status: .notFound, code: "no-such-path", title: "There is nothing here")
  static let noChain = Problem(
    status: .notFound, code: "no-such-chain", title: "No role of this machine keeps this chain")
  static let noCheckpoint = Problem(
    status: .notFound, code: "no-checkpoint", title: "Nothing of this chain is confirmed yet")
  static let noTile = Problem(
    status: .notFound, code: "no-such-tile", title: "The log of the checkpoint has no such tile")
  static let privateLeaves = Problem(
    status: .forbidden, code: "private-leaves",
    title: "Leaves of a hospital's chain are for who takes part in it")
  static let unreadable = Problem(
    status: .serviceUnavailable, code: "unavailable", title: "The log cannot be read now",
    retryAfter: 5)
  static let tooLarge = Problem(
    status: .contentTooLarge, code: "too-large", title: "A message to this role is shorter")
  static let wrongType = Problem(
    status: .unsupportedMediaType, code: "wrong-type",
    title: "A message is \(MessagePath.contentType)")
  static let addressBusy = Problem(
    status: .tooManyRequests, code: "address-busy",
    title: "This address has as much under way as it may", retryAfter: 1)
  static let busy = Problem(
    status: .serviceUnavailable, code: "busy", title: "There is too much under way",
    retryAfter: 5)

  func response(from request: Request, context: some RequestContext) -> Response {
    var headers: HTTPFields = [.contentType: "application/problem+json"]
    if let retryAfter { headers[.retryAfter] = "\(retryAfter)" }
    // What was not read would be taken for the next request.
    headers[.connection] = "close"
    let body =
      #"{"type":"urn:bcemr:problem:\#(code)","title":"\#(title)","status":\#(status.code)}"#
    return Response(
      status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: body)))
  }
}
