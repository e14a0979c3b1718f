public import Pairings

/// A verified key with the pairing's lines for A computed ahead.
public final class PreparedDoctorKey<Suite: PairingSuite>: Sendable {
  /// The key, as its registration has proven it.
  public let verified: VerifiedDoctorKey<Suite>
  let a: Suite.PreparedG2

  /// Computes the lines of A.
  public init(_ verified: VerifiedDoctorKey<Suite>) {
    self.verified = verified
    a = Suite.prepare(verified.key.a)
  }

  var key: DoctorPublicKey<Suite> { verified.key }
}

/// Keeps the prepared keys of the doctors seen last.
public struct PreparedKeyCache<Suite: PairingSuite>: Sendable {
  private var keys: [String: PreparedDoctorKey<Suite>] = [:]
  private var order: [String] = []
  private let capacity: Int

  /// - Parameter capacity: how many doctors to keep; one takes about 20 kB on BLS12-381.
  public init(capacity: Int = 256) { self.capacity = max(1, capacity) }

  /// The key of exactly this statement, if it was prepared before.
  public func known(_ statement: RegistrationStatement) -> PreparedDoctorKey<Suite>? {
    guard let known = keys[statement.doctor], known.verified.statement == statement else {
      return nil
    }
    return known
  }

  /// The prepared form of a key, computed unless it is kept; the oldest goes where there is no
  /// room.
  public mutating func prepared(
    _ verified: VerifiedDoctorKey<Suite>
  ) -> PreparedDoctorKey<Suite> {
    let doctor = verified.statement.doctor
    if let known = keys[doctor], known.verified == verified { return known }
    let prepared = PreparedDoctorKey(verified)
    if keys.updateValue(prepared, forKey: doctor) == nil {
      order.append(doctor)
      if order.count > capacity { keys[order.removeFirst()] = nil }
    }
    return prepared
  }
}
