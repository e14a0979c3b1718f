#ifndef VECTORDIGITS_H
#define VECTORDIGITS_H

#include "CFieldKernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

// Integers as digits of 52 bits, for the multiply-add instructions of AVX-512 IFMA. They multiply the low 52
// bits of each lane and add the low or the high half of the product to a lane of 64. No jump and no address
// depends on a digit.

#define VECTOR __attribute__((target("avx512f,avx512bw,avx512dq,avx512ifma,avx512vbmi,avx512vbmi2")))
#define INLINE_VECTOR VECTOR __attribute__((always_inline)) static inline
#define UNROLL _Pragma("clang loop unroll(full)")

enum {
  digit_bits = 52,
  lanes = 8,
  bytes_of_vector = digit_bits,  // Eight digits are 52 bytes.
};

INLINE_VECTOR __m512i digit_mask(void) { return _mm512_set1_epi64((1LL << digit_bits) - 1); }

/// The digits in 64 bytes, where each begins in the byte given, or in the middle of it for an odd one.
INLINE_VECTOR __m512i digits_in(__m512i raw, __m512i first_bytes) {
  const __m512i offsets = _mm512_set1_epi64(0x0706050403020100);
  const __m512i bytes = _mm512_add_epi8(
      _mm512_mullo_epi64(first_bytes, _mm512_set1_epi64(0x0101010101010101)), offsets);
  __m512i placed = _mm512_srlv_epi64(
      _mm512_permutexvar_epi8(bytes, raw), _mm512_set_epi64(4, 0, 4, 0, 4, 0, 4, 0));
  return _mm512_and_si512(placed, digit_mask());
}

/// Vector `index` of the digits of an integer.
INLINE_VECTOR __m512i digits(const uint64_t *words, size_t count, size_t index) {
  size_t left = 8 * count - bytes_of_vector * index;
  __mmask64 present = left >= 64 ? ~0ULL : (1ULL << left) - 1;
  __m512i raw = _mm512_maskz_loadu_epi8(
      present, (const uint8_t *)words + bytes_of_vector * index);
  // Digit k begins in byte 6.5·k.
  return digits_in(raw, _mm512_set_epi64(45, 39, 32, 26, 19, 13, 6, 0));
}

/// The eight digits as 52 bytes, and 12 bytes of anything.
INLINE_VECTOR __m512i packed(__m512i a) {
  // A pair of digits is 104 bits, of which the lower word takes 64.
  __m512i exchanged = _mm512_permutex_epi64(a, 0xB1);
  __m512i words = _mm512_mask_srli_epi64(
      _mm512_or_si512(a, _mm512_slli_epi64(exchanged, digit_bits)), 0xAA, a,
      64 - digit_bits);
  // 13 bytes of each pair.
  static const uint8_t bytes[64] = {
      0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 16, 17, 18, 19, 20, 21, 22, 23, 24,
      25, 26, 27, 28, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 48, 49, 50, 51, 52,
      53, 54, 55, 56, 57, 58, 59, 60};
  return _mm512_permutexvar_epi8(_mm512_loadu_si512(bytes), words);
}

#endif
#endif
