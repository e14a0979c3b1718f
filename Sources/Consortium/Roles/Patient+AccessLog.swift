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
  /// The digest of the entry itself, by which its place on the chain is proven.
  public let entry: Digest32
  /// The digest of what the ledger has a notice of: of a request, a certificate; else a consent.
  public let document: Digest32
  /// Who asked and why, if the patient has the consent.
  public let doctor: String?
  /// What the doctor said that it is for; nil as ``doctor``.
  public let purpose: String?
  /// Where it stands on the consortium chain, if it stands there alone: it was demanded, and the hospital's chain
  /// does not have it, since the hospital has refused it or never answered.
  public var demand: UInt64?
}

/// Who asked for a visit's record and was given it, by all who were heard: what one of them leaves out,
/// another has.
public struct AccessLog: Sendable, Equatable {
  /// In the order of the chain, and behind them those that stand as a demand alone.
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
    let shown = try await sharing(visitID, at: hospital)
    var records = try shown.entries.compactMap { try record($0) }
    for (index, entry) in shown.demanded {
      if let line = try record(entry, demand: index) { records.append(line) }
    }
    return AccessLog(records: records, unheard: shown.unheard)
  }

  /// What there is about sharing a visit, as hospital and present cloud have it together.
  struct Sharing {
    var entries: [Entry]
    /// Those that the consortium chain has as demands, by where, and the hospital's chain has not.
    var demanded: [(index: UInt64, entry: Entry)]
    /// Who was not heard, and why.
    var unheard: [String: ConsortiumError.Code]
  }

  /// What one supernode shows of that.
  private struct Shown {
    let supernode: String
    var entries: [Entry] = []
    /// Where it says that demands stand.
    var places: [UInt64] = []
    var demanded: [(index: UInt64, entry: Entry)] = []
    var all: [Entry] { entries + demanded.map(\.entry) }
  }

  /// The entries about sharing a visit, as hospital and present cloud have them together.
  ///
  /// - Throws: ``ConsortiumError`` if neither answers.
  func sharing(_ visitID: Digest32, at hospital: String) async throws -> Sharing {
    let context = try await context(ofVisit: visitID, at: hospital)
    let author = author(context, try keys(of: context).signingKey)
    let cloud = try await presentCloud(ofHospital: hospital)
    var shown: [Shown] = []
    var unheard: [String: ConsortiumError.Code] = [:]
    var failure: (any Error)?
    for supernode in [cloud, hospital] {
      do {
        let (pages, failure) = try await sharing(shownBy: supernode, to: author)
        shown.append(pages)
        unheard[supernode] = failure
      } catch let error as StoreError {
        throw error
      } catch {
        unheard[supernode] = ConsortiumError(error).code
        failure = failure ?? error
      }
    }
    if shown.isEmpty, let failure { throw failure }
    unheard.merge(try await proveDemands(of: &shown)) { first, _ in first }
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
    for shown in shown where !shown.all.allSatisfy(isShared) {
      let supernode = shown.supernode
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
    var demanded: [UInt64: Entry] = [:]
    for shown in shown {
      // Who has shown its newest block, and what does not fit it, is at fault; else the way there may be.
      if !shown.all.allSatisfy(isShared) {
        unheard[shown.supernode] = unproven[shown.supernode] ?? .malformed
      }
      lists.append(shown.entries.filter(isShared))
      for (index, entry) in shown.demanded where isShared(entry) { demanded[index] = entry }
    }
    let entries = Self.union(lists)
    let known = Set(entries.map(\.digest))
    return Sharing(
      entries: entries,
      demanded: demanded.sorted { $0.key < $1.key }.map { (index: $0.key, entry: $0.value) }
        .filter { !known.contains($0.entry.digest) }, unheard: unheard)
  }

  /// The entry that is demanded at an index of the consortium chain, proven by who names it; or by any other, where that
  /// one does not know yet that it is final under what is known here.
  private func demanded(at place: UInt64, namedBy supernode: String) async throws -> Entry {
    let others = await client.currentMembers().supernodes.map(\.id).filter { $0 != supernode }
    var failure = ConsortiumError(.notFinal, "nobody proves the demand")
    for asked in [supernode] + others {
      do {
        return try await client.demanded(at: place, by: asked)
      } catch let error as StoreError {
        throw error
      } catch {
        let error = ConsortiumError(error)
        if asked == supernode { failure = error }
        guard failure.code == .notFinal else { break }
      }
    }
    throw failure
  }

  /// Has the demands proven that supernodes name: each once.
  ///
  /// - Returns: who does not prove what it names, and why.
  private func proveDemands(
    of shown: inout [Shown]
  ) async throws -> [String: ConsortiumError.Code] {
    var (proven, unheard): ([UInt64: Entry], [String: ConsortiumError.Code]) = ([:], [:])
    for index in shown.indices {
      do {
        for place in shown[index].places {
          if proven[place] == nil {
            proven[place] = try await demanded(at: place, namedBy: shown[index].supernode)
          }
          if let entry = proven[place] { shown[index].demanded.append((place, entry)) }
        }
      } catch let error as StoreError {
        throw error
      } catch {
        unheard[shown[index].supernode] = ConsortiumError(error).code
      }
    }
    return unheard
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
    } catch let error as ConsortiumError where [.unreachable, .busy].contains(error.code) {
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
  ) async throws -> (shown: Shown, failure: ConsortiumError.Code?) {
    var shown = Shown(supernode: supernode)
    for number in 0..<Self.accessPageLimit {
      let page = try await client.ask(
        ReadAccessLog(from: UInt64(shown.entries.count)), of: supernode, by: [author])
      shown.entries += page.entries
      if number == 0 { shown.places = page.demanded }
      let count = UInt64(shown.entries.count)
      if page.entries.isEmpty || count >= page.count {
        return (shown, count == page.count ? nil : .malformed)
      }
    }
    return (shown, .tooLarge)
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

  private func record(_ entry: Entry, demand: UInt64? = nil) throws -> AccessRecord? {
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
      event: event, visit: notice.visit, hospital: entry.content.chain, entry: entry.digest,
      document: notice.document, doctor: consent?.doctor, purpose: consent?.purpose, demand: demand)
  }
}
