import CanonicalEncoding
import EMRScheme
import Pairings
import TestSupport
import Testing

@Suite("Attacks on the sequential signature")
struct SigningAttacks {
  @Test("[attack] item 1: who is handed d1 forges that doctor's diagnoses")
  func firstKeyAlone() throws {
    var random = SeededGenerator(seed: 1)
    let doctor = try DoctorFixture<BLS12381>("doctor-1", using: &random)
    let d1 = try Scalar(encoded: Array(doctor.secret.encoded().prefix(32)))
    // (d2 + k·d3)·R = r·(B + k·C) for a chosen r: the rest of the key is not needed.
    let r = Scalar.random(using: &random)
    let printed = PrintedChain<BLS12381>()
    let key = doctor.prepared.verified.key
    let forged = SequentialSignature<BLS12381>(
      r: .generatorMultiplied(by: r),
      q: d1 * printed.message(["a diagnosis never made"]) + r * (key.b1 + key.c1))
    #expect(
      equation3Holds(forged, printed.messages(["a diagnosis never made"]), [key]),
      "in the paper, SM holds d1")
    // Here the proxy holds y = d'/t and x = t/p_v; neither they nor rk sign W_1, as d1 would.
    var visit = try Visit(team: 1)
    let blinding = ConsentBlinding(for: visit.visitKey, using: &visit.random)
    let request = RequestKey<BLS12381>(using: &visit.random)
    let x = try Scalar(encoded: blinding.proxyShare.encoded())
    let y = try Scalar(
      encoded: blinding.doctorShare.blind(request, theta: blinding.theta).encoded())
    let w = SecondChain(visit.context.digest, visit.commitments).w
    func signature(with scalar: Scalar) -> SequentialSignature<BLS12381> {
      SequentialSignature(
        r: .generatorMultiplied(by: r),
        q: scalar * w + r * (visit.keys[0].b1 + visit.keys[0].c1))
    }
    for scalar in [x, y, x * y, x.inverted(), y.inverted(), (x * y).inverted()] {
      expectRefusal(.chainEquation) {
        _ = try visit.chain.verify(signature(with: scalar), commitments: visit.commitments)
      }
    }
    let own = try Scalar(encoded: Array(visit.doctors[0].secret.encoded().prefix(32)))
    _ = try visit.chain.verify(signature(with: own), commitments: visit.commitments)
  }

  @Test("[attack] item 7: signatures on the chain do not test a guessed diagnosis")
  func plaintextGuess() throws {
    var visit = try Visit(team: 1)
    let guesses = ["healthy", "influenza", "hepatitis"]
    let printed = PrintedChain<BLS12381>()
    let signature = try printed.sign(
      ["influenza"], with: [visit.doctors[0].secret], using: &visit.random)
    #expect(
      guesses.filter { equation3Holds(signature, [printed.message([$0])], visit.keys) }
        == ["influenza"], "as printed, Eq. (3) tells which guess is right")

    // Here the chain carries com_1, which does not answer without the salt.
    let finding = Finding(content: Array("influenza".utf8), attempt: 1, using: &visit.random)
    let commitment = FindingCommitment(
      to: finding, contextDigest: visit.context.digest, position: 1)
    for guess in guesses {
      for salt in [[UInt8](repeating: 0, count: 32), visit.random.bytes(32)] {
        #expect(
          !commitment.opens(
            to: Finding(content: Array(guess.utf8), salt: salt, attempt: 1),
            contextDigest: visit.context.digest, position: 1))
      }
    }
    #expect(
      commitment.opens(to: finding, contextDigest: visit.context.digest, position: 1))
  }

  @Test("[attack] item 7: the boundary between two findings cannot move")
  func movedBoundary() throws {
    var visit = try Visit(team: 2)
    let d1 = try Scalar(encoded: Array(visit.doctors[0].secret.encoded().prefix(32)))
    let (written, moved) = (["no fever.", " Allergic"], ["no", " fever. Allergic"])

    // As printed, W_2 = H0(m_1 ‖ m_2) is the same, so D_1 alone moves the words: only the term
    // d1·W_1 is exchanged, and D_2 has signed what D_2 never saw.
    let printed = PrintedChain<BLS12381>()
    let signature = try printed.sign(
      written, with: visit.doctors.map(\.secret), using: &visit.random)
    #expect(equation3Holds(signature, printed.messages(written), visit.keys))
    let change = d1 * (printed.message([moved[0]]) - printed.message([written[0]]))
    #expect(
      equation3Holds(
        .init(r: signature.r, q: signature.q + change), printed.messages(moved), visit.keys))

    // Here W_2 covers com_1, so the same exchange leaves D_2's term behind.
    let chains = [written, moved].map { texts in
      var findings = visit.findings
      for (index, text) in texts.enumerated() { findings[index].content = Array(text.utf8) }
      return [FindingCommitment](to: findings, contextDigest: visit.context.digest)
    }
    let first = try visit.chain.verify(
      visit.chain.sign(
        chains[0][0], after: nil, with: visit.doctors[0].secret, using: &visit.random),
      commitments: [chains[0][0]])
    let second = try visit.chain.sign(
      chains[0][1], after: first, with: visit.doctors[1].secret, using: &visit.random)
    let w = chains.map { SecondChain(visit.context.digest, [$0[0]]).w }
    let exchanged = SequentialSignature<BLS12381>(
      r: second.r, q: second.q + d1 * (w[1] - w[0]))
    _ = try visit.chain.verify(second, commitments: chains[0])
    // com_2 changes with the words; and where D_2's own finding stays, com_1 alone does.
    for commitments in [chains[1], [chains[1][0], chains[0][1]]] {
      expectRefusal(.chainEquation) {
        _ = try visit.chain.verify(exchanged, commitments: commitments)
      }
    }
    // The exchange itself is right: for D_1's part alone it is a valid signature.
    _ = try visit.chain.verify(
      .init(r: first.signature.r, q: first.signature.q + d1 * (w[1] - w[0])),
      commitments: [chains[1][0]])
  }

  @Test("[attack] item 8: a signature does not move to another patient, ledger or place")
  func movedSignature() throws {
    var visit = try Visit()
    let signed = try visit.sign()
    let changes: [(inout VisitContext) -> Void] = [
      { $0.pseudonym = Digest32(sha256: [1]) }, { $0.visitID = Digest32(sha256: [2]) },
      { $0.hospital = "hospital-2" }, { $0.evidenceDigest = .zero }, { $0.openedAt += 1 },
      { $0.window += 1 }, { $0.resignatureLimit += 1 }, { $0.baseHeight += 1 },
      { $0.baseHash = Digest32(sha256: [3]) }, { $0.visitSigningKey[0] ^= 1 },
    ]
    for change in changes {
      var context = visit.context
      change(&context)
      let chain = try SigningChain(context: context, signers: visit.chain.signers)
      expectRefusal(.chainEquation) {
        _ = try chain.verify(signed.signature, commitments: signed.commitments)
      }
      expectRefusal(.foreignContext) {
        _ = try chain.sign(
          visit.commitments[0], after: signed, with: visit.doctors[0].secret,
          using: &visit.random)
      }
    }
    // The printed W binds text and T alone: the signature serves any patient with the same text.
    let printed = PrintedChain<BLS12381>()
    let moving = try printed.sign(
      ["m"], with: [visit.doctors[0].secret], using: &visit.random)
    #expect(equation3Holds(moving, [printed.message(["m"])], [visit.keys[0]]))

    var context = visit.context
    context.genesis = Digest32(sha256: [4])
    expectRefusal(.foreignContext) {
      _ = try SigningChain(context: context, signers: visit.chain.signers)
    }
    context = visit.context
    context.suite = "type-a-160-512"
    expectRefusal(.foreignContext) {
      _ = try SigningChain(context: context, signers: visit.chain.signers)
    }
    context = visit.context
    context.signers.swapAt(0, 1)
    expectRefusal(.team) {
      _ = try SigningChain(context: context, signers: visit.chain.signers)
    }
  }

  @Test("[attack] item 9: a re-randomized signature says the same and is no new attempt")
  func rerandomized() throws {
    var visit = try Visit()
    let signed = try visit.sign()
    let s = Scalar.random(using: &visit.random)
    let keys = G1.sum(
      visit.keys.enumerated().map { $1.b1 + Scalar(UInt64($0 + 1)) * $1.c1 })
    let variant = SequentialSignature<BLS12381>(
      r: signed.signature.r + .generatorMultiplied(by: s), q: signed.signature.q + s * keys)
    let verified = try visit.chain.verify(variant, commitments: signed.commitments)
    #expect(variant != signed.signature, "anybody makes these, so (R, Q) is no identifier")
    #expect(verified.commitments == signed.commitments)
    // Nor does the variant pass for another attempt.
    var again = signed.commitments
    again[0].attempt = 2
    expectRefusal(.chainEquation) {
      _ = try visit.chain.verify(variant, commitments: again)
    }
  }

  @Test("[attack] item 9: a withdrawn finding is not revived")
  func withdrawnFinding() throws {
    var visit = try Visit(team: 2)
    let first = try visit.sign(1)
    let secondOnFirst = try visit.chain.sign(
      visit.commitments[1], after: first, with: visit.doctors[1].secret, using: &visit.random)
    // D_1 withdraws and signs again.
    let corrected = FindingCommitment(
      to: Finding(content: Array("corrected".utf8), attempt: 2, using: &visit.random),
      contextDigest: visit.context.digest, position: 1)
    _ = try visit.chain.sign(
      corrected, after: nil, with: visit.doctors[0].secret, using: &visit.random)
    expectRefusal(.chainEquation) {
      _ = try visit.chain.verify(
        secondOnFirst, commitments: [corrected, visit.commitments[1]])
    }
    // Nor does a signature of attempt 1 pass for attempt 2 of the same finding.
    var relabelled = first.commitments
    relabelled[0].attempt = 2
    expectRefusal(.chainEquation) {
      _ = try visit.chain.verify(first.signature, commitments: relabelled)
    }
  }

  @Test("[attack] items 9 and 17: attempt 1 + N is the last")
  func tooManyAttempts() throws {
    var visit = try Visit(team: 1)
    for attempt in 1...visit.context.resignatureLimit + 1 {
      let commitment = FindingCommitment(commitment: .zero, attempt: attempt)
      let signature = try visit.chain.sign(
        commitment, after: nil, with: visit.doctors[0].secret, using: &visit.random)
      _ = try visit.chain.verify(signature, commitments: [commitment])
    }
    for attempt in [0, visit.context.resignatureLimit + 2] {
      let commitment = FindingCommitment(commitment: .zero, attempt: attempt)
      expectRefusal(.attempt) {
        _ = try visit.chain.sign(
          commitment, after: nil, with: visit.doctors[0].secret, using: &visit.random)
      }
    }
  }

  @Test("nobody signs at another's place, twice, or after an unverified predecessor")
  func wrongPlace() throws {
    var visit = try Visit(team: 2)
    expectRefusal(.position) {
      _ = try visit.chain.sign(
        visit.commitments[0], after: nil, with: visit.doctors[1].secret, using: &visit.random)
    }
    let first = try visit.sign(1)
    expectRefusal(.position) {
      _ = try visit.chain.sign(
        visit.commitments[1], after: first, with: visit.doctors[0].secret, using: &visit.random)
    }
    let all = try visit.sign()
    expectRefusal(.position) {
      _ = try visit.chain.sign(
        visit.commitments[1], after: all, with: visit.doctors[1].secret, using: &visit.random)
    }
    expectRefusal(.position) {
      _ = try visit.chain.verify(all.signature, commitments: [])
    }
    expectRefusal(.chainEquation) {
      _ = try visit.chain.verify(all.signature, commitments: first.commitments)
    }
    expectRefusal(.chainEquation) {
      _ = try visit.chain.verify(all.signature, commitments: visit.commitments.reversed())
    }
  }

  @Test("[attack] item 7: nobody signs for findings that they have not seen")
  func unseenFindings() throws {
    var visit = try Visit(team: 2)
    let first = try visit.sign(1)
    let secret = visit.doctors[1].secret
    var other = visit.findings
    other[0].content = Array("another text".utf8)
    for findings in [other, [visit.findings[1]], [], visit.findings + [other[0]]] {
      expectRefusal(.commitment) {
        _ = try visit.chain.sign(findings, after: first, with: secret, using: &visit.random)
      }
    }
    let signature = try visit.chain.sign(
      visit.findings, after: first, with: secret, using: &visit.random)
    _ = try visit.chain.verify(signature, commitments: visit.commitments)
  }

  @Test("[attack] item 22: R = 0 is refused, encoded or not")
  func identityNonce() throws {
    var visit = try Visit(team: 1)
    let signed = try visit.sign()
    let bytes = SequentialSignature<BLS12381>(r: .identity, q: signed.signature.q).encoded()
    expectRefusal(.invalidPoint) { _ = try SequentialSignature<BLS12381>(encoded: bytes) }
    expectRefusal(.invalidPoint) {
      _ = try visit.chain.verify(
        .init(r: .identity, q: signed.signature.q), commitments: signed.commitments)
    }
    expectRefusal(.invalidPoint) {
      _ = try SequentialSignature<BLS12381>(encoded: Array(bytes.dropLast()))
    }
    #expect(
      try SequentialSignature<BLS12381>(encoded: signed.signature.encoded())
        == signed.signature)
  }
}
