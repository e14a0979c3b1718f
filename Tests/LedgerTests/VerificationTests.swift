import CanonicalEncoding
import Consensus
import Credentials
import EMRScheme
import Ledger
import Synchronization
import TestSupport
import Testing
import TransparencyLog

@Suite("Offline verification of an export")
struct VerificationTests {
  /// Two visits, one abandoned and one disputed, and everything anchored.
  static func exported() throws -> (ledger: LedgerFixture, export: MemoryExport) {
    var ledger = try LedgerFixture.withTeam()
    let first = try ledger.conduct(1)
    try ledger.append(ledger.receipt(of: first))
    let left = try ledger.visit(2)
    try ledger.open(left)
    #expect(try ledger.open(left) == "entry-known")
    try ledger.append(ledger.abandonment(of: left))
    let second = try ledger.conduct(3)
    try ledger.append(ledger.receipt(of: second, .disputed))
    try ledger.confirmAndAnchor()
    return (ledger, try MemoryExport(ledger))
  }

  private func failure(
    _ export: MemoryExport, _ ledger: LedgerFixture, known: String? = nil
  ) throws -> Verification.Failure? {
    do {
      _ = try export.verify(ledger, known: known)
      return nil
    } catch let failure as Verification.Failure {
      return failure
    }
  }

  // MARK: Honest

  @Test("an honest export passes every check, and its summary is what happened")
  func honest() throws {
    let (ledger, export) = try Self.exported()
    let report = try export.verify(ledger, known: ledger.consortium.final?.note)
    #expect(report.genesisDigest == ledger.genesis.digest)
    #expect(report.isGenesisCompared)
    #expect(report.knownCheckpointIsCompared == true)
    #expect(report.network == "test")
    #expect(report.doctors == 3)
    #expect(report.time == LedgerFixture.start + 10)
    #expect(report.halts.isEmpty)
    #expect(report.chains.map(\.name) == ["consortium"] + LedgerFixture.hospitals)
    // A chain without a block: everything is zero.
    let empty = report.chains[3]
    #expect([empty.blocks, empty.leaves, empty.finalLeaves, empty.generation] == [0, 0, 0, 0])
    #expect(empty.fault == nil)
    #expect(empty.isAbsent && !empty.isCompared)
    #expect(empty.visits.complete + empty.visits.abandoned + empty.visits.unprovenTimes == 0)
    var consortium = empty
    consortium.name = "consortium"
    consortium.isAbsent = false
    consortium.blocks = 2
    // An opening, 3 registrations and a header; an opening, an anchor and a header.
    consortium.leaves = 8
    consortium.finalLeaves = 8
    consortium.isCompared = true
    #expect(report.chains[0] == consortium)
    var hospital = empty
    hospital.name = "hospital-1"
    hospital.isAbsent = false
    hospital.blocks = ledger.chain().engine.height
    hospital.leaves = UInt64(ledger.chain().leaves.count)
    hospital.finalLeaves = hospital.leaves
    hospital.visits.complete = 2
    hospital.visits.acknowledged = 1
    hospital.visits.disputed = 1
    hospital.visits.abandoned = 1
    #expect(report.chains[1] == hospital)
    hospital = empty
    hospital.name = "hospital-2"
    #expect(report.chains[2] == hospital)
  }

  @Test("without a genesis digest nothing is said about whose ledger it is")
  func notCompared() throws {
    let (ledger, export) = try Self.exported()
    let report = try export.verify(nil)
    #expect(!report.isGenesisCompared)
    #expect(report.knownCheckpointIsCompared == nil)
    #expect(report.genesisDigest == ledger.genesis.digest)
  }

  @Test("two exports of one ledger are the same file, tiles and all, beyond 256 leaves")
  func manyLeaves() throws {
    var (ledger, _) = try Self.exported()
    while ledger.consortium.engine.size < 300 {
      try ledger.closeConsortiumBlock(at: ledger.seconds + 1)
    }
    let export = try MemoryExport(ledger)
    #expect(try export.encoded() == MemoryExport(ledger).encoded())
    #expect(
      export.files.map(\.path).prefix(8) == [
        "genesis.der", "consortium/checkpoint", "consortium/tile/entries/000",
        "consortium/tile/entries/001.p/\(ledger.consortium.engine.size - 256)",
        "consortium/tile/0/000", "consortium/tile/0/001.p/\(ledger.consortium.engine.size - 256)",
        "consortium/tile/1/000.p/1", "hospital-1/0/checkpoint",
      ])
    let report = try export.verify(ledger)
    #expect(report.chains.allSatisfy { $0.fault == nil })
    #expect(report.chains[0].leaves == ledger.consortium.engine.size)
    for (index, file) in export.files.enumerated() where file.path.contains("/tile/") {
      var changed = export
      changed.files[index].bytes[file.bytes.count - 1] ^= 1
      #expect(try !changed.passes(ledger), "\(file.path)")
    }
  }

  @Test("halts of the consortium are named")
  func halts() throws {
    var (ledger, _) = try Self.exported()
    try ledger.closeConsortiumBlock(at: 5000)
    try ledger.closeConsortiumBlock(at: 5060)
    let report = try MemoryExport(ledger).verify(ledger)
    #expect(report.halts.map(\.height) == [2])
    #expect(report.halts.map(\.seconds) == [4990])
  }

  @Test("what is confirmed and not anchored yet is valid, and neither final nor proven on time")
  func unanchored() throws {
    var (ledger, _) = try Self.exported()
    let anchored = ledger.chain().engine.size
    _ = try ledger.conduct(4)
    try ledger.confirm()
    let report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains[1].finalLeaves == anchored)
    #expect(report.chains[1].leaves == ledger.chain().engine.size)
    #expect(report.chains[1].visits.complete == 3)
    // Three signatures and the completion.
    #expect(report.chains[1].visits.unprovenTimes == 4)
    #expect(report.chains[1].fault == nil)
  }

  @Test(
    "[attack] an addendum to a visit of another hospital is proven by that chain, or counted as unproven"
  )
  func foreignAddenda() throws {
    var ledger = try LedgerFixture.withTeam()
    try ledger.registerTeam(1, at: "hospital-2")
    let complete = try ledger.conduct(1)
    let other = try ledger.conduct(2)
    let open = try ledger.visit(3)
    try ledger.open(open)
    func amend(_ number: UInt8, _ change: @escaping (inout VisitContext) -> Void) throws {
      _ = try ledger.conduct(
        number, team: ["hospital-2-doctor-1"], at: "hospital-2", changing: change)
    }
    _ = try ledger.conduct(4) { $0.amends = complete.amended(by: $0) }
    try amend(5) { $0.amends = complete.amended(by: $0) }
    // Of another patient, of a visit that is not complete, of one that there is not.
    try amend(6) { $0.amends = complete.amended(by: $0, key: other.patient) }
    try amend(7) { $0.amends = open.amended(by: $0) }
    try amend(8) {
      $0.amends = complete.amended(by: $0)
      $0.amends?.visit = .zero
    }
    try ledger.confirmAndAnchor("hospital-1")
    try ledger.confirmAndAnchor("hospital-2")
    var export = try MemoryExport(ledger)
    let visits = try export.verify(ledger).chains.map(\.visits)
    #expect(visits.map(\.addenda) == [0, 1, 4, 0])
    #expect(visits.map(\.unprovenAddenda) == [0, 0, 3, 0])
    // Without that hospital's chain nothing of it is proven.
    export.files.removeAll { $0.path.hasPrefix("hospital-1/") }
    let alone = try export.verify(ledger).chains[2]
    #expect(alone.fault == nil)
    #expect((alone.visits.addenda, alone.visits.unprovenAddenda) == (4, 4))
  }

  // MARK: Tampering

  @Test("[attack] a file with any bit changed does not pass, or is the same file")
  func everyByte() throws {
    var ledger = try LedgerFixture.withTeam(doctors: 1)
    _ = try ledger.conduct(1, team: [LedgerFixture.team[0]])
    try ledger.confirmAndAnchor()
    let export = try MemoryExport(ledger)
    #expect(try export.passes(ledger))
    let bytes = try export.encoded()
    // Every 43rd byte reaches all kinds of fields in reasonable time, and the end of the file.
    let places = Array(stride(from: 0, to: bytes.count, by: 43)) + [bytes.count - 1]
    for index in places {
      var changed = bytes
      changed[index] ^= 0x04
      #expect(try !MemoryExport.passes(changed, ledger), "byte \(index)")
    }
  }

  @Test("[attack] a file that ends too early, or goes on, is no export")
  func cuts() throws {
    let (ledger, export) = try Self.exported()
    let bytes = try export.encoded()
    var generator = SeededGenerator(seed: 5)
    var places = [0, 1, 511, 512, bytes.count - 1, bytes.count - 512, bytes.count - 1024]
    var end = 0
    for file in export.files {
      places += [end + 512, end + 512 + file.bytes.count]
      end += 512 + (file.bytes.count + 511) / 512 * 512
      places.append(end)
    }
    for _ in 0..<40 { places.append(Int.random(in: 0..<bytes.count, using: &generator)) }
    for place in places {
      #expect(throws: Verification.Failure.self, "cut at \(place)") {
        try MemoryExport.verify(Array(bytes.prefix(place)), ledger.genesis.digest)
      }
    }
    for more in [[0], [UInt8](repeating: 0, count: 512), [1]] {
      #expect(throws: Verification.Failure.self) {
        try MemoryExport.verify(bytes + more, ledger.genesis.digest)
      }
    }
    #expect(throws: Verification.Failure.self) { try MemoryExport.verify(bytes + bytes, nil) }
  }

  @Test("[attack] a checkpoint that promises more leaves than there can be")
  func absurdSizes() throws {
    let (ledger, export) = try Self.exported()
    for size in [1 << 20, UInt64.max >> 1] {
      var changed = export
      changed["hospital-1/0/checkpoint"] = Array(
        try ledger.confirmedNote(
          "hospital-1", size: size, root: [UInt8](repeating: 1, count: 32)
        ).utf8)
      #expect(try failure(changed, ledger)?.check == .archive)
    }
  }

  // MARK: Colluding signers

  @Test("[attack] cosigners who sign a block with a visit that Eq. 3 does not hold for")
  func colludingCosigners() throws {
    // The hospital and its cloud take every claim for true.
    var ledger = try LedgerFixture.withTeam()
    let honest = try ledger.conduct(1)
    try ledger.append(ledger.receipt(of: honest))
    try ledger.closeBlock()
    let height = ledger.chain().engine.height
    let end = UInt64(ledger.chain().leaves.count)
    var visit = try ledger.visit(2)
    try ledger.open(visit)
    for position in 1...3 { try ledger.sign(&visit, position: position) }
    ledger.chains["hospital-1"]?.believesEverything = true
    var forged = visit
    _ = try ledger.partialSignature(&forged, position: 3, attempt: 2, finding: "forged")
    let signature = Array(forged.encodedSignature[48...] + forged.encodedSignature[..<48])
    let partial = PartialSignature(
      visit: visit.id, commitments: forged.commitments, signature: signature)
    #expect(try ledger.append(partial, on: "hospital-1", by: LedgerFixture.team[2]) == nil)
    var completion = ledger.completion(of: forged)
    completion.signature = signature
    #expect(try ledger.append(completion, on: "hospital-1", by: LedgerFixture.team[2]) == nil)
    // Blocks that stand on it, with nothing wrong in themselves.
    _ = try ledger.conduct(3)
    try ledger.confirmAndAnchor()
    let report = try MemoryExport(ledger).verify(ledger)
    let chain = report.chains[1]
    #expect(chain.fault?.check == .rules)
    #expect(chain.fault?.height == height)
    #expect(chain.fault?.reason.contains("wrong-multisignature") == true)
    #expect(chain.blocks == height)
    #expect(chain.leaves == end)
    #expect(chain.visits.complete == 1)
    #expect(chain.visits.acknowledged == 1)
    // No anchor ends behind the valid part: it is valid, and not final.
    #expect(chain.finalLeaves == 0)
    #expect(report.chains[0].fault == nil)
  }

  @Test(
    "[attack] one false claim in a batch ends the chain exactly before its block",
    arguments: [0, 3, 6])
  func oneFalseClaim(after visits: Int) throws {
    var ledger = try LedgerFixture.withTeam(doctors: 1)
    let team = [LedgerFixture.team[0]]
    for number in 0..<visits { _ = try ledger.conduct(UInt8(number), team: team) }
    let (height, end) = (ledger.chain().engine.height, UInt64(ledger.chain().leaves.count))
    ledger.chains["hospital-1"]?.believesEverything = true
    var opening = try ledger.visit(100, team: team).opening
    opening.patientSignature[3] ^= 1
    #expect(try ledger.append(opening, on: "hospital-1", by: "hospital-1") == nil)
    try ledger.closeBlock()
    for number in 0..<3 { _ = try ledger.conduct(UInt8(200 + number), team: team) }
    try ledger.confirm()
    let chain = try MemoryExport(ledger).verify(ledger).chains[1]
    #expect(chain.fault?.height == height)
    #expect(chain.fault?.reason.contains("wrong-visit-key-proof") == true)
    #expect(chain.blocks == height)
    #expect(chain.leaves == end)
    #expect(chain.visits.complete == UInt64(visits))
  }

  /// An export with these leaves of the consortium chain, which three of its delegates have signed.
  private func export(
    _ ledger: LedgerFixture, consortium leaves: [[UInt8]]
  ) throws -> MemoryExport {
    let tree = MerkleTree(leaves: leaves)
    let checkpoint = try Checkpoint(
      origin: ledger.genesis.origin(of: "consortium"), size: tree.size, root: tree.root)
    var note = try ledger.cosigned(checkpoint, of: "consortium", by: "cloud").note
    for node in ["hospital-1", "hospital-2"] {
      note = try note.adding(ledger.cosigned(checkpoint, of: "consortium", by: node).note)
    }
    var export = try MemoryExport(ledger)
    export.replaceLog(
      "consortium", with: MemoryExport.log("consortium", note: note.encoded, leaves: leaves))
    return export
  }

  @Test("[attack] delegates who sign an item that the rules refuse: chains are judged up to there")
  func faultInTheConsortium() throws {
    var (ledger, _) = try Self.exported()
    let valid = ledger.consortium.engine.size
    let (validBlocks, hospitalLeaves) = (
      ledger.reader.height, ledger.chain().engine.size
    )
    // A real block follows, on which a hospital's block stands.
    try ledger.register("late", at: "hospital-1")
    try ledger.closeConsortiumBlock(at: 2000)
    _ = try ledger.conduct(9)
    try ledger.confirm()
    // Its opening has another's signature: two delegates and the third sign that tree.
    var leaves = try (0..<ledger.consortium.engine.size).map {
      try #require(try ledger.reader.leaf($0))
    }
    let opening = try #require(Leaf.entry(in: leaves[Int(valid)])).content
    leaves[Int(valid)] = Leaf.item(
      Entry(opening, signedBy: try #require(ledger.identities["cloud"]))
    ).encoded()
    let report = try export(ledger, consortium: leaves).verify(ledger)
    #expect(report.chains[0].fault?.check == .rules)
    #expect(report.chains[0].fault?.height == validBlocks)
    #expect(report.chains[0].leaves == valid)
    // What stands behind it counts nothing: no doctor, no time, no halt.
    #expect(report.doctors == 3)
    #expect(report.time == LedgerFixture.start + 10)
    #expect(report.halts.isEmpty)
    #expect(report.chains[1].finalLeaves == hospitalLeaves)
    #expect(report.chains[1].leaves == hospitalLeaves)
    #expect(report.chains[1].fault?.reason.contains("unknown-base") == true)
    #expect(report.chains[1].visits.complete == 2)
    #expect(report.chains[2].fault == nil)
  }

  /// Blocks that are no blocks, however many delegates cosign them.
  enum Undecided: CaseIterable {
    case withoutOpening, outOfTurn, timeBack, withoutCommits, tooFewCommits, strangersCommit
    case otherRoot

    var code: String {
      switch self {
      case .withoutOpening: "opening-missing"
      case .outOfTurn: "not-in-turn"
      case .timeBack: "wrong-time"
      default: "wrong-commits"
      }
    }

    func apply(to opening: inout BlockOpening, of ledger: LedgerFixture) throws {
      switch self {
      case .withoutOpening: break
      case .outOfTurn: opening.round += 1
      case .timeBack: opening.time -= 1
      case .withoutCommits: opening.commits = nil
      case .tooFewCommits: opening.commits?.commits.removeLast(2)
      case .strangersCommit:
        let key = try #require(ledger.identities["cloud"])
        let vote = try ledger.vote(
          for: opening.commits?.root, height: opening.height - 1, by: "hospital-2", key: key)
        opening.commits?.commits[1].signature = vote.signature
      case .otherRoot:
        opening.commits?.root = .zero
        for (seat, node) in ledger.genesis.content.delegates.enumerated() {
          opening.commits?.commits[seat].signature =
            try ledger.vote(for: .zero, height: opening.height - 1, by: node).signature
        }
      }
    }
  }

  @Test(
    "[attack] delegates who cosign a block that was not opened in its turn, or stands on no decision",
    arguments: Undecided.allCases)
  func undecidedBlock(fault: Undecided) throws {
    var (ledger, _) = try Self.exported()
    let chain = try (0..<ledger.consortium.engine.size).map {
      try #require(try ledger.reader.leaf($0))
    }
    let height = ledger.consortium.engine.height
    let proposer = ledger.genesis.content.delegates[Int(height % 4)]
    let opening = try ledger.opening(by: proposer) { try fault.apply(to: &$0, of: ledger) }
    try ledger.register("late", at: "hospital-1")
    let items = (fault == .withoutOpening ? [] : [opening]) + ledger.waiting
    var header = try #require(ledger.consortium.engine.header)
    // What they put behind it decides nothing: the fault is found before it.
    (header.height, header.firstIndex) = (header.height + 1, UInt64(chain.count))
    header.itemCount = UInt64(items.count)
    let leaves =
      chain + items.map { Leaf.item($0).encoded() } + [Leaf.header(header).encoded()]
    let report = try export(ledger, consortium: leaves).verify(ledger)
    #expect(report.chains[0].fault?.check == .rules)
    #expect(
      report.chains[0].fault?.reason == "the rules refuse item \(chain.count): \(fault.code)")
    #expect(report.chains[0].leaves == UInt64(chain.count))
    #expect(report.chains[1].fault == nil)
    #expect(report.doctors == 3)
  }

  @Test("a block that ends behind any of its items is a block, if it is decided")
  func blocksEndAnywhere() throws {
    var (ledger, _) = try Self.exported()
    let blocks = ledger.reader.height
    try ledger.closeConsortiumBlock(at: 20)
    try ledger.register("late", at: "hospital-1")
    try ledger.closeConsortiumBlock(at: 30)
    let report = try MemoryExport(ledger).verify(ledger)
    #expect(report.chains[0].fault == nil)
    #expect(report.chains[0].blocks == blocks + 2)
    #expect(report.time == LedgerFixture.start + 30)
    #expect(report.doctors == 4)
  }

  @Test("[attack] without the delegates' signatures no hospital's chain is valid or final")
  func unsignedConsortium() throws {
    let (ledger, export) = try Self.exported()
    let size = ledger.consortium.engine.size
    let checkpoint = try ledger.reader.checkpoint(size: size)
    let two = try ledger.cosigned(checkpoint, of: "consortium", by: "cloud").note.adding(
      ledger.cosigned(checkpoint, of: "consortium", by: "hospital-1").note)
    var changed = export
    changed["consortium/checkpoint"] = Array(two.encoded.utf8)
    // And a tree that is not the checkpoint's.
    let leaves = try (0..<size).map { try #require(try ledger.reader.leaf($0)) }
    var other = export
    let forged = try ledger.cosigned(
      Checkpoint(
        origin: checkpoint.origin, size: size, root: [UInt8](repeating: 1, count: 32)),
      of: "consortium", by: "cloud")
    other.replaceLog(
      "consortium",
      with: MemoryExport.log("consortium", note: forged.note.encoded, leaves: leaves))
    for (export, check) in [(changed, Verification.Check.checkpoint), (other, .tree)] {
      let report = try export.verify(ledger)
      #expect(report.chains[0].fault?.check == check)
      #expect(report.chains[0].leaves == 0)
      #expect(report.doctors == 0)
      #expect(report.time == LedgerFixture.start)
      // Whoever asks for this hospital's chain alone must not be told that it is well.
      #expect(report.chains[1].fault != nil)
      #expect(report.chains[1].leaves == 0)
      #expect(report.chains[1].finalLeaves == 0)
      #expect(report.chains[1].visits == report.chains[3].visits)
    }
    // No consortium at all.
    var none = export
    none.replaceLog("consortium", with: [])
    #expect(try !none.passes(ledger))
  }

  // MARK: Known checkpoints

  @Test("[attack] an export that is older than a known checkpoint, or contradicts it")
  func knownCheckpoint() throws {
    var (ledger, old) = try Self.exported()
    let early = try ledger.copy()
    let (oldConsortium, oldHospital) = (
      try #require(ledger.consortium.final).note, try #require(ledger.chain().confirmed).note
    )
    // A ledger that goes on differently from here on: the delegates and the hospital fork.
    var fork = try LedgerFixture.withTeam()
    _ = try fork.conduct(8)
    try fork.closeConsortiumBlock(at: 30)
    try fork.confirmAndAnchor()
    _ = try ledger.conduct(4)
    try ledger.confirmAndAnchor()
    let new = try MemoryExport(ledger)
    func faults(_ export: MemoryExport, _ known: String) throws -> [Verification.Check?] {
      let report = try export.verify(ledger, known: known)
      #expect(report.knownCheckpointIsCompared == true)
      return report.chains.prefix(2).map { $0.fault?.check }
    }
    #expect(try faults(new, oldConsortium) == [nil, nil])
    #expect(try faults(new, oldHospital) == [nil, nil])
    let newHospital = try #require(ledger.chain().confirmed).note
    let newConsortium = try #require(ledger.consortium.final).note
    #expect(try faults(new, newHospital) == [nil, nil])
    #expect(try faults(old, newHospital) == [nil, .knownCheckpoint])
    // Everything hangs on the consortium's chain.
    #expect(try faults(old, newConsortium) == [.knownCheckpoint, .knownCheckpoint])
    #expect(
      try faults(new, #require(fork.chain().confirmed).note) == [nil, .knownCheckpoint])
    #expect(
      try faults(new, #require(fork.consortium.final).note)
        == [.knownCheckpoint, .knownCheckpoint])
    // The chain of the known checkpoint is left out.
    var without = try MemoryExport(early)
    without.replaceLog("hospital-1/0", with: [])
    #expect(try without.verify(ledger, known: oldHospital).chains[1].fault?.check != nil)
    // Not signed by everybody who has to.
    let checkpoint = try Checkpoint(
      origin: ledger.genesis.origin(of: "hospital-1"), size: early.chain().engine.size,
      root: early.chain().engine.root(size: early.chain().engine.size))
    let alone = try ledger.logKey("hospital-1").sign(checkpoint).note.encoded
    #expect(try faults(new, alone) == [nil, .knownCheckpoint])
    // Of no chain of this ledger.
    let foreign = try LedgerFixture(seed: 2)
    let foreignNote = try foreign.confirmedNote("hospital-1", size: 3, root: checkpoint.root)
    for note in ["nonsense", "", foreignNote] {
      let report = try new.verify(ledger, known: note)
      #expect(report.knownCheckpointIsCompared == false)
      #expect(report.chains.allSatisfy { !$0.isCompared })
    }
  }
}

/// An export in memory, to change and to verify.
struct MemoryExport {
  struct File: Equatable {
    var path: String
    var bytes: [UInt8]
  }

  var files: [File] = []

  private struct Collector: ExportSink {
    var files: [File] = []
    mutating func write(_ bytes: [UInt8], to path: String) {
      files.append(File(path: path, bytes: bytes))
    }
    mutating func finish() {}
  }

  init(_ ledger: LedgerFixture) throws {
    var collector = Collector()
    let logs = try ledger.reader.hospitals.compactMap { ledger.chains[$0]?.view }
      .map { ExportWriter.Log($0) }
    try ExportWriter.write(
      genesis: ledger.genesis, logs: [ExportWriter.Log(ledger.reader)] + logs,
      to: &collector)
    files = collector.files
  }

  /// The files of one log of at most 256 leaves, whatever they are.
  static func log(_ folder: String, note: String, leaves: [[UInt8]]) -> [File] {
    guard let bundle = try? EntryBundle(leaves) else { fatalError("no bundle") }
    let part = leaves.count == 256 ? "000" : "000.p/\(leaves.count)"
    return [
      File(path: "\(folder)/checkpoint", bytes: Array(note.utf8)),
      File(path: "\(folder)/tile/entries/\(part)", bytes: bundle.encoded),
      File(path: "\(folder)/tile/0/\(part)", bytes: bundle.leafHashes),
    ]
  }

  subscript(path: String) -> [UInt8] {
    get { files.first { $0.path == path }?.bytes ?? [] }
    set {
      guard let index = files.firstIndex(where: { $0.path == path }) else {
        fatalError("no file \(path)")
      }
      files[index].bytes = newValue
    }
  }

  /// Puts other files of a log into the place of those that are there.
  mutating func replaceLog(_ folder: String, with other: [File]) {
    let start = files.firstIndex { $0.path.hasPrefix(folder + "/") } ?? files.count
    files.removeAll { $0.path.hasPrefix(folder + "/") }
    files.insert(contentsOf: other, at: start)
  }

  /// Takes the bytes of the file that begins so from other files.
  mutating func replace(_ prefix: String, with other: [File]) throws {
    let bytes = try #require(other.first { $0.path.hasPrefix(prefix) }).bytes
    let path = try #require(files.first { $0.path.hasPrefix(prefix) }).path
    self[path] = bytes
  }

  func encoded() throws -> [UInt8] {
    let bytes = Mutex([UInt8]())
    var sink = UstarSink { part in bytes.withLock { $0 += part } }
    for file in files { try sink.write(file.bytes, to: file.path) }
    try sink.finish()
    return bytes.withLock { $0 }
  }

  static func verify(
    _ bytes: [UInt8], _ digest: Digest32?, known: String? = nil
  ) throws -> Verification.Report {
    let position = Mutex(0)
    var source = UstarSource { count in
      position.withLock { position in
        defer { position = min(bytes.count, position + count) }
        return Array(bytes[position..<min(bytes.count, position + count)])
      }
    }
    return try Verification.verify(
      &source, genesisDigest: digest, knownNote: known, stores: { _ in MemoryStateStore() })
  }

  func verify(_ ledger: LedgerFixture?, known: String? = nil) throws -> Verification.Report {
    try Self.verify(encoded(), ledger?.genesis.digest, known: known)
  }

  /// The check at which the export as a whole fails.
  func check(_ ledger: LedgerFixture?) throws -> Verification.Check? {
    do {
      _ = try verify(ledger)
      return nil
    } catch let failure as Verification.Failure {
      return failure.check
    }
  }

  /// Whether nothing is found.
  func passes(_ ledger: LedgerFixture) throws -> Bool { try Self.passes(encoded(), ledger) }

  static func passes(_ bytes: [UInt8], _ ledger: LedgerFixture) throws -> Bool {
    do {
      let report = try verify(bytes, ledger.genesis.digest)
      return report.chains.allSatisfy { $0.fault == nil }
    } catch is Verification.Failure {
      return false
    }
  }
}
