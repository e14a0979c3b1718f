import CFieldKernels
import Testing

extension Trait where Self == ConditionTrait {
  /// For what only a processor with AVX-512 IFMA can run.
  static var vectorKernels: Self {
    .enabled(if: bcemr_vector_kernels_are_supported(), "this processor has no AVX-512 IFMA")
  }
}
