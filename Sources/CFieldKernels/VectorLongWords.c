#include "VectorDigits.h"

#if defined(__x86_64__)

enum {
  most_words = 48,
  most_vectors = 8,
};

/// Vectors that hold the digits of so many words.
#define VECTORS(count) ((8 * (count) + bytes_of_vector - 1) / bytes_of_vector)

/// Words of memory for a product of so many words, as it is stored vector by vector.
#define PRODUCT_WORDS(count) ((2 * VECTORS(count) * bytes_of_vector + 64 - bytes_of_vector) / 8 + 1)

/// The eight digits of `upper` moved s lanes up, with the highest of `lower` beneath: a part of 2^(52s) times
/// an integer. For a constant s, as the instruction wants it.
#define RAISED(s, upper, lower) \
  ((s) == 0 ? (upper) : (s) == lanes ? (lower) : _mm512_alignr_epi64(upper, lower, (lanes - (s)) & 7))

/// Adds 2^(52s)·a times every eighth digit of b, from digit s on; the high half of a product of digits belongs
/// one digit further up.
#define MULTIPLY_ADD(s)                                                                  \
  UNROLL for (size_t v = 0; v <= vectors; v++) {                                         \
    __m512i upper = v < vectors ? own[v] : zero, lower = v > 0 ? own[v - 1] : zero;      \
    __m512i low = RAISED(s, upper, lower), high = RAISED(s + 1, upper, lower);           \
    UNROLL for (size_t j = 0; j < vectors; j++) {                                        \
      __m512i factor = _mm512_set1_epi64((long long)factors[lanes * j + s]);             \
      __m512i *high_sum = apart ? &highs[j + v] : &sums[j + v];                          \
      sums[j + v] = _mm512_madd52lo_epu64(sums[j + v], low, factor);                     \
      *high_sum = _mm512_madd52hi_epu64(*high_sum, high, factor);                        \
    }                                                                                    \
  }

/// r ← a·b, or a·b + a, with r of `PRODUCT_WORDS(count)` words.
INLINE_VECTOR void product(
    uint64_t *r, const uint64_t *a, const uint64_t *b, size_t count, int adds_a) {
  const size_t vectors = VECTORS(count);
  const __m512i zero = _mm512_setzero_si512();
  // Low and high halves apart, so that fewer additions wait for each other, while registers suffice.
  const int apart = vectors <= 4;
  uint64_t factors[lanes * most_vectors] __attribute__((aligned(64)));
  __m512i own[most_vectors], sums[2 * most_vectors], highs[2 * most_vectors];
  UNROLL for (size_t v = 0; v < vectors; v++) {
    own[v] = digits(a, count, v);
    _mm512_store_si512(factors + lanes * v, digits(b, count, v));
    sums[v] = adds_a ? own[v] : zero;
    sums[vectors + v] = highs[v] = highs[vectors + v] = zero;
  }
  MULTIPLY_ADD(0) MULTIPLY_ADD(1) MULTIPLY_ADD(2) MULTIPLY_ADD(3)
  MULTIPLY_ADD(4) MULTIPLY_ADD(5) MULTIPLY_ADD(6) MULTIPLY_ADD(7)
  // Each digit is a sum of at most 121 terms below 2^52.
  UNROLL for (size_t v = 0; v < 2 * vectors && apart; v++) {
    sums[v] = _mm512_add_epi64(sums[v], highs[v]);
  }
  // One step of carries leaves digits below 2^53; whether those carry once more is an addition of bits.
  unsigned __int128 carrying = 0, full = 0;
  __m512i below = _mm512_setzero_si512();
  UNROLL for (size_t v = 0; v < 2 * vectors; v++) {
    __m512i carry = _mm512_srli_epi64(sums[v], digit_bits);
    sums[v] = _mm512_add_epi64(
        _mm512_and_si512(sums[v], digit_mask()), _mm512_alignr_epi64(carry, below, 7));
    below = carry;
    carrying |= (unsigned __int128)_mm512_cmpgt_epu64_mask(sums[v], digit_mask()) << (lanes * v);
    full |= (unsigned __int128)_mm512_cmpeq_epu64_mask(sums[v], digit_mask()) << (lanes * v);
  }
  unsigned __int128 incremented = ((carrying << 1) + full) ^ full;
  UNROLL for (size_t v = 0; v < 2 * vectors; v++) {
    __m512i sum = _mm512_mask_add_epi64(
        sums[v], (__mmask8)(incremented >> (lanes * v)), sums[v], _mm512_set1_epi64(1));
    _mm512_storeu_si512(
        (uint8_t *)r + bytes_of_vector * v, packed(_mm512_and_si512(sum, digit_mask())));
  }
}

INLINE_VECTOR void montgomery_product(
    uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p, size_t count) {
  uint64_t t[PRODUCT_WORDS(most_words)], m[PRODUCT_WORDS(most_words / 2)];
  size_t half = count / 2;
  product(t, a, b, count, 0);
  // t + m·p clears the half m of t, and adds m·P = m·(P − 1) + m behind it.
  product(m, t, p + half, half, 1);
  uint64_t carry = bcemr_words_add(t + half, t + half, m, count);
  bcemr_words_add_word(t + half + count, carry, half);
  product(m, t + half, p + half, half, 1);
  bcemr_words_add(t + count, t + count, m, count);
  uint64_t mask = 0 - bcemr_words_subtract(r, t + count, p, count);
  mask = bcemr_field_value_barrier(mask);
  bcemr_words_add_masked(r, p, mask, 0, count);
}

#define LENGTH(count)                                                                             \
  VECTOR static void montgomery_product_##count(                                                  \
      uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p) {                     \
    montgomery_product(r, a, b, p, count);                                                        \
  }
LENGTH(16)
LENGTH(24)
LENGTH(32)
LENGTH(48)

bool bcemr_words_vector_montgomery_product(
    uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p, size_t count) {
  if (!bcemr_vector_kernels_are_supported()) return false;
  switch (count) {
    case 16: montgomery_product_16(r, a, b, p); return true;
    case 24: montgomery_product_24(r, a, b, p); return true;
    case 32: montgomery_product_32(r, a, b, p); return true;
    case 48: montgomery_product_48(r, a, b, p); return true;
    default: return false;
  }
}

#endif
