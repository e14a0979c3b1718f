import ClinicalRecords
import Testing

@Suite("FHIR R4 and R4B are read; other versions are refused, as far as they show")
struct VersionTests {
  @Test(
    "What other versions alone have",
    arguments: [
      (encounter("x", #""actualPeriod":{"start":"2021-01-01T00:00:00Z"}"#), "actualPeriod", "R5"),
      (encounter("x", #""class":[{"coding":[{"code":"AMB"}]}]"#), "class", "R5"),
      (encounter("x", #""reason":[{"value":[{"concept":{"text":"x"}}]}]"#), "reason", "R5"),
      (encounter("x", #""participant":[{"actor":{"display":"x"}}]"#), "actor", "R5"),
      (resource("Procedure", "x", #""occurrenceDateTime":"2021""#), "occurrenceDateTime", "R5"),
      (resource("MedicationRequest", "x", #""medication":{"concept":{}}"#), "medication", "R5"),
      (
        resource("DocumentReference", "x", #""context":[{"reference":"Encounter/e"}]"#), "context",
        "R5"
      ),
      (resource("AllergyIntolerance", "x", #""type":{"text":"allergy"}"#), "type", "R5"),
      (resource("NutritionIntake", "x"), "NutritionIntake", "R5"),
      (encounter("x", #""reason":[{"text":"cough"}]"#), "reason", "STU3 or DSTU2"),
      (resource("Observation", "x", reference("context", "Encounter/e")), "context", "STU3"),
      (
        resource("Condition", "x", #""clinicalStatus":"active""#), "clinicalStatus", "STU3 or DSTU2"
      ),
      (resource("Condition", "x", #""assertedDate":"2019""#), "assertedDate", "STU3"),
      (resource("Immunization", "x", #""date":"2019""#), "date", "STU3 or DSTU2"),
      (resource("MedicationStatement", "x", #""taken":"y""#), "taken", "STU3"),
      (resource("ReferralRequest", "x"), "ReferralRequest", "STU3 or DSTU2"),
      (resource("MedicationOrder", "x"), "MedicationOrder", "DSTU2"),
      (resource("Observation", "x", #""comments":"x""#), "comments", "DSTU2"),
      (encounter("x", #""class":"inpatient""#), "class", "DSTU2"),
      (resource("Patient", "x", #""careProvider":[]"#), "careProvider", "DSTU2"),
      (resource("CapabilityStatement", "x", #""fhirVersion":"3.0.2""#), "fhirVersion", "STU3"),
      (resource("ImplementationGuide", "x", #""fhirVersion":["5.0.0"]"#), "fhirVersion", "R5"),
    ])
  func evidence(text: String, field: String, version: String) {
    let error = refusal(text)
    #expect(error?.code == .wrongVersion)
    #expect(error?.message.contains(field) == true)
    #expect(
      error?.message.hasSuffix("is of \(version); R4 and R4B are read") == true
        || field == "fhirVersion")
    #expect(error?.message.contains("\(version); R4 and R4B are read") == true)
    #expect(error?.hint?.contains("-to-version 4.0") == true)
    #expect(error?.location?.path?.hasPrefix("entry[1].resource") == true)
  }

  @Test(
    "A profile shows a version by FHIR's own number or in its path; that of a guide shows nothing",
    arguments: [
      ("http://hl7.org/fhir/StructureDefinition/Patient", nil),
      ("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1", nil),
      ("http://hl7.org/fhir/StructureDefinition/Patient|4.3.0", nil),
      ("http://hl7.org/fhir/StructureDefinition/Patient|5.0.0", "R5"),
      ("http://hl7.org/fhir/StructureDefinition/Patient|3.0.2", "STU3"),
      ("http://hl7.org/fhir/StructureDefinition/Patient|1.0.2", "DSTU2"),
      ("http://hl7.org/fhir/5.0/StructureDefinition/Patient", "R5"),
      ("http://hl7.org/fhir/4.0/StructureDefinition/Patient", nil),
      ("http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient|3.1.1", nil),
      ("http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient|5.0.1", nil),
      ("https://fhir.example/STU3/StructureDefinition/Care-Patient-1", "STU3"),
      ("https://fhir.example/r5/StructureDefinition/Patient", "R5"),
      ("http://fhir.org/guides/argonaut/StructureDefinition/argo-patient", "DSTU2"),
    ] as [(String, String?)])
  func profiles(url: String, version: String?) {
    let error = refusal(resource("Basic", "x", #""meta":{"profile":["\#(url)"]}"#))
    #expect(error?.code == version.map { _ in .wrongVersion })
    if let version { #expect(error?.message.contains("is of \(version);") == true) }
    // A Bundle's own profile counts as well.
    let json =
      #"{"resourceType":"Bundle","meta":{"profile":["\#(url)"]},"entry":[{"resource":{\#(encounter("e"))}}]}"#
    var code: ClinicalRecordError.Code?
    do {
      _ = try FHIRHistory(json: Array(json.utf8))
    } catch {
      code = error.code
    }
    #expect(code == version.map { _ in .wrongVersion })
  }

  @Test("What R4 has too shows nothing")
  func sharedForms() {
    for resource in [
      resource("MedicationDispense", "x", reference("context", "Encounter/e")),
      resource("DocumentReference", "x", #""context":{"encounter":[{"reference":"Encounter/e"}]}"#),
      resource("Condition", "x", #""clinicalStatus":{"coding":[]}"#),
      resource("AllergyIntolerance", "x", #""type":"allergy""#),
      encounter("x", #""class":{"code":"AMB"},"reasonCode":[{"text":"x"}]"#),
    ] {
      #expect(refusal(resource) == nil)
    }
  }
}
