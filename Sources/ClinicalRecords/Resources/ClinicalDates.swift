/// When what a resource says was the case, was done, or was written: the dates by which it is placed.
enum ClinicalDates {
  private enum Form {
    case point(FHIRDateTime.Grammar)
    case period
  }

  /// By type, the fields that say it; the first that a resource has counts, and all are checked.
  private static let fields = written.mapValues(parsed)

  /// Of all types of R4 whose fields say when something was the case, done or written. Of the others nothing is
  /// read: definitions and terminologies; people, organizations, places and things, whose dates say from when to
  /// when they are good; and insurance, which has a future. A field that ends in `Period` or `period` has start
  /// and end; one behind `!` is an instant.
  private static let written: [String: String] = [
    "AdverseEvent": "date detected recordedDate",
    "AllergyIntolerance": "recordedDate onsetDateTime onsetPeriod lastOccurrence",
    "Appointment": "!start !end",
    "AppointmentResponse": "!start !end",
    "AuditEvent": "!recorded period",
    "Basic": "created",
    "BiologicallyDerivedProduct": "collection.collectedDateTime collection.collectedPeriod",
    "CarePlan": "created period",
    "ChargeItem": "occurrenceDateTime occurrencePeriod occurrenceTiming.event enteredDate",
    "Claim": "billablePeriod created",
    "ClaimResponse": "created",
    "ClinicalImpression": "effectiveDateTime effectivePeriod date",
    "Communication": "sent received",
    "CommunicationRequest": "authoredOn",
    "Composition": "date",
    "Condition": "recordedDate onsetDateTime onsetPeriod abatementDateTime abatementPeriod",
    "Consent": "dateTime",
    "Contract": "issued",
    "CoverageEligibilityRequest": "created",
    "CoverageEligibilityResponse": "created",
    "DetectedIssue": "identifiedDateTime identifiedPeriod",
    "DeviceRequest": "authoredOn",
    "DeviceUseStatement": "timingDateTime timingPeriod timingTiming.event recordedOn",
    "DiagnosticReport": "effectiveDateTime effectivePeriod !issued",
    "DocumentManifest": "created",
    "DocumentReference": "context.period !date",
    "EnrollmentRequest": "created",
    "EnrollmentResponse": "created",
    "EpisodeOfCare": "period",
    "ExplanationOfBenefit": "billablePeriod created",
    "FamilyMemberHistory": "date",
    "Flag": "period",
    "Goal": "startDate statusDate",
    "GuidanceResponse": "occurrenceDateTime",
    "ImagingStudy": "started",
    "Immunization": "occurrenceDateTime recorded",
    "ImmunizationEvaluation": "date",
    "ImmunizationRecommendation": "date",
    "Invoice": "date",
    "List": "date",
    "MeasureReport": "date period",
    "Media": "createdDateTime createdPeriod !issued",
    "MedicationAdministration": "effectiveDateTime effectivePeriod",
    "MedicationDispense": "whenHandedOver whenPrepared",
    "MedicationRequest": "authoredOn",
    "MedicationStatement": "effectiveDateTime effectivePeriod dateAsserted",
    "NutritionOrder": "dateTime",
    "Observation":
      "effectiveDateTime effectivePeriod !effectiveInstant effectiveTiming.event "
      + "effectiveTiming.repeat.boundsPeriod !issued",
    "PaymentNotice": "created",
    "PaymentReconciliation": "created",
    "Procedure": "performedDateTime performedPeriod",
    "Provenance": "occurredDateTime occurredPeriod !recorded",
    "QuestionnaireResponse": "authored",
    "RequestGroup": "authoredOn",
    "ResearchSubject": "period",
    "RiskAssessment": "occurrenceDateTime occurrencePeriod",
    "ServiceRequest": "authoredOn",
    "Specimen": "collection.collectedDateTime collection.collectedPeriod receivedTime",
    "SupplyDelivery": "occurrenceDateTime occurrencePeriod occurrenceTiming.event",
    "SupplyRequest": "authoredOn",
    "Task": "authoredOn",
    "VisionPrescription": "dateWritten created",
  ]

  private static func parsed(_ text: String) -> [(path: String, form: Form)] {
    text.split(separator: " ").map { field in
      let path = String(field.drop { $0 == "!" })
      if path.hasSuffix("eriod") { return (path, .period) }
      return (path, .point(field.first == "!" ? .instant : .dateTime))
    }
  }

  /// The points, one or two, that have to lie in a visit; none if the resource says nothing.
  ///
  /// - Throws: ``ClinicalRecordError`` with `invalidDate` for any of the fields.
  static func dates(
    of resource: FHIRResource
  ) throws(ClinicalRecordError) -> [FHIRDateTime] {
    var first: [FHIRDateTime] = []
    for (path, form) in fields[resource.type] ?? [] {
      var dates: [FHIRDateTime] = []
      for value in resource.value.values(at: path) {
        switch form {
        case .point(let grammar): dates.append(try value.date(grammar))
        case .period:
          let (start, end) = try period(value)
          dates += [start, end].compactMap(\.self)
        }
      }
      if first.isEmpty { first = dates }
    }
    return first
  }

  /// Start and end of a Period.
  ///
  /// - Throws: ``ClinicalRecordError`` with `invalidDate`; also if the end is before the start.
  static func period(
    _ value: JSONValue
  ) throws(ClinicalRecordError) -> (start: FHIRDateTime?, end: FHIRDateTime?) {
    let fields = value.members
    let (start, end) = (
      try fields["start"]?.date(.dateTime), try fields["end"]?.date(.dateTime)
    )
    if let start, let end, end.isCertainlyBefore(start) {
      throw value.error(.invalidDate, "a period ends before it begins")
    }
    return (start, end)
  }
}
