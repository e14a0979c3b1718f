internal import Pairings
internal import Synchronization

/// A scalar that is overwritten when its last holder lets go of it.
final class SecretScalar<Scalar: ScalarField>: @unchecked Sendable {
  // Written in init and deinit alone, hence safe to share.
  private(set) var value: Scalar

  init(_ value: Scalar) { self.value = value }

  /// Uniform in [1, p−1].
  convenience init(using generator: inout some RandomNumberGenerator) {
    self.init(.random(using: &generator))
  }

  convenience init(_ name: String, encoded bytes: [UInt8]) throws(SchemeError) {
    self.init(try Scalar(name, bytes))
  }

  func inverted() -> SecretScalar { SecretScalar(value.inverted()) }

  deinit { value.wipe() }

  static func * (a: SecretScalar, b: SecretScalar) -> SecretScalar {
    SecretScalar(a.value * b.value)
  }

  static func * <Group: PairingSourceGroup>(scalar: SecretScalar, point: Group) -> Group
  where Group.Scalar == Scalar {
    scalar.value * point
  }

  /// Σ sᵢ·Pᵢ
  static func sum<Group: PairingSourceGroup>(
    _ scalars: [SecretScalar], _ points: [Group]
  ) -> Group where Group.Scalar == Scalar {
    var values = scalars.map(\.value)
    defer { for index in values.indices { values[index].wipe() } }
    return .multiScalar(values, points)
  }
}

/// A point that is overwritten when its last holder lets go of it.
final class SecretPoint<Group: PairingSourceGroup>: @unchecked Sendable {
  // Written in init and deinit alone, hence safe to share.
  private(set) var value: Group

  init(_ value: Group) { self.value = value }

  deinit { value.wipe() }
}

/// A secret scalar that can be taken out once.
final class OneUseScalar<Scalar: ScalarField>: Sendable {
  private let slot: Mutex<SecretScalar<Scalar>?>

  init(_ secret: SecretScalar<Scalar>) { slot = Mutex(secret) }

  /// Hands the secret over and forgets it.
  /// - Throws: ``SchemeError`` `used` if it was taken before.
  func take() throws(SchemeError) -> SecretScalar<Scalar> {
    guard let secret = slot.withLock({ $0.take() }) else {
      throw SchemeError(.used, "the secret was for one use and is erased")
    }
    return secret
  }

  /// - Throws: ``SchemeError`` `used` if the secret was taken.
  func encoded() throws(SchemeError) -> [UInt8] {
    guard let secret = slot.withLock({ $0 }) else {
      throw SchemeError(.used, "the secret was for one use and is erased")
    }
    return secret.value.encoded()
  }
}
