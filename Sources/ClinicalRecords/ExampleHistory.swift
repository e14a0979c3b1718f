/// A small invented history, to show the system without a file of one's own.
public enum ExampleHistory {
  /// The bytes of `Examples/history.json`: a FHIR R4 Bundle of four visits to three hospitals.
  public static var json: [UInt8] { Array(text.utf8) }

  private static let text = #"""
    {
     "resourceType": "Bundle",
     "type": "transaction",
     "entry": [
      {
       "fullUrl": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996",
       "resource": {
        "resourceType": "Patient",
        "id": "3f0c9931-918c-40bf-9670-c342c6cce996",
        "identifier": [{"system": "urn:oid:2.999.1.7", "value": "EX-000417"}],
        "name": [{
         "use": "official",
         "family": "Solhaug",
         "given": ["Ingrid", "Mari"],
         "prefix": ["Ms."]
        }],
        "gender": "female",
        "birthDate": "1961-03-18",
        "address": [{
         "line": ["7 Fjærevei"],
         "city": "Nordvik",
         "postalCode": "0417",
         "country": "XX"
        }],
        "maritalStatus": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
          "code": "M",
          "display": "Married"
         }]
        }
       },
       "request": {"method": "POST", "url": "Patient"}
      },
      {
       "fullUrl": "urn:uuid:f3c95789-ace1-4954-ac5d-6baed2eac902",
       "resource": {
        "resourceType": "Organization",
        "id": "f3c95789-ace1-4954-ac5d-6baed2eac902",
        "active": true,
        "type": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/organization-type",
          "code": "prov",
          "display": "Healthcare Provider"
         }]
        }],
        "name": "Nordvik Health Centre"
       },
       "request": {"method": "POST", "url": "Organization"}
      },
      {
       "fullUrl": "urn:uuid:f1260ebc-7d56-4b56-b714-dc919b27dbdf",
       "resource": {
        "resourceType": "Organization",
        "id": "f1260ebc-7d56-4b56-b714-dc919b27dbdf",
        "active": true,
        "type": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/organization-type",
          "code": "prov",
          "display": "Healthcare Provider"
         }]
        }],
        "name": "Sundby University Hospital"
       },
       "request": {"method": "POST", "url": "Organization"}
      },
      {
       "fullUrl": "urn:uuid:6caf76a5-7035-48ae-8280-ad3729a6f2e7",
       "resource": {
        "resourceType": "Organization",
        "id": "6caf76a5-7035-48ae-8280-ad3729a6f2e7",
        "active": true,
        "type": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/organization-type",
          "code": "prov",
          "display": "Healthcare Provider"
         }]
        }],
        "name": "Lakeside Emergency Hospital"
       },
       "request": {"method": "POST", "url": "Organization"}
      },
      {
       "fullUrl": "urn:uuid:004498f4-b987-47c1-8c9c-26a813678d7a",
       "resource": {
        "resourceType": "Practitioner",
        "id": "004498f4-b987-47c1-8c9c-26a813678d7a",
        "active": true,
        "name": [{"family": "Berg", "given": ["Tor"], "prefix": ["Dr."]}]
       },
       "request": {"method": "POST", "url": "Practitioner"}
      },
      {
       "fullUrl": "urn:uuid:0ecaf828-e2f7-4553-8fcc-69d79561a0d1",
       "resource": {
        "resourceType": "Practitioner",
        "id": "0ecaf828-e2f7-4553-8fcc-69d79561a0d1",
        "active": true,
        "name": [{"family": "Okafor", "given": ["Chidi"], "prefix": ["Dr."]}]
       },
       "request": {"method": "POST", "url": "Practitioner"}
      },
      {
       "fullUrl": "urn:uuid:73f80e52-a369-48b5-a441-4c46f147ecf9",
       "resource": {
        "resourceType": "Practitioner",
        "id": "73f80e52-a369-48b5-a441-4c46f147ecf9",
        "active": true,
        "name": [{"family": "Lindqvist", "given": ["M\u00e4rta"], "prefix": ["Dr."]}]
       },
       "request": {"method": "POST", "url": "Practitioner"}
      },
      {
       "fullUrl": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968",
       "resource": {
        "resourceType": "Encounter",
        "id": "c1af4465-06f1-42fc-a101-0f154a9f2968",
        "status": "finished",
        "class": {
         "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
         "code": "AMB",
         "display": "ambulatory"
        },
        "type": [{
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "185349003",
          "display": "Encounter for check up"
         }],
         "text": "Encounter for check up"
        }],
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "participant": [{
         "individual": {"reference": "urn:uuid:004498f4-b987-47c1-8c9c-26a813678d7a"}
        }],
        "period": {"start": "2024-02-06T09:10:00+01:00", "end": "2024-02-06T09:45:00+01:00"},
        "serviceProvider": {
         "reference": "urn:uuid:f3c95789-ace1-4954-ac5d-6baed2eac902",
         "display": "Nordvik Health Centre"
        }
       },
       "request": {"method": "POST", "url": "Encounter"}
      },
      {
       "fullUrl": "urn:uuid:b459071a-fb8a-4f9e-bf72-c46dca8fbe35",
       "resource": {
        "resourceType": "Observation",
        "id": "b459071a-fb8a-4f9e-bf72-c46dca8fbe35",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/observation-category",
          "code": "vital-signs"
         }]
        }],
        "code": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "85354-9",
          "display": "Blood pressure panel"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "effectiveDateTime": "2024-02-06T09:10:00+01:00",
        "issued": "2024-02-06T09:10:00+01:00",
        "component": [
         {
          "code": {
           "coding": [{
            "system": "http://loinc.org",
            "code": "8480-6",
            "display": "Systolic blood pressure"
           }]
          },
          "valueQuantity": {
           "value": 158,
           "unit": "mm[Hg]",
           "system": "http://unitsofmeasure.org",
           "code": "mm[Hg]"
          }
         },
         {
          "code": {
           "coding": [{
            "system": "http://loinc.org",
            "code": "8462-4",
            "display": "Diastolic blood pressure"
           }]
          },
          "valueQuantity": {
           "value": 96.0,
           "unit": "mm[Hg]",
           "system": "http://unitsofmeasure.org",
           "code": "mm[Hg]"
          }
         }
        ]
       },
       "request": {"method": "POST", "url": "Observation"}
      },
      {
       "fullUrl": "urn:uuid:5a3c1fbd-f9da-4bf3-a816-96a68afe2312",
       "resource": {
        "resourceType": "Observation",
        "id": "5a3c1fbd-f9da-4bf3-a816-96a68afe2312",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/observation-category",
          "code": "vital-signs"
         }]
        }],
        "code": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "29463-7",
          "display": "Body weight"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "effectiveDateTime": "2024-02-06T09:10:00+01:00",
        "issued": "2024-02-06T09:10:00+01:00",
        "valueQuantity": {
         "value": 81.40,
         "unit": "kg",
         "system": "http://unitsofmeasure.org",
         "code": "kg"
        }
       },
       "request": {"method": "POST", "url": "Observation"}
      },
      {
       "fullUrl": "urn:uuid:135d63cf-1293-424c-802a-2e8f96fc5ce8",
       "resource": {
        "resourceType": "Observation",
        "id": "135d63cf-1293-424c-802a-2e8f96fc5ce8",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/observation-category",
          "code": "laboratory"
         }]
        }],
        "code": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "4548-4",
          "display": "Hemoglobin A1c in Blood"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "effectiveDateTime": "2024-02-06T09:10:00+01:00",
        "issued": "2024-02-06T09:10:00+01:00",
        "valueQuantity": {
         "value": 7.10,
         "unit": "%",
         "system": "http://unitsofmeasure.org",
         "code": "%"
        }
       },
       "request": {"method": "POST", "url": "Observation"}
      },
      {
       "fullUrl": "urn:uuid:a4ea3938-d429-4c52-8109-15b0875b0b21",
       "resource": {
        "resourceType": "Observation",
        "id": "a4ea3938-d429-4c52-8109-15b0875b0b21",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/observation-category",
          "code": "laboratory"
         }]
        }],
        "code": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "2160-0",
          "display": "Creatinine [Mass/volume] in Serum or Plasma"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "effectiveDateTime": "2024-02-06T09:10:00+01:00",
        "issued": "2024-02-06T09:10:00+01:00",
        "valueQuantity": {
         "value": 1.50,
         "unit": "mg/dL",
         "system": "http://unitsofmeasure.org",
         "code": "mg/dL"
        }
       },
       "request": {"method": "POST", "url": "Observation"}
      },
      {
       "fullUrl": "urn:uuid:bdfaef42-8c7d-4431-b331-dab129ea3a7b",
       "resource": {
        "resourceType": "Condition",
        "id": "bdfaef42-8c7d-4431-b331-dab129ea3a7b",
        "clinicalStatus": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
          "code": "active"
         }]
        },
        "verificationStatus": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
          "code": "confirmed"
         }]
        },
        "code": {
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "59621000",
          "display": "Essential hypertension"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "onsetDateTime": "2024-02-06T09:10:00+01:00",
        "recordedDate": "2024-02-06T09:10:00+01:00"
       },
       "request": {"method": "POST", "url": "Condition"}
      },
      {
       "fullUrl": "urn:uuid:4260ce86-ca96-4d78-ba56-9ee452a5d423",
       "resource": {
        "resourceType": "Condition",
        "id": "4260ce86-ca96-4d78-ba56-9ee452a5d423",
        "clinicalStatus": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
          "code": "active"
         }]
        },
        "verificationStatus": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
          "code": "confirmed"
         }]
        },
        "code": {
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "44054006",
          "display": "Type 2 diabetes mellitus"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "onsetDateTime": "2024-02-06T09:10:00+01:00",
        "recordedDate": "2024-02-06T09:10:00+01:00"
       },
       "request": {"method": "POST", "url": "Condition"}
      },
      {
       "fullUrl": "urn:uuid:44e767f7-43bb-4898-ac59-157196f119be",
       "resource": {
        "resourceType": "DiagnosticReport",
        "id": "44e767f7-43bb-4898-ac59-157196f119be",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/v2-0074",
          "code": "LAB",
          "display": "Laboratory"
         }]
        }],
        "code": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "11502-2",
          "display": "Laboratory report"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "effectiveDateTime": "2024-02-06T09:10:00+01:00",
        "issued": "2024-02-06T09:10:00+01:00",
        "result": [
         {"reference": "urn:uuid:135d63cf-1293-424c-802a-2e8f96fc5ce8"},
         {"reference": "urn:uuid:a4ea3938-d429-4c52-8109-15b0875b0b21"}
        ]
       },
       "request": {"method": "POST", "url": "DiagnosticReport"}
      },
      {
       "fullUrl": "urn:uuid:23cc390c-9354-40e3-8e1f-39485d23d1f3",
       "resource": {
        "resourceType": "MedicationRequest",
        "id": "23cc390c-9354-40e3-8e1f-39485d23d1f3",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {
         "coding": [{
          "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
          "code": "314076",
          "display": "Lisinopril 10 MG Oral Tablet"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "authoredOn": "2024-02-06T09:10:00+01:00",
        "requester": {"reference": "urn:uuid:004498f4-b987-47c1-8c9c-26a813678d7a"},
        "reasonReference": [{"reference": "urn:uuid:bdfaef42-8c7d-4431-b331-dab129ea3a7b"}],
        "dosageInstruction": [{"sequence": 1, "text": "one tablet in the morning"}]
       },
       "request": {"method": "POST", "url": "MedicationRequest"}
      },
      {
       "fullUrl": "urn:uuid:4d1dd7de-07c1-437b-95d0-c57b811008b7",
       "resource": {
        "resourceType": "MedicationRequest",
        "id": "4d1dd7de-07c1-437b-95d0-c57b811008b7",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {
         "coding": [{
          "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
          "code": "860975",
          "display": "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "authoredOn": "2024-02-06T09:10:00+01:00",
        "requester": {"reference": "urn:uuid:004498f4-b987-47c1-8c9c-26a813678d7a"},
        "reasonReference": [{"reference": "urn:uuid:4260ce86-ca96-4d78-ba56-9ee452a5d423"}],
        "dosageInstruction": [{"sequence": 1, "text": "one tablet with the evening meal"}]
       },
       "request": {"method": "POST", "url": "MedicationRequest"}
      },
      {
       "fullUrl": "urn:uuid:06f3179f-ec43-4ae0-a6e1-44cf0b4152c8",
       "resource": {
        "resourceType": "Immunization",
        "id": "06f3179f-ec43-4ae0-a6e1-44cf0b4152c8",
        "status": "completed",
        "vaccineCode": {
         "coding": [{
          "system": "http://hl7.org/fhir/sid/cvx",
          "code": "140",
          "display": "Influenza, seasonal, injectable, preservative free"
         }]
        },
        "patient": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"},
        "occurrenceDateTime": "2024-02-06T09:10:00+01:00",
        "primarySource": true
       },
       "request": {"method": "POST", "url": "Immunization"}
      },
      {
       "fullUrl": "urn:uuid:c78165de-8458-420c-88ba-29b1f8223c08",
       "resource": {
        "resourceType": "Claim",
        "id": "c78165de-8458-420c-88ba-29b1f8223c08",
        "status": "active",
        "type": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/claim-type",
          "code": "institutional"
         }]
        },
        "use": "claim",
        "patient": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "created": "2024-02-06T09:10:00+01:00",
        "provider": {"reference": "urn:uuid:f3c95789-ace1-4954-ac5d-6baed2eac902"},
        "priority": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/processpriority",
          "code": "normal"
         }]
        },
        "insurance": [{
         "sequence": 1,
         "focal": true,
         "coverage": {"display": "Nordvik Mutual"}
        }],
        "item": [{
         "sequence": 1,
         "productOrService": {
          "coding": [{
           "system": "http://snomed.info/sct",
           "code": "185349003",
           "display": "Encounter for check up"
          }]
         },
         "encounter": [{"reference": "urn:uuid:c1af4465-06f1-42fc-a101-0f154a9f2968"}]
        }],
        "total": {"value": 129.20, "currency": "EUR"}
       },
       "request": {"method": "POST", "url": "Claim"}
      },
      {
       "fullUrl": "urn:uuid:7aa1caa0-66de-4e96-8867-119277832f1d",
       "resource": {
        "resourceType": "Encounter",
        "id": "7aa1caa0-66de-4e96-8867-119277832f1d",
        "status": "finished",
        "class": {
         "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
         "code": "AMB",
         "display": "ambulatory"
        },
        "type": [{
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "185347001",
          "display": "Encounter for problem"
         }],
         "text": "Encounter for problem"
        }],
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "participant": [{
         "individual": {"reference": "urn:uuid:0ecaf828-e2f7-4553-8fcc-69d79561a0d1"}
        }],
        "period": {"start": "2024-03-19T13:30:00+01:00", "end": "2024-03-19T14:20:00+01:00"},
        "reasonCode": [{
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "59621000",
          "display": "Essential hypertension"
         }]
        }],
        "serviceProvider": {
         "reference": "urn:uuid:f1260ebc-7d56-4b56-b714-dc919b27dbdf",
         "display": "Sundby University Hospital"
        }
       },
       "request": {"method": "POST", "url": "Encounter"}
      },
      {
       "fullUrl": "urn:uuid:83f11b2d-9bbc-4685-bcc3-323c673940a8",
       "resource": {
        "resourceType": "Procedure",
        "id": "83f11b2d-9bbc-4685-bcc3-323c673940a8",
        "status": "completed",
        "code": {
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "29303009",
          "display": "Electrocardiographic procedure"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:7aa1caa0-66de-4e96-8867-119277832f1d"},
        "performedPeriod": {
         "start": "2024-03-19T13:30:00+01:00",
         "end": "2024-03-19T13:42:00+01:00"
        }
       },
       "request": {"method": "POST", "url": "Procedure"}
      },
      {
       "fullUrl": "urn:uuid:510adc27-35aa-450a-ad7a-f233a7ffb088",
       "resource": {
        "resourceType": "Observation",
        "id": "510adc27-35aa-450a-ad7a-f233a7ffb088",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/observation-category",
          "code": "vital-signs"
         }]
        }],
        "code": {
         "coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:7aa1caa0-66de-4e96-8867-119277832f1d"},
        "effectiveDateTime": "2024-03-19T13:30:00+01:00",
        "issued": "2024-03-19T13:30:00+01:00",
        "valueQuantity": {
         "value": 72,
         "unit": "/min",
         "system": "http://unitsofmeasure.org",
         "code": "/min"
        }
       },
       "request": {"method": "POST", "url": "Observation"}
      },
      {
       "fullUrl": "urn:uuid:d9a3ce9e-cbc1-4674-b12d-1e51dd71029e",
       "resource": {
        "resourceType": "Observation",
        "id": "d9a3ce9e-cbc1-4674-b12d-1e51dd71029e",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/observation-category",
          "code": "procedure"
         }]
        }],
        "code": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "8601-7",
          "display": "EKG impression"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:7aa1caa0-66de-4e96-8867-119277832f1d"},
        "effectiveDateTime": "2024-03-19T13:30:00+01:00",
        "issued": "2024-03-19T13:30:00+01:00",
        "valueString": "Sinus rhythm, PR 0.160 s; no ischemia. \"Borderline\" left axis {−28°}."
       },
       "request": {"method": "POST", "url": "Observation"}
      },
      {
       "fullUrl": "urn:uuid:d4e9fa63-3313-43f0-9fa0-57702e2677a6",
       "resource": {
        "resourceType": "DocumentReference",
        "id": "d4e9fa63-3313-43f0-9fa0-57702e2677a6",
        "status": "current",
        "type": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "34117-2",
          "display": "History and physical note"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "date": "2024-03-19T13:30:00+01:00",
        "content": [{
         "attachment": {
          "contentType": "text/plain",
          "data": "Qmxvb2QgcHJlc3N1cmUgYXQgaG9tZSAxNTAvOTIu",
          "title": "Cardiology letter"
         }
        }],
        "context": {
         "encounter": [{"reference": "urn:uuid:7aa1caa0-66de-4e96-8867-119277832f1d"}],
         "period": {"start": "2024-03-19T13:30:00+01:00"}
        }
       },
       "request": {"method": "POST", "url": "DocumentReference"}
      },
      {
       "fullUrl": "urn:uuid:65ae2ffd-a436-41f3-bdcb-161ad81d3a39",
       "resource": {
        "resourceType": "Claim",
        "id": "65ae2ffd-a436-41f3-bdcb-161ad81d3a39",
        "status": "active",
        "type": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/claim-type",
          "code": "institutional"
         }]
        },
        "use": "claim",
        "patient": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "created": "2024-03-19T13:30:00+01:00",
        "provider": {"reference": "urn:uuid:f1260ebc-7d56-4b56-b714-dc919b27dbdf"},
        "priority": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/processpriority",
          "code": "normal"
         }]
        },
        "diagnosis": [{
         "sequence": 1,
         "diagnosisReference": {"reference": "urn:uuid:bdfaef42-8c7d-4431-b331-dab129ea3a7b"}
        }],
        "insurance": [{
         "sequence": 1,
         "focal": true,
         "coverage": {"display": "Nordvik Mutual"}
        }],
        "item": [{
         "sequence": 1,
         "productOrService": {
          "coding": [{
           "system": "http://snomed.info/sct",
           "code": "29303009",
           "display": "Electrocardiographic procedure"
          }]
         },
         "encounter": [{"reference": "urn:uuid:7aa1caa0-66de-4e96-8867-119277832f1d"}]
        }],
        "total": {"value": 244.00, "currency": "EUR"}
       },
       "request": {"method": "POST", "url": "Claim"}
      },
      {
       "fullUrl": "urn:uuid:138b0edc-e012-4388-bda4-0df5317bbb14",
       "resource": {
        "resourceType": "Encounter",
        "id": "138b0edc-e012-4388-bda4-0df5317bbb14",
        "status": "finished",
        "class": {
         "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
         "code": "EMER",
         "display": "emergency"
        },
        "type": [{
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "50849002",
          "display": "Emergency room admission"
         }],
         "text": "Emergency room admission"
        }],
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "participant": [{
         "individual": {"reference": "urn:uuid:73f80e52-a369-48b5-a441-4c46f147ecf9"}
        }],
        "period": {"start": "2024-07-27T23:05:00+02:00", "end": "2024-07-28T04:40:00+02:00"},
        "reasonCode": [{
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "302866003",
          "display": "Hypoglycemia"
         }]
        }],
        "serviceProvider": {
         "reference": "urn:uuid:6caf76a5-7035-48ae-8280-ad3729a6f2e7",
         "display": "Lakeside Emergency Hospital"
        }
       },
       "request": {"method": "POST", "url": "Encounter"}
      },
      {
       "fullUrl": "urn:uuid:98067601-e537-4aea-aaa6-0f386a9bb2c4",
       "resource": {
        "resourceType": "Observation",
        "id": "98067601-e537-4aea-aaa6-0f386a9bb2c4",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/observation-category",
          "code": "laboratory"
         }]
        }],
        "code": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "2339-0",
          "display": "Glucose [Mass/volume] in Blood"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:138b0edc-e012-4388-bda4-0df5317bbb14"},
        "effectiveDateTime": "2024-07-27T23:05:00+02:00",
        "issued": "2024-07-27T23:05:00+02:00",
        "valueQuantity": {
         "value": 48.0,
         "unit": "mg/dL",
         "system": "http://unitsofmeasure.org",
         "code": "mg/dL"
        }
       },
       "request": {"method": "POST", "url": "Observation"}
      },
      {
       "fullUrl": "urn:uuid:7cefd5c5-6385-4768-ae5d-eaa1ef2cd05a",
       "resource": {
        "resourceType": "MedicationAdministration",
        "id": "7cefd5c5-6385-4768-ae5d-eaa1ef2cd05a",
        "status": "completed",
        "medicationCodeableConcept": {
         "coding": [{
          "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
          "code": "1795610",
          "display": "Glucose 100 MG/ML Injectable Solution"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "context": {"reference": "urn:uuid:138b0edc-e012-4388-bda4-0df5317bbb14"},
        "effectiveDateTime": "2024-07-27T23:20:00+02:00",
        "dosage": {
         "text": "intravenous",
         "dose": {
          "value": 50,
          "unit": "mL",
          "system": "http://unitsofmeasure.org",
          "code": "mL"
         }
        }
       },
       "request": {"method": "POST", "url": "MedicationAdministration"}
      },
      {
       "fullUrl": "urn:uuid:7b9ea66e-083b-4317-b614-c6aa1bfc22ea",
       "resource": {
        "resourceType": "Observation",
        "id": "7b9ea66e-083b-4317-b614-c6aa1bfc22ea",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/observation-category",
          "code": "laboratory"
         }]
        }],
        "code": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "2339-0",
          "display": "Glucose [Mass/volume] in Blood"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:138b0edc-e012-4388-bda4-0df5317bbb14"},
        "effectiveDateTime": "2024-07-28T00:05:00+02:00",
        "issued": "2024-07-28T00:05:00+02:00",
        "valueQuantity": {
         "value": 104,
         "unit": "mg/dL",
         "system": "http://unitsofmeasure.org",
         "code": "mg/dL"
        }
       },
       "request": {"method": "POST", "url": "Observation"}
      },
      {
       "fullUrl": "urn:uuid:9200a15f-69ff-4a7b-aebd-c582c1ca746a",
       "resource": {
        "resourceType": "Condition",
        "id": "9200a15f-69ff-4a7b-aebd-c582c1ca746a",
        "clinicalStatus": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
          "code": "active"
         }]
        },
        "verificationStatus": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
          "code": "confirmed"
         }]
        },
        "code": {
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "302866003",
          "display": "Hypoglycemia"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:138b0edc-e012-4388-bda4-0df5317bbb14"},
        "onsetDateTime": "2024-07-27T23:05:00+02:00",
        "recordedDate": "2024-07-27T23:05:00+02:00"
       },
       "request": {"method": "POST", "url": "Condition"}
      },
      {
       "fullUrl": "urn:uuid:18c5fb11-dedd-44dc-bb09-000ac1286e4f",
       "resource": {
        "resourceType": "Claim",
        "id": "18c5fb11-dedd-44dc-bb09-000ac1286e4f",
        "status": "active",
        "type": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/claim-type",
          "code": "institutional"
         }]
        },
        "use": "claim",
        "patient": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "created": "2024-07-27T23:05:00+02:00",
        "provider": {"reference": "urn:uuid:6caf76a5-7035-48ae-8280-ad3729a6f2e7"},
        "priority": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/processpriority",
          "code": "normal"
         }]
        },
        "diagnosis": [{
         "sequence": 1,
         "diagnosisReference": {"reference": "urn:uuid:9200a15f-69ff-4a7b-aebd-c582c1ca746a"}
        }],
        "insurance": [{
         "sequence": 1,
         "focal": true,
         "coverage": {"display": "Nordvik Mutual"}
        }],
        "item": [{
         "sequence": 1,
         "productOrService": {
          "coding": [{
           "system": "http://snomed.info/sct",
           "code": "50849002",
           "display": "Emergency room admission"
          }]
         },
         "encounter": [{"reference": "urn:uuid:138b0edc-e012-4388-bda4-0df5317bbb14"}]
        }],
        "total": {"value": 1012.75, "currency": "EUR"}
       },
       "request": {"method": "POST", "url": "Claim"}
      },
      {
       "fullUrl": "urn:uuid:370325fc-7dc2-47f1-9efc-114008a8d6b1",
       "resource": {
        "resourceType": "Encounter",
        "id": "370325fc-7dc2-47f1-9efc-114008a8d6b1",
        "status": "finished",
        "class": {
         "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
         "code": "AMB",
         "display": "ambulatory"
        },
        "type": [{
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "390906007",
          "display": "Follow-up encounter"
         }],
         "text": "Follow-up encounter"
        }],
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "participant": [{
         "individual": {"reference": "urn:uuid:004498f4-b987-47c1-8c9c-26a813678d7a"}
        }],
        "period": {"start": "2024-08-06T08:30:00+02:00", "end": "2024-08-06T08:50:00+02:00"},
        "reasonCode": [{
         "coding": [{
          "system": "http://snomed.info/sct",
          "code": "44054006",
          "display": "Type 2 diabetes mellitus"
         }]
        }],
        "serviceProvider": {
         "reference": "urn:uuid:f3c95789-ace1-4954-ac5d-6baed2eac902",
         "display": "Nordvik Health Centre"
        }
       },
       "request": {"method": "POST", "url": "Encounter"}
      },
      {
       "fullUrl": "urn:uuid:2a832340-7e9a-42dd-9d26-0d6e8e9a8013",
       "resource": {
        "resourceType": "Observation",
        "id": "2a832340-7e9a-42dd-9d26-0d6e8e9a8013",
        "status": "final",
        "category": [{
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/observation-category",
          "code": "laboratory"
         }]
        }],
        "code": {
         "coding": [{
          "system": "http://loinc.org",
          "code": "4548-4",
          "display": "Hemoglobin A1c in Blood"
         }]
        },
        "subject": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:370325fc-7dc2-47f1-9efc-114008a8d6b1"},
        "effectiveDateTime": "2024-08-06T08:30:00+02:00",
        "issued": "2024-08-06T08:30:00+02:00",
        "valueQuantity": {
         "value": 6.40,
         "unit": "%",
         "system": "http://unitsofmeasure.org",
         "code": "%"
        }
       },
       "request": {"method": "POST", "url": "Observation"}
      },
      {
       "fullUrl": "urn:uuid:bc4b3fce-ffa3-4da6-a48e-90b3abc78239",
       "resource": {
        "resourceType": "AllergyIntolerance",
        "id": "bc4b3fce-ffa3-4da6-a48e-90b3abc78239",
        "clinicalStatus": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
          "code": "active"
         }]
        },
        "verificationStatus": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
          "code": "confirmed"
         }]
        },
        "type": "allergy",
        "category": ["medication"],
        "code": {
         "coding": [{
          "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
          "code": "7980",
          "display": "Penicillin G"
         }]
        },
        "patient": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "encounter": {"reference": "urn:uuid:370325fc-7dc2-47f1-9efc-114008a8d6b1"},
        "recordedDate": "2024-08-06T08:30:00+02:00"
       },
       "request": {"method": "POST", "url": "AllergyIntolerance"}
      },
      {
       "fullUrl": "urn:uuid:52e200a0-aefd-4e41-8e4e-f56377c3d00d",
       "resource": {
        "resourceType": "Claim",
        "id": "52e200a0-aefd-4e41-8e4e-f56377c3d00d",
        "status": "active",
        "type": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/claim-type",
          "code": "institutional"
         }]
        },
        "use": "claim",
        "patient": {"reference": "urn:uuid:3f0c9931-918c-40bf-9670-c342c6cce996"},
        "created": "2024-08-06T08:30:00+02:00",
        "provider": {"reference": "urn:uuid:f3c95789-ace1-4954-ac5d-6baed2eac902"},
        "priority": {
         "coding": [{
          "system": "http://terminology.hl7.org/CodeSystem/processpriority",
          "code": "normal"
         }]
        },
        "diagnosis": [{
         "sequence": 1,
         "diagnosisReference": {"reference": "urn:uuid:4260ce86-ca96-4d78-ba56-9ee452a5d423"}
        }],
        "insurance": [{
         "sequence": 1,
         "focal": true,
         "coverage": {"display": "Nordvik Mutual"}
        }],
        "item": [{
         "sequence": 1,
         "productOrService": {
          "coding": [{
           "system": "http://snomed.info/sct",
           "code": "390906007",
           "display": "Follow-up encounter"
          }]
         },
         "encounter": [{"reference": "urn:uuid:370325fc-7dc2-47f1-9efc-114008a8d6b1"}]
        }],
        "total": {"value": 64.60, "currency": "EUR"}
       },
       "request": {"method": "POST", "url": "Claim"}
      }
     ]
    }

    """#
}
