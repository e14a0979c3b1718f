/// One page of what ListObjectsV2 answers.
package struct ObjectListing {
  package struct Item: Equatable {
    package var key = ""
    /// In bytes; -1 where it is not said.
    package var byteCount = -1
  }

  package private(set) var items: [Item] = []
  /// With which the next page is asked for; nil on the last one.
  package private(set) var continuation: String?

  /// The longest page: a thousand keys of at most 1024 bytes, with what stands around them.
  static let byteLimit = 4 << 20

  /// - Throws: ``XMLEvents/Malformed``; also if there is more, and not said from where.
  package init(_ bytes: [UInt8]) throws(XMLEvents.Malformed) {
    var (path, item, token, isTruncated) = ([String](), Item(), String?.none, false)
    var (items, isListing) = ([Item](), false)
    do {
      try XMLEvents.read(bytes) { event in
        switch event {
        case .begin(let name):
          path.append(name)
          if path == ["ListBucketResult", "Contents"] { item = Item() }
          if path == ["ListBucketResult"] { isListing = true }
        case .end(_, let text):
          switch path.dropFirst() {
          case ["Contents", "Key"]: item.key = text
          case ["Contents", "Size"]: item.byteCount = Int(text) ?? -1
          case ["Contents"]: items.append(item)
          case ["IsTruncated"]: isTruncated = text == "true"
          case ["NextContinuationToken"]: token = text
          default: break
          }
          path.removeLast()
        }
      }
    } catch {
      throw XMLEvents.Malformed()
    }
    guard isListing, !isTruncated || token?.isEmpty == false else { throw XMLEvents.Malformed() }
    self.items = items
    continuation = isTruncated ? token : nil
  }
}

/// What S3 says where it refuses.
package enum ErrorAnswer {
  package static let byteLimit = 1 << 16

  /// The code, as `NoSuchKey`: letters alone, whatever was sent; nil if there is none.
  package static func code(_ bytes: [UInt8]) -> String? {
    var (path, code) = ([String](), String?.none)
    try? XMLEvents.read(bytes) { event in
      switch event {
      case .begin(let name): path.append(name)
      case .end(_, let text):
        if path == ["Error", "Code"], text.utf8.count <= 64, !text.isEmpty,
          text.utf8.allSatisfy({ (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0) })
        {
          code = text
        }
        path.removeLast()
      }
    }
    return code
  }
}
