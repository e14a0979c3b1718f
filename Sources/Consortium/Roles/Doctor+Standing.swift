extension Doctor: KnownToSupernodes {
  /// A doctor who is registered is one to all supernodes.
  func standings(at supernode: String) throws -> [[Author]] { [try authors] }
}
