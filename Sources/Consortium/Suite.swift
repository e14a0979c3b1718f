package import Pairings

/// The pairing suite of this program's roles: the one place that names it.
package typealias Suite = BLS12381
