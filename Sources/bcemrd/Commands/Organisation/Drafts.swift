import ArgumentParser
import CanonicalEncoding
import Consortium
import Credentials
import Ledger

struct ShowDraft: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Say what a draft would do, and who has agreed; asks nobody.")

  @Argument(help: "The draft.")
  var draft: String

  @Option(help: "The genesis of the ledger.")
  var genesis: String

  @Flag(help: "Print one JSON value instead of text.")
  var json = false

  func run() throws {
    let genesis = try Machine.genesis(at: genesis)
    let read = try MotionDraft.read(draft, genesis)
    let report = try DraftReport(read, nil, genesis.digest)
    if json { return try Output.json(report) }
    for line in report.lines { Output.line(line) }
  }
}

struct Agree: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Agree to a draft with a key file: of who is to be admitted, or of its organisation.",
    discussion: """
      It asks nobody, and sends nothing: the agreement is in the file, for this motion alone. Compare the \
      fingerprints with those that your own 'init' printed. A server that runs agrees at its 'desk'.
      """)

  @Argument(help: "The draft; the agreement is put into it.")
  var draft: String

  @Option(
    name: .customLong("keys"),
    help: "A key file: organisation/keys.pem or data/ID/keys.pem; may be given several times.")
  var keys: [String]

  @Option(help: "The genesis of the ledger.")
  var genesis: String

  @Flag(help: "Print one JSON value instead of text.")
  var json = false

  func run() throws {
    let genesis = try Machine.genesis(at: genesis)
    var read = try MotionDraft.read(draft, genesis)
    var own: [String: [UInt8]] = [:]
    for path in keys {
      let (party, key) = try read.agree(OrganisationSession.keys(path), genesis)
      own[party] = key
    }
    try read.write(draft)
    let report = try DraftReport(read, nil, genesis.digest, keys: own)
    if json { return try Output.json(report) }
    for line in report.lines { Output.line(line) }
  }
}

struct Submit: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Put the motion of a draft to which all have agreed.")

  @Argument(help: "The draft; where copies of it went around, all of them.")
  var drafts: [String]

  @OptionGroup var wait: WaitOption
  @OptionGroup var options: OrganisationOptions

  func run() async throws {
    try await OrganisationSession.run(options) { session in
      guard let first = drafts.first else { return }
      var draft = try MotionDraft.read(first, session.genesis)
      for path in drafts.dropFirst() {
        try draft.merge(try MotionDraft.read(path, session.genesis), from: path)
      }
      guard draft.organisation == session.id else {
        throw DaemonFailure(
          .badInput, "\(first): \(draft.organisation) is to put this motion, and not \(session.id)",
          code: "other-organisation", hint: "what was agreed to holds for that one alone")
      }
      let consortium = await session.node.consortium
      let changes = try draft.content().changes
      let motion = try draft.agreed(
        try consortium.preview(of: changes).consents, session.genesis.digest)
      let done = try await session.submit(motion, patience: wait.duration)
      try options.show(PutReport(motion, done, try consortium.nextMembers, options))
    }
  }
}

/// What a draft would do.
struct DraftReport: OrganisationReport {
  let organisation: String
  let changes: [ChangeReport]
  let agreed: [String]
  /// Named as agreeing, by keys that the draft does not have: `submit` checks them.
  let unchecked: [String]
  /// Named as agreeing, with signatures that are not theirs, or of another motion.
  let forged: [String]
  /// nil where nobody has asked the ledger.
  let missing: [String]?
  /// Who does not vote on it.
  let concerned: String?
  /// Where it was written, and what puts it then.
  let file: String?
  let submit: String?

  /// - Parameters:
  ///   - preview: what the ledger says of it, if it was asked.
  ///   - keys: those with which somebody has agreed here and now.
  init(
    _ draft: MotionDraft, _ members: ValidMembers?, _ genesis: Digest32,
    preview: MotionPreview? = nil, keys: [String: [UInt8]] = [:],
    written: (file: String, options: OrganisationOptions)? = nil
  ) throws {
    organisation = draft.organisation
    changes = try draft.content().changes.map { ChangeReport($0, members) }
    (agreed, unchecked, forged) = try draft.standing(
      (preview?.consents ?? [:]).merging(keys) { known, _ in known }, genesis)
    missing = preview?.consents.keys.filter { draft.consents[$0] == nil }.sorted()
    (concerned, file) = (preview?.concerned, written?.file)
    submit = written.map {
      "bcemrd organisation submit \(OrganisationOptions.word($0.file)) \($0.options.arguments)"
    }
  }

  var lines: [String] {
    var lines = ["\(organisation) would ask the others to"] + changes.flatMap(\.lines)
    if let concerned { lines.append("\(concerned) would not vote on it") }
    if agreed.isEmpty, unchecked.isEmpty { lines.append("nobody has agreed yet") }
    for (words, parties) in [
      ("agreed", agreed), ("named as agreeing, which 'submit' checks", unchecked),
      ("NAMED AS AGREEING, BUT THEY HAVE NOT SIGNED THIS", forged),
    ] where !parties.isEmpty {
      lines.append("\(words): \(parties.joined(separator: ", "))")
    }
    if let missing, !missing.isEmpty {
      lines.append("must agree: \(missing.joined(separator: ", "))")
    }
    if let file, let submit {
      lines.append("the draft is in \(file); when all have agreed: \(submit)")
    }
    return lines
  }
}

/// A motion that was put.
struct PutReport: OrganisationReport {
  let motion: String
  let changes: [ChangeReport]
  /// Whether a final block holds it.
  let final: Bool
  /// What shows how it stands.
  let again: String

  init(
    _ motion: Motion, _ done: (entry: Digest32, isFinal: Bool), _ members: ValidMembers,
    _ options: OrganisationOptions
  ) {
    self.motion = "\(done.entry)"
    changes = motion.changes.map { ChangeReport($0, members) }
    final = done.isFinal
    again = SubmittedReport.again("motions", options)
  }

  var lines: [String] {
    ["motion \(motion)"] + changes.flatMap(\.lines)
      + [
        final
          ? "it is put; each of the others votes with its own key: bcemrd organisation vote "
            + "\(motion.prefix(12)) --yes \(OrganisationOptions.othersArguments)"
          : SubmittedReport.waiting(again)
      ]
  }
}
