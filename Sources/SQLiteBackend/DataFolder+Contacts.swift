import Credentials
package import Ledger

/// What the driver calls the patients of the folder: a line each in `contacts.txt`, outside of their folders.
extension DataFolder {
  /// - Returns: nothing for a folder from before there was such a list.
  package func contacts() throws(StoreError) -> [String] {
    try contactLines().filter(Self.isName)
  }

  private func contactLines() throws(StoreError) -> [String] {
    do {
      let bytes = try DurableFile.read(contactsPath, limit: Self.contactsByteLimit).bytes
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    } catch {
      if error.isMissing { return [] }
      throw StoreError(error, contactsPath)
    }
  }

  /// Adds a patient to the list, unless it is in it. Returns when that is durable.
  package func note(contact: String) throws(StoreError) {
    var known = try contacts()
    if known.contains(contact) { return }
    // Of a folder from before there was one.
    if known.isEmpty { known = try people("patients").filter { $0 != contact } }
    let text = (known + [contact]).map { "\($0)\n" }.joined()
    try storing(contactsPath) { try DurableFile.replace(Array(text.utf8), at: contactsPath) }
  }

  /// What is wrong with the list itself.
  func findingOnContacts() -> StoreFinding? {
    do {
      guard let line = try contactLines().first(where: { !Self.isName($0) }) else { return nil }
      return StoreFinding(
        code: .unreadable, file: contactsPath, what: "\(line.debugDescription) can name no patient")
    } catch {
      return StoreFinding(code: .unreadable, file: contactsPath, what: error.message)
    }
  }

  private var contactsPath: String { "\(path)/\(Names.contacts)" }

  /// Of more than 16,000 patients.
  private static var contactsByteLimit: Int { 1 << 20 }
}
