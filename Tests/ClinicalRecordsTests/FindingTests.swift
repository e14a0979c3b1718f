import ClinicalRecords
import Testing

@Suite("What one doctor finds")
struct FindingTests {
  private func file(_ text: String) throws -> HistoryFile { try HistoryFile(Array(text.utf8)) }

  private func observation(_ id: String, of patient: String = "p") -> String {
    "{\(resource("Observation", id, reference("subject", "Patient/\(patient)")))}"
  }

  private func bundle(_ resources: String...) -> String {
    let entries = resources.map { #"{"resource":\#($0)}"# }.joined(separator: " , ")
    return #"{"resourceType":"Bundle", "type":"document","entry":[\#(entries)]}"#
  }

  private func code(_ files: String...) -> ClinicalRecordError.Code? {
    do throws(ClinicalRecordError) {
      var read: [HistoryFile] = []
      for text in files { read.append(try HistoryFile(Array(text.utf8))) }
      _ = try FHIRFinding(read)
      return nil
    } catch {
      return error.code
    }
  }

  @Test("One Bundle is signed byte for byte, without what is around it")
  func bundleStays() throws {
    let text = bundle(observation("a"), observation("b"))
    let finding = try FHIRFinding([file("\u{feff} \n\(text)\n ")])
    #expect(finding.content == Array(text.utf8))
    #expect(finding.counts.map(\.type) == ["Observation"] && finding.counts.map(\.count) == [2])
  }

  @Test("Resources of other files are put into a Bundle, each byte for byte")
  func resourcesTogether() throws {
    let finding = try FHIRFinding([
      file(observation("a")), file(bundle(observation("b"))), file(observation("c") + "\n"),
    ])
    let found = try FHIRBundle.resources(in: finding.content).map {
      String(decoding: $0, as: UTF8.self)
    }
    #expect(found == ["a", "b", "c"].map { observation($0) })
    #expect(try FHIRFinding([]).content == FHIRBundle.collection(of: []))
  }

  @Test("Another patient's resource, another form of one resource, and another FHIR are refused")
  func refused() {
    #expect(code(observation("a"), observation("b", of: "q")) == .otherPatient)
    #expect(code(bundle(observation("a"), observation("b", of: "q"))) == .otherPatient)
    #expect(
      code("{\(resource("Patient", "p"))}", observation("a", of: "q")) == .otherPatient)
    #expect(
      code("{\(resource("Patient", "p"))}", "{\(resource("Patient", "q"))}") == .severalPatients)
    #expect(
      code(observation("a"), "{\(resource("Observation", "a", #""status":"final""#))}")
        == .duplicateResource)
    #expect(code("{}") == .notFHIR)
    #expect(code(bundle(bundle(observation("a")))) == .nestedBundle)
  }

  @Test("What is entered in error is told, and signed as it is")
  func enteredInError() throws {
    let wrong = "{\(resource("Observation", "a", #""status":"entered-in-error""#))}"
    let finding = try FHIRFinding([file(wrong)])
    #expect(finding.enteredInError == ["Observation/a"])
    #expect(finding.counts.map(\.count) == [1])
  }
}
