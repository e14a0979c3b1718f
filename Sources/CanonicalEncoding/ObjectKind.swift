/// The top-level objects of BC-EMR: one CHOICE, told apart by an APPLICATION tag.
///
/// Whatever is hashed or signed is the DER of one of these, so the tag also separates the domains
/// of all hashes and signatures. The numbers are those of `docs/BCEMR.asn1` and never reused.
public enum ObjectKind: UInt, CaseIterable, Sendable {
  // The ledger
  case genesis = 0
  case entry = 1
  case entryContent = 2
  // 3 is reserved.
  case blockHeader = 4
  // 5 is reserved.
  case stateChange = 6
  // 7 is reserved.

  // Bodies of entries on the consortium chain
  case doctorRegistration = 8
  // 9 and 10 are reserved.
  case anchor = 11
  // 12 is reserved.

  // Bodies of entries on a hospital's chain
  case visitOpening = 13
  case partialSignature = 14
  case visitCompletion = 15
  case visitAbandonment = 16
  case visitReceipt = 17
  case accessRequestNotice = 18
  case consentNotice = 19
  case revocation = 20
  case accessNotice = 21

  // The scheme
  case visitContext = 22
  // 23 is reserved.
  case findingPosition = 24
  case findingChain = 25
  case sealedRecordSignedPart = 26
  case sealedRecord = 27
  case recordPlaintext = 28
  case recordDigestInput = 29
  case registrationStatement = 30
  case groupKeyTranscript = 31
  case groupSealedFindings = 32
  case pseudonymOpening = 33
  case sealingInfo = 34

  // Sharing
  case accessRequest = 35
  case requestKeyCertificate = 36
  case consent = 37
  // 38 is reserved.

  // Between roles, and at rest
  case message = 39
  case demoKeys = 40
  case sealedKeys = 78
  case openingEvidence = 41
  case envelope = 80
  case requestContent = 81
  case sealedAnswer = 82
  case envelopeKey = 83

  // The scheme, continued
  case registrationChallenge = 42
  case visitIDInput = 43
  case groupKeyOffer = 44
  case groupKeyAnswer = 45
  case groupKeyConfirmation = 46
  case groupKeyAcknowledgement = 47
  case groupKeyDelivery = 48
  case findingList = 49
  case reencryptedRecord = 50
  case amendment = 77

  // The ledger, continued
  case storageReceipt = 51
  case baseAdvance = 52
  case refused = 53
  case demand = 54
  case equivocationReport = 55
  case faultReport = 56
  case continuation = 57
  case submissionAnswer = 58
  case tailStatement = 59
  case withholdingReport = 60
  case blockOpening = 61
  case voteEquivocationReport = 62
  case candidacy = 67
  case approval = 68

  // Shown by itself
  case visitProof = 76

  // Consensus
  case consensusVote = 63
  case consensusProposal = 64

  // The directory
  case doctorStatusChange = 65
  case keyRotation = 66
  case rotationStatement = 72
  case doctorSpecialties = 75

  // Members
  case motion = 69
  case ballot = 70
  case memberConsent = 71
  case members = 73
  case partyRotation = 74
}
