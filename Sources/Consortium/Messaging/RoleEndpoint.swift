package import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger
import TransparencyLog

/// A role: an actor that answers requests, and asks others through the courier alone.
package protocol RoleEndpoint: Endpoint, Actor {
  nonisolated var requestLimit: Int { get }

  /// Answers a well-formed request.
  func answer(_ request: any RoleRequest) async throws -> any CanonicalValue
}

extension RoleEndpoint {
  package nonisolated var requestLimit: Int { MessageLimits.plain }

  package func receive(_ bytes: [UInt8], from sender: String) async -> [UInt8] {
    do {
      guard bytes.count <= requestLimit else {
        throw ConsortiumError(.tooLarge, "\(bytes.count) bytes, limit \(requestLimit)")
      }
      return Self.encoded(try await answer(try IncomingRequest(encoded: bytes).request))
    } catch {
      return ReplyMessage<Done>(.failure(ConsortiumError(error))).encoded()
    }
  }

  private static func encoded<Payload: CanonicalValue>(_ payload: Payload) -> [UInt8] {
    ReplyMessage(.success(payload)).encoded()
  }
}

/// A role's way to the others.
package struct Post: Sendable {
  let courier: any Courier
  let sender: String

  package init(courier: any Courier, sender: String) {
    (self.courier, self.sender) = (courier, sender)
  }

  /// Sends a request and decodes its reply.
  ///
  /// - Throws: ``ConsortiumError``, the recipient's own or one of the way there.
  package func ask<Request: RoleRequest>(
    _ request: Request, of recipient: String
  ) async throws -> Request.Reply {
    let bytes = try await courier.send(
      Message(request).encoded(), from: sender, to: recipient)
    let reply: ReplyMessage<Request.Reply>
    do {
      reply = try ReplyMessage(encoded: bytes)
    } catch {
      throw ConsortiumError(.malformed, "the reply of \(recipient): \(error.message)")
    }
    return try reply.result.get()
  }
}

extension ConsortiumError {
  /// What went wrong, in a form that may leave the role.
  package init(_ error: any Error) {
    switch error {
    case let error as ConsortiumError: self = error
    case let error as SignedRefusal: self = error.error
    case let error as Refusal: self.init(Code(error.code), "the ledger refuses the entry")
    case let error as any CodedError: self.init(Code(error.codeText), error.message)
    case let error as TransparencyLogError: self.init(Code("\(error.code)"), error.message)
    default: self.init(.wrongState, "the role cannot answer")
    }
  }
}
