import ClinicalRecords

/// A Bundle of these resources, each the members of one, or a whole entry if it begins with {.
func bundle(_ resources: String...) -> [UInt8] { bundle(resources) }

func bundle(_ resources: [String]) -> [UInt8] {
  let entries = resources.map { $0.hasPrefix("{") ? $0 : #"{"resource":{\#($0)}}"# }
  return Array(#"{"resourceType":"Bundle","entry":[\#(entries.joined(separator: ","))]}"#.utf8)
}

func encounter(_ id: String, _ more: String = "") -> String { resource("Encounter", id, more) }

func resource(_ type: String, _ id: String, _ more: String = "") -> String {
  #""resourceType":"\#(type)","id":"\#(id)"\#(more.isEmpty ? "" : ",")\#(more)"#
}

/// An entry with a fullUrl.
func entry(_ url: String, _ members: String) -> String {
  #"{"fullUrl":"\#(url)","resource":{\#(members)}}"#
}

func reference(_ field: String, _ target: String) -> String {
  #""\#(field)":{"reference":"\#(target)"}"#
}

/// Why a history of an Encounter and this resource is refused; nil if it is not.
func refusal(_ resource: String) -> ClinicalRecordError? {
  do {
    _ = try FHIRHistory(json: bundle(encounter("e"), resource))
    return nil
  } catch {
    return error
  }
}
