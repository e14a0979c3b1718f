public import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// What a doctor has asked of a patient, by the system manager, who knows the doctor.
public struct ReceivedRequest: Sendable, Equatable {
  /// The digest of the request, to consent to.
  public let request: Digest32
  /// The identifier of the doctor who asks.
  public let doctor: String
  /// The identifier of the hospital where the doctor works.
  public let hospital: String
  /// What the doctor says that it is for.
  public let purpose: String
  /// By the doctor's clock, in seconds since 1970.
  public let madeAt: UInt64
  /// Under which this patient was asked.
  public let address: PatientAddress
}

extension Patient {
  /// How long a doctor's request counts, in seconds.
  private static let requestLifetime: UInt64 = 30 * 86_400

  /// How many requests of one doctor are kept that came to one address, and of all doctors: whom the address
  /// was told may have told it.
  private static let (doctorLimit, addressLimit) = (16, 64)

  static let requestPrefix = "request/"
  /// Which requests have come to an address, by doctor.
  private static func arrivalPrefix(_ address: String, _ doctor: String? = nil) -> String {
    "arrived/\(address)/" + (doctor.map { "\($0)/" } ?? "")
  }
  static func requestKey(_ request: Digest32) -> String { "\(requestPrefix)\(request)" }

  /// Keeps a doctor's request, with a final registration of that doctor.
  func keepRequest(_ request: ForwardAccessRequest) async throws -> Done {
    let asked = request.request.object
    // Before anybody is asked, or anything kept, about the doctor.
    guard asked.genesis == genesis.digest, try addressKeys(asked.address.id) != nil,
      isCurrent(asked, at: inbox.clock()), asked.madeAt <= inbox.clock() &+ RequestRule.skew
    else { throw ConsortiumError(.unknownDoctor, "\(asked.doctor) asks no patient here") }
    // Nobody is asked whom the request alone names.
    guard try await isHospital(asked.hospital) else {
      throw ConsortiumError(.unknownDoctor, "there is no hospital \(asked.hospital)")
    }
    let doctor = try await doctor(of: asked)
    guard doctor.statement.hospital == asked.hospital else {
      throw ConsortiumError(.unknownDoctor, "\(asked.doctor) is not of \(asked.hospital)")
    }
    _ = try request.request.verified(by: doctor.identityKey)
    let key = Self.requestKey(asked.digest)
    if try store.value(forKey: key) != nil { return Done() }
    // What counts no more goes where there is no room, so that a clock that was ahead takes no request away.
    let time = try await hasRoom(for: asked, without: [:]) ? 0 : client.timeToForget()
    if try store.value(forKey: key) != nil { return Done() }
    var changes: [String: [UInt8]?] = [:]
    if try !hasRoom(for: asked, without: [:]) {
      changes = try forgettingRequests(to: asked.address.id, at: time)
    }
    guard try hasRoom(for: asked, without: changes) else {
      throw ConsortiumError(.busy, "\(asked.doctor) has asked often enough")
    }
    changes["\(Self.arrivalPrefix(asked.address.id, asked.doctor))\(asked.digest)"] = []
    changes[key] = Message(request).encoded()
    try store.write(changes)
    return Done()
  }

  /// Whether one more request can be kept, behind such changes.
  private func hasRoom(
    for asked: AccessRequest, without changes: [String: [UInt8]?]
  ) throws -> Bool {
    let arrivals = try store.keys(withPrefix: Self.arrivalPrefix(asked.address.id))
      .filter { changes[$0] == nil }
    let own = Self.arrivalPrefix(asked.address.id, asked.doctor)
    return arrivals.count < Self.addressLimit
      && arrivals.count(where: { $0.hasPrefix(own) }) < Self.doctorLimit
  }

  /// Whether there is such a hospital, as far as anybody says so now.
  private func isHospital(_ id: String) async throws -> Bool {
    do {
      return try await client.isHospital(id)
    } catch let error as StoreError {
      throw error
    } catch {
      return false
    }
  }

  private func isCurrent(_ asked: AccessRequest, at time: UInt64) -> Bool {
    time <= asked.madeAt &+ Self.requestLifetime
  }

  /// What forgets the requests to an address that do not count any more.
  private func forgettingRequests(
    to address: String, at time: UInt64
  ) throws -> [String: [UInt8]?] {
    var changes: [String: [UInt8]?] = [:]
    for mark in try store.keys(withPrefix: Self.arrivalPrefix(address)) {
      guard let digest = mark.split(separator: "/").last else { continue }
      let key = Self.requestPrefix + digest
      let stored: ForwardAccessRequest? = try store.readable(key)
      // What cannot be read takes nobody's place.
      if let stored, isCurrent(stored.request.object, at: time) { continue }
      changes[mark] = .some(nil)
      changes[key] = .some(nil)
    }
    return changes
  }

  /// The requests that have reached this patient, answered ones too, by the time at which they were made; but
  /// what a disk has damaged, which ``damagedRows()`` names.
  public func requests() throws -> [ReceivedRequest] {
    var found: [ReceivedRequest] = []
    for (_, stored) in try store.readable(
      withPrefix: Self.requestPrefix, as: ForwardAccessRequest.self)
    {
      let asked = stored.request.object
      found.append(
        ReceivedRequest(
          request: asked.digest, doctor: asked.doctor, hospital: asked.hospital,
          purpose: asked.purpose, madeAt: asked.madeAt, address: asked.address))
    }
    return found.sorted { ($0.madeAt, $0.request) < ($1.madeAt, $1.request) }
  }
}
