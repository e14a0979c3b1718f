import Synchronization

/// A courier between roles of one process.
///
/// Who is not registered is a patient: those have addresses to receive under, and send under none.
public final class LocalCourier: Courier {
  private struct Registration {
    let kind: RoleKind
    let endpoint: any Endpoint
  }

  private let meter: Meter
  private let registrations = Mutex<[String: Registration]>([:])

  public init(meter: Meter) { self.meter = meter }

  /// Delivers what is sent to `id` to this endpoint from now on.
  public func register(_ endpoint: any Endpoint, _ kind: RoleKind, id: String) {
    registrations.withLock { $0[id] = Registration(kind: kind, endpoint: endpoint) }
  }

  /// Nobody is called `id` any more.
  public func unregister(_ id: String) { registrations.withLock { $0[id] = nil } }

  public func send(
    _ request: [UInt8], from sender: String, to recipient: String
  ) async throws(ConsortiumError) -> [UInt8] {
    let (from, to) = registrations.withLock { ($0[sender]?.kind ?? .patient, $0[recipient]) }
    guard let to else {
      throw ConsortiumError(.unreachable, "there is nobody called \(recipient)")
    }
    meter.count(request.count, from: from, to: to.kind)
    let reply = await meter.measure(to.kind) { await to.endpoint.receive(request, from: sender) }
    meter.count(reply.count, from: to.kind, to: from)
    return reply
  }
}
