import PaperEvaluation
import Testing

@Suite("Table 5")
struct CommunicationTests {
  /// By hand, for n = 3 and λ = 200:
  ///
  /// ZL: 212·1024 = 217 088; 512 + 800 + 26 + 32 + 160 + 32 + 320 = 1882.
  /// CZ: 10·1024 = 10 240; 480 + 256 + 480 + 320 + 128 = 1664.
  /// AS: 3072 + 32 + 640 + 160 + 160 + 32 + 1024 = 5120.
  /// BC-EMR: 17·1024 = 17 408; 1024 + 320 + 160 = 1504; 1440 + 320 + 800 + 96 = 2656;
  /// 1024 + 1024 + 128 = 2176.
  @Test("the formulas have the values that they have by hand")
  func values() {
    #expect(bits(.zl) == 218_970)
    #expect(bits(.cz) == 11_904)
    #expect(bits(.as) == 5120)
    #expect(bits(.bcEMR) == 23_744)
  }

  /// Another doctor costs CZ 3·1024 + 160 + 64 + 160 + 32 = 3488 and BC-EMR 3·1024 + 160 + 160 + 32 +
  /// 32 = 3456; another keyword costs ZL a point.
  @Test("what another doctor and another keyword cost")
  func slopes() {
    for n in 1...10 {
      #expect(bits(.cz, n: n) == 11_904 + (n - 3) * 3488)
      #expect(bits(.bcEMR, n: n) == 23_744 + (n - 3) * 3456)
      #expect(bits(.zl, n: n) == 218_970 && bits(.as, n: n) == 5120)
    }
    #expect(bits(.zl, lambda: 1000) == 218_970 + 800 * 1024)
    for scheme in [PaperFigures.ComparedScheme.cz, .as, .bcEMR] {
      #expect(bits(scheme, lambda: 1000) == bits(scheme))
    }
  }

  private func bits(
    _ scheme: PaperFigures.ComparedScheme, n: Int = 3, lambda: Int = 200
  ) -> Int {
    PaperFigures.communicationBits(scheme, n: n, lambda: lambda)
  }
}
