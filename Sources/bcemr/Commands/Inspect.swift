import ArgumentParser
import EMRScheme

struct Inspect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a file holds: any object of BC-EMR, or a FHIR history.",
    discussion: """
      The file says itself what it is. Its form is checked, and nothing else: not who signed it, \
      and not whether the ledger holds it. Private keys are named and never shown.
      """)

  @Argument(help: "An export, a genesis, a checkpoint, a key file, a FHIR Bundle, …")
  var file: String

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let inspection: FileInspection
    do {
      // An export may be larger than memory.
      inspection =
        try !SystemFile.isFolder(file) && SystemFile.beginsLikeExport(file)
        ? FileInspection(export: InputFile(file))
        : FileInspection(
          SystemFile.contents(of: file, limit: SealedRecord.maximumByteCount))
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
