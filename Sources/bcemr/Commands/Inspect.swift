import ArgumentParser
import EMRScheme
import Ledger

struct Inspect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract:
      "Show what a file holds: any object of BC-EMR, a FHIR history, or a block of a ledger.",
    discussion: """
      The file says itself what it is. Its form is checked, and nothing else: not who signed it, \
      and not whether the ledger holds it. Private keys are named and never shown.

      With --block or --visit, of a data folder or an export in one file: a block of a chain, or all \
      that its hospital's chain says about a visit, in words. Nothing is verified; 'bcemr verify' does.
      """)

  @Argument(
    help: "An export, a genesis, a checkpoint, a key file, a FHIR Bundle, …; a data folder.")
  var file: String

  @Option(help: ArgumentHelp("Show the block of this height, from 0.", valueName: "number"))
  var block: UInt64?

  @Option(
    help: ArgumentHelp(
      "Show what is said about a visit: its identifier, or the first 8 digits or more of it.",
      valueName: "visit"))
  var visit: String?

  @Option(
    help: ArgumentHelp(
      "Whose block or visit: 'consortium', as without it for a block, or a hospital.",
      valueName: "name"))
  var chain: String?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard block == nil || visit == nil else {
      throw ValidationError("--block and --visit exclude each other")
    }
    guard chain == nil || block != nil || visit != nil else {
      throw ValidationError("--chain is for --block and --visit")
    }
  }

  func run() async throws {
    if block == nil, visit == nil { return try inspectFile() }
    let source = try LeafSource(file)
    let inspection: ChainInspection
    do {
      inspection =
        if let visit {
          try ChainInspection(visit: visit, at: chain, in: source)
        } else {
          try ChainInspection(block: block ?? 0, of: chain ?? ChainName.consortium, in: source)
        }
    } catch let error as CommandFailure {
      throw error
    } catch {
      throw CommandFailure(error, at: file)
    }
    if output.json { Console.write(inspection) } else { inspection.print(to: output.console) }
  }

  private func inspectFile() throws {
    let inspection: FileInspection
    do {
      // An export may be larger than memory.
      if SystemFile.isFolder(file) {
        throw CommandFailure(
          .badInput, code: "not-a-file", "\(file): this is no regular file",
          hint:
            "of a data folder, 'bcemr status' says how far it is; --block and --visit show what its ledger has"
        )
      }
      inspection =
        if try SystemFile.beginsLikeExport(file) {
          try FileInspection(export: InputFile(file))
        } else if try SystemFile.beginsLikeBackup(file) {
          try FileInspection(backup: InputFile(file))
        } else {
          try FileInspection(
            SystemFile.contents(of: file, limit: SealedRecord.maximumByteCount))
        }
    } catch let error as CommandFailure where error.message.hasPrefix(file) {
      throw error
    } catch {
      throw CommandFailure(error, at: file)
    }
    if output.json {
      Console.write(inspection)
    } else {
      let console = output.console
      console.line("\(file): \(inspection.kind), \(Quantity.count(inspection.size, "byte"))")
      console.line("sha256: \(inspection.sha256)")
      for line in inspection.outline { console.line(line) }
    }
  }
}
