import CanonicalEncoding
import Credentials
import EMRScheme
package import Ledger

/// How a patient with nothing but the root finds the own visits (specification 8.5).
extension Patient {
  /// How many answers of one source are looked at in one call: one that never ends keeps no other from
  /// being asked.
  package static let pageLimit = 64

  static let searchPrefix = "restoring/"
  private static func searchKey(_ hospital: String, _ supernode: String) -> String {
    "\(searchPrefix)search/\(hospital)/\(supernode)"
  }
  private static func foundPrefix(_ hospital: String) -> String {
    "\(searchPrefix)found/\(hospital)/"
  }
  /// One visit a nonce and source: whoever makes up identifiers fills nothing.
  private static func foundKey(
    _ hospital: String, _ nonce: Digest32, _ supernode: String
  ) -> String { "\(foundPrefix(hospital))\(nonce)/\(supernode)" }

  // MARK: Who is asked

  /// All hospitals that there were, with the clouds that had their chains, the present one first.
  func keepers() async throws -> [String: [String]] {
    let present = try await presentMembers()
    var memberships = [present, genesis.members]
    for supernode in present.supernodes.map(\.id) {
      if let all = try? await client.memberships(since: 0, by: supernode) {
        memberships += all
        break
      }
    }
    var keepers: [String: [String]] = [:]
    for members in memberships {
      for hospital in members.hospitals {
        var clouds = keepers[hospital] ?? []
        if let cloud = members.cloud(ofHospital: hospital), !clouds.contains(cloud) {
          clouds.append(cloud)
        }
        keepers[hospital] = clouds
      }
    }
    return keepers
  }

  /// Who takes part by the newest that anybody shows: what one hides another may say.
  package func presentMembers() async throws -> ValidMembers {
    var failure = ConsortiumError(.unreachable, "there is no supernode")
    var asked: Set<String> = []
    var isShown = false
    while let next = await client.currentMembers().supernodes.map(\.id)
      .first(where: { !asked.contains($0) })
    {
      asked.insert(next)
      do {
        _ = try await client.currentMembers(shownBy: next)
        isShown = true
      } catch let error as StoreError {
        throw error
      } catch {
        failure = ConsortiumError(error)
      }
    }
    guard isShown else { throw failure }
    return await client.currentMembers()
  }

  // MARK: Finding

  /// Goes on to look for own visits among the openings that a source shows of a chain.
  ///
  /// - Parameter goingOn: whether to look for what has come to a chain that was looked at to its end.
  func search(
    _ hospital: String, at supernode: String, goingOn: Bool = false
  ) async throws -> Restoration.Source {
    let key = Self.searchKey(hospital, supernode)
    var state: SearchState = try store.load(key) ?? SearchState()
    if goingOn { state.isComplete = false }
    var source = Restoration.Source(hospital: hospital, supernode: supernode)
    do {
      // Of this occasion, so that nobody links it with another.
      let asker = try IdentityKey(seed: randomness.bytes(32))
      let author = Author(.key(asker.publicKey), asker)
      var pagesLeft = Self.pageLimit
      while !state.isComplete, pagesLeft > 0 {
        pagesLeft -= 1
        let page = try await client.ask(
          FindVisits(hospital: hospital, from: state.next), of: supernode, by: [author])
        var changes = try matches(page, hospital, supernode)
        if page.size < state.next {
          // The chain has gone back: what stands there now was not looked at.
          state.next = 0
        } else {
          try page.requireProgress(from: state.next)
          state.next = page.next
          state.isComplete = page.next == page.size
        }
        changes[key] = Message(state).encoded()
        try store.write(changes)
      }
    } catch let error as StoreError {
      throw error
    } catch {
      source.failure = ConsortiumError(error).code
    }
    (source.leaves, source.isComplete) = (state.next, state.isComplete)
    return source
  }

  /// The visits of a page whose S_v this root gives with their nonce.
  private func matches(
    _ page: FoundVisits, _ hospital: String, _ supernode: String
  ) throws -> [String: [UInt8]?] {
    var changes: [String: [UInt8]?] = [:]
    for found in page.visits {
      let own = try keys.root.signingKey(
        genesis: genesis.digest, hospital: hospital, nonce: found.keyNonce,
        suite: genesis.content.suite)
      guard own.publicKey == found.signingKey else { continue }
      let key = Self.foundKey(hospital, found.keyNonce, supernode)
      if changes[key] == nil, try store.value(forKey: key) == nil {
        let visitKey = try keys(at: hospital, nonce: found.keyNonce).visitKey
        changes[key] = found.visit(visitKey.encodedPublicKey).bytes
      }
    }
    return changes
  }

  /// By nonce, the identifiers that were given with it: one, unless somebody lies.
  func found(at hospital: String) throws -> [(nonce: Digest32, visits: Set<Digest32>)] {
    let prefix = Self.foundPrefix(hospital)
    var found: [Digest32: Set<Digest32>] = [:]
    for key in try store.keys(withPrefix: prefix) {
      guard let nonce = Digest32(hex: String(key.dropFirst(prefix.count).prefix(64))),
        let visit = try store.value(forKey: key).flatMap({ Digest32($0) })
      else { continue }
      found[nonce, default: []].insert(visit)
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}

extension FoundVisits {
  /// That an answer goes on from where it was asked, as far as it has to.
  ///
  /// - Throws: ``ConsortiumError`` `malformed` for one that stands still, goes back, or goes in steps so
  ///   small that there would be no end.
  func requireProgress(from index: UInt64) throws {
    guard next >= index, next <= size, next == size || next - index >= Self.leastLeaves,
      UInt64(visits.count) <= next - index
    else { throw ConsortiumError(.malformed, "the answer does not go on from leaf \(index)") }
  }
}
