import Foundation

/// What etcd's JSON gateway takes and answers, as far as it is used here (etcd 3.4, `/v3/…`). Bytes are base64,
/// 64-bit integers are text, and what is zero is left out of an answer.
enum GatewayMessages {
  /// Names are those of etcd's messages: `range_end` is `rangeEnd` here.
  static var encoder: JSONEncoder { JSONEncoder() }
  static var decoder: JSONDecoder { JSONDecoder() }

  struct Range: Encodable, Sendable {
    var key: Data
    /// Behind the last key; nil for one key alone.
    var rangeEnd: Data?
    var limit: String?
    var revision: String?
    var keysOnly: Bool?

    private enum CodingKeys: String, CodingKey {
      case key
      case rangeEnd = "range_end"
      case limit
      case revision
      case keysOnly = "keys_only"
    }
  }

  struct Compare: Encodable, Sendable {
    var key: Data
    var target = "MOD"
    var result = "EQUAL"
    var modRevision: String

    private enum CodingKeys: String, CodingKey {
      case key
      case target
      case result
      case modRevision = "mod_revision"
    }
  }

  struct Operation: Encodable, Sendable {
    struct Put: Encodable, Sendable {
      var key: Data
      var value: Data
      var lease: String?
    }

    struct Delete: Encodable, Sendable {
      var key: Data
    }

    var requestPut: Put?
    var requestDeleteRange: Delete?
    var requestRange: Range?

    private enum CodingKeys: String, CodingKey {
      case requestPut = "request_put"
      case requestDeleteRange = "request_delete_range"
      case requestRange = "request_range"
    }
  }

  struct Transaction: Encodable, Sendable {
    var compare: [Compare]
    var success: [Operation]
    var failure: [Operation]
  }

  struct LeaseGrant: Encodable, Sendable {
    /// In seconds.
    var lifetime: String

    private enum CodingKeys: String, CodingKey { case lifetime = "TTL" }
  }

  struct Lease: Encodable, Sendable {
    var id: String

    private enum CodingKeys: String, CodingKey { case id = "ID" }
  }

  struct Authenticate: Encodable, Sendable {
    var name: String
    var password: String
  }

  // MARK: Answers

  struct Header: Decodable, Sendable { var revision: Number? }

  /// A 64-bit integer, as text or as a number.
  struct Number: Decodable, Sendable {
    let value: Int64

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self), let value = Int64(text) {
        self.value = value
      } else {
        value = try container.decode(Int64.self)
      }
    }
  }

  struct Pair: Decodable, Sendable {
    var key: Data?
    var value: Data?
    var modRevision: Number?

    private enum CodingKeys: String, CodingKey {
      case key
      case value
      case modRevision = "mod_revision"
    }
  }

  struct RangeAnswer: Decodable, Sendable {
    var header: Header?
    var kvs: [Pair]?
    var more: Bool?
  }

  struct TransactionAnswer: Decodable, Sendable {
    struct Part: Decodable, Sendable {
      var responseRange: RangeAnswer?

      private enum CodingKeys: String, CodingKey { case responseRange = "response_range" }
    }

    var header: Header?
    var succeeded: Bool?
    var responses: [Part]?
  }

  /// The names as the gateway has them: `ID` and `TTL`.
  struct LeaseAnswer: Decodable, Sendable {
    private enum Key: String, CodingKey {
      case id = "ID"
      case lifetime = "TTL"
      case result
    }

    var id: Int64
    /// In seconds; 0 of one that is over.
    var lifetime: Int64

    init(from decoder: any Decoder) throws {
      var container = try decoder.container(keyedBy: Key.self)
      // A stream of answers wraps each.
      if let inner = try? container.nestedContainer(keyedBy: Key.self, forKey: .result) {
        container = inner
      }
      id = try container.decodeIfPresent(Number.self, forKey: .id)?.value ?? 0
      lifetime = try container.decodeIfPresent(Number.self, forKey: .lifetime)?.value ?? 0
    }
  }

  struct Token: Decodable, Sendable { var token: String? }

  struct Failure: Decodable, Sendable {
    /// Of gRPC.
    var code: Int?
    var message: String?
    var error: String?
  }
}
