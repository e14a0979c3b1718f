public import CanonicalEncoding
import Credentials
import EMRScheme
import Ledger

/// One line of a patient's access log.
public struct AccessRecord: Sendable, Equatable {
  /// What an entry about sharing says.
  public enum Event: String, Sendable {
    /// The system manager passed a request on.
    case requested
    case consented
    /// The proxy re-encrypted the record.
    case accessed
    case revoked
  }

  public let event: Event
  /// The visit that it is about.
  public let visit: Digest32
  /// Whose chain has it.
  public let hospital: String
  /// The digest of what the ledger has a notice of: of a request, a certificate; else a consent.
  public let document: Digest32
  /// Who asked and why, if the patient has the consent.
  public let doctor: String?
  /// What the doctor said that it is for; nil as ``doctor``.
  public let purpose: String?
}

/// Who asked for a visit's record and was given it, by all who were heard: what one of them leaves out,
/// another has.
public struct AccessLog: Sendable, Equatable {
  /// In the order of the chain.
  public let records: [AccessRecord]
  /// Hospital and present cloud, where one of them did not answer, or not with entries of this visit alone, or
  /// not with all that it says there are, and why: there may be more than is shown. `malformed` is said of those
  /// alone who have shown themselves, in answers of their own, what does not fit.
  public let unheard: [String: ConsortiumError.Code]

  /// Whether all were heard.
  public var isComplete: Bool { unheard.isEmpty }
}

extension Patient {
  /// Who asked for a visit's record and was given it, by the ledger: as hospital and present cloud have it
  /// together.
  ///
  /// - Throws: ``ConsortiumError`` if neither answers.
  public func accessLog(_ visitID: Digest32, at hospital: String) async throws -> AccessLog {
    let (entries, unheard) = try await sharing(visitID, at: hospital)
    return AccessLog(records: try entries.compactMap(record), unheard: unheard)
  }

  /// The entries about sharing a visit, as hospital and present cloud have them together.
  ///
  /// - Returns: and who was not heard, and why.
  /// - Throws: ``ConsortiumError`` if neither answers.
  func sharing(
    _ visitID: Digest32, at hospital: String
  ) async throws -> (entries: [Entry], unheard: [String: ConsortiumError.Code]) {
    let context = try await context(ofVisit: visitID, at: hospital)
    let author = author(context, try keys(of: context).signingKey)
    let cloud = try await presentCloud(ofHospital: hospital)
    var shown: [(supernode: String, entries: [Entry])] = []
    var unheard: [String: ConsortiumError.Code] = [:]
    var failure: (any Error)?
    for supernode in [cloud, hospital] {
      do {
        let (entries, failure) = try await sharing(shownBy: supernode, to: author)
        shown.append((supernode, entries))
        unheard[supernode] = failure
      } catch let error as StoreError {
        throw error
      } catch {
        unheard[supernode] = ConsortiumError(error).code
        failure = failure ?? error
      }
    }
    if shown.isEmpty, let failure { throw failure }
    var managerKeys = try await managerKeys(since: context, shownBy: shown.map(\.supernode))
    var judged: [Digest32: Bool] = [:]
    func isShared(_ entry: Entry) -> Bool {
      let digest = entry.digest
      let isShared = judged[digest] ?? Self.isShared(entry, context, managerKeys)
      judged[digest] = isShared
      return isShared
    }
    // Whoever shows what these keys have not signed may know a newer one, and then shows that too.
    var unproven: [String: ConsortiumError.Code] = [:]
    for (supernode, entries) in shown where !entries.allSatisfy(isShared) {
      do {
        let newer = try await newerManagerKeys(since: context, shownBy: supernode)
        managerKeys += newer
        judged = judged.filter(\.value)
      } catch let error as StoreError {
        throw error
      } catch {
        unproven[supernode] = ConsortiumError(error).code
      }
    }
    var lists: [[Entry]] = []
    for (supernode, entries) in shown {
      let proven = entries.filter(isShared)
      // Who has shown its newest block, and what does not fit it, is at fault; else the way there may be.
      if proven.count < entries.count { unheard[supernode] = unproven[supernode] ?? .malformed }
      lists.append(proven)
    }
    return (Self.union(lists), unheard)
  }

  /// The keys that the manager has had since a visit began, by the newest block of a supernode.
  private func newerManagerKeys(
    since context: VisitContext, shownBy supernode: String
  ) async throws -> [[UInt8]] {
    _ = try await client.currentMembers(shownBy: supernode)
    return try await managerKeys(since: context, shownBy: [supernode])
  }

  /// The cloud of a hospital by the newest that anybody shows: a former one, or a hospital, alone would have
  /// that one asked who has less.
  private func presentCloud(ofHospital hospital: String) async throws -> String {
    do {
      if let cloud = try await presentMembers().cloud(ofHospital: hospital) { return cloud }
    } catch let error as ConsortiumError where error.code == .unreachable {
      // Nobody says who takes part: whoever is known is asked.
    }
    // Of a hospital that was removed, the last one answers.
    return try await client.currentCloud(ofHospital: hospital)
  }

  /// How many answers of one supernode are looked at: one that never ends keeps no other from being heard.
  static let accessPageLimit = 64

  /// What a supernode shows of the sharing of a visit, answer by answer.
  ///
  /// - Returns: why that is not all that it says there is; nil if it is.
  private func sharing(
    shownBy supernode: String, to author: Author
  ) async throws -> (entries: [Entry], failure: ConsortiumError.Code?) {
    var entries: [Entry] = []
    for _ in 0..<Self.accessPageLimit {
      let page = try await client.ask(
        ReadAccessLog(from: UInt64(entries.count)), of: supernode, by: [author])
      entries += page.entries
      if page.entries.isEmpty || UInt64(entries.count) >= page.count {
        return (entries, UInt64(entries.count) == page.count ? nil : .malformed)
      }
    }
    return (entries, .tooLarge)
  }

  /// The keys that the manager has had since a visit began.
  private func managerKeys(
    since context: VisitContext, shownBy supernodes: [String]
  ) async throws -> [[UInt8]] {
    var failure = ConsortiumError(.unreachable, "nobody was asked")
    for supernode in supernodes {
      do {
        return try await client.memberships(
          since: genesis.epoch(ofHeight: context.baseHeight), by: supernode
        ).map(\.manager.identityKey)
      } catch let error as StoreError {
        throw error
      } catch {
        failure = ConsortiumError(error)
      }
    }
    throw failure
  }

  /// All entries that these have, each once: in the order of who has most, and what that one has not, behind
  /// what stands before it elsewhere.
  static func union(_ lists: [[Entry]]) -> [Entry] {
    var union: [(digest: Digest32, entry: Entry)] = []
    for list in lists.sorted(by: { $0.count > $1.count }) {
      let known = Set(union.map(\.digest))
      var seen = known
      // By what stands before them.
      var added: [Digest32?: [(digest: Digest32, entry: Entry)]] = [:]
      var last: Digest32?
      for entry in list {
        let digest = entry.digest
        if known.contains(digest) {
          last = digest
        } else if seen.insert(digest).inserted {
          added[last, default: []].append((digest, entry))
        }
      }
      union = (added[nil] ?? []) + union.flatMap { [$0] + (added[$0.digest] ?? []) }
    }
    return union.map(\.entry)
  }

  /// Whether an entry is about sharing this visit, by who may say such a thing: of consents the patient, of
  /// requests and accesses the manager.
  private static func isShared(
    _ entry: Entry, _ context: VisitContext, _ managerKeys: [[UInt8]]
  ) -> Bool {
    guard let notice = entry.content.body.object as? any SharingNotice,
      notice.visit == context.visitID, entry.content.chain == context.hospital,
      entry.content.genesis == context.genesis
    else { return false }
    switch notice {
    case is ConsentNotice, is Revocation:
      return entry.content.signer == .patient(visit: context.visitID)
        && entry.isSigned(by: context.visitSigningKey)
    default:
      guard case .party = entry.content.signer else { return false }
      return managerKeys.contains { entry.isSigned(by: $0) }
    }
  }

  private func record(_ entry: Entry) throws -> AccessRecord? {
    guard let notice = entry.content.body.object as? any SharingNotice else { return nil }
    let event: AccessRecord.Event =
      switch notice {
      case is AccessRequestNotice: .requested
      case is ConsentNotice: .consented
      case is AccessNotice: .accessed
      default: .revoked
      }
    let consent = try given(notice.document)?.given.consent
    return AccessRecord(
      event: event, visit: notice.visit, hospital: entry.content.chain, document: notice.document,
      doctor: consent?.doctor, purpose: consent?.purpose)
  }
}
