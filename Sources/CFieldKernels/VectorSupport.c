#include "CFieldKernels.h"

bool bcemr_vector_kernels_are_supported(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512ifma") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
#else
  return false;
#endif
}

#if !defined(__x86_64__)

bool bcemr_words_vector_montgomery_product(
    uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p, size_t count) {
  return false;
}

// For the linker alone.
#define ABSENT(name, ...) void name(__VA_ARGS__) { __builtin_trap(); }
ABSENT(bcemr_fp12_vector_from_words, uint64_t *r, const uint64_t *a)
ABSENT(bcemr_fp12_vector_to_words, uint64_t *r, const uint64_t *a)
ABSENT(bcemr_fp12_vector_product, uint64_t *r, const uint64_t *a, const uint64_t *b)
ABSENT(bcemr_fp12_vector_square, uint64_t *r, const uint64_t *a)
ABSENT(bcemr_fp12_vector_cyclotomic_square, uint64_t *r, const uint64_t *a)
ABSENT(bcemr_fp12_vector_conjugate, uint64_t *r, const uint64_t *a)
ABSENT(bcemr_fp12_vector_frobenius, uint64_t *r, const uint64_t *a, const uint64_t *factors)
ABSENT(
    bcemr_fp12_vector_multiply_line, uint64_t *r, const uint64_t *f, const uint64_t *line,
    const uint64_t *point)
ABSENT(bcemr_g1_vector_sum, uint64_t *r, const uint64_t *a, const uint64_t *b)
ABSENT(bcemr_g2_vector_sum, uint64_t *r, const uint64_t *a, const uint64_t *b)
ABSENT(bcemr_g1_vector_double, uint64_t *r, const uint64_t *a)
ABSENT(bcemr_g2_vector_double, uint64_t *r, const uint64_t *a)
ABSENT(bcemr_g2_vector_double_with_tangent, uint64_t *r, uint64_t *line, const uint64_t *a)

#endif
