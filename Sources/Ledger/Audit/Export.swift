public import CanonicalEncoding
import EMRScheme

/// A ledger in one file: what a court needs to check it, and nothing that could be read of a
/// patient. No ciphertext and no key is in it.
public struct Export: CanonicalObject, Equatable {
  public static let kind = ObjectKind.export
  public static let maximumByteCount = 1 << 30
  public static let maximumNodeCount = 1 << 22

  public var genesis: Genesis
  public var consortium: ExportedChain
  public var hospitals: [ExportedChain]

  public init(genesis: Genesis, consortium: ExportedChain, hospitals: [ExportedChain]) {
    (self.genesis, self.consortium, self.hospitals) = (genesis, consortium, hospitals)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.object("genesis", encoded: genesis.encoded())
    fields.value("consortium", consortium)
    fields.list("hospitals", hospitals)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    genesis = try Genesis(encoded: try fields.object("genesis", maximum: Genesis.maximumByteCount))
    consortium = try fields.value("consortium")
    hospitals = try fields.list("hospitals", maximum: 1000)
  }
}

/// The blocks of a chain that its newest cosigned checkpoint covers.
public struct ExportedChain: CanonicalValue, Equatable {
  public var name: String
  public var blocks: [Block]
  /// The checkpoint of all blocks with its cosignatures, a C2SP signed note; empty if there is no
  /// block.
  public var note: String

  public init(name: String, blocks: [Block], note: String) {
    (self.name, self.blocks, self.note) = (name, blocks, note)
  }

  public func encode(into fields: inout some FieldEncoder) {
    fields.text("name", name)
    fields.list("blocks", blocks)
    fields.text("note", note)
  }

  public init(from fields: inout FieldDecoder) throws(DecodingFailure) {
    name = try fields.text("name", maximum: Limits.identifierByteCount)
    blocks = try fields.list("blocks", maximum: 1 << 24)
    note = try fields.text("note", maximum: 1 << 16)
  }
}

extension Replica {
  /// Everything that is final on the consortium chain and confirmed on the hospitals' chains.
  ///
  /// The replica has to follow every hospital.
  public func export() -> Export {
    Export(
      genesis: genesis.genesis,
      consortium: exported(consortium),
      hospitals: genesis.hospitals.compactMap { hospitals[$0].map(exported) })
  }

  private func exported<State>(_ chain: Chain<State>) -> ExportedChain {
    ExportedChain(
      name: chain.name, blocks: Array(chain.blocks.prefix(confirmedSize(of: chain.name))),
      note: confirmedNote(of: chain.name) ?? "")
  }
}
