#include "CFieldKernels.h"

typedef unsigned __int128 uint128;

/// a·b + c + carry, which fits into two words; the high one becomes the carry.
static inline uint64_t multiply_add(uint64_t a, uint64_t b, uint64_t c, uint64_t *carry) {
  uint128 sum = (uint128)a * b + c + *carry;
  *carry = (uint64_t)(sum >> 64);
  return (uint64_t)sum;
}

static inline uint64_t add_carry(uint64_t a, uint64_t b, uint64_t *carry) {
  unsigned long long out;
  uint64_t sum = __builtin_addcll(a, b, *carry, &out);
  *carry = out;
  return sum;
}

static inline uint64_t subtract_borrow(uint64_t a, uint64_t b, uint64_t *borrow) {
  unsigned long long out;
  uint64_t difference = __builtin_subcll(a, b, *borrow, &out);
  *borrow = out;
  return difference;
}

uint64_t bcemr_words_add(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t count) {
  uint64_t carry = 0;
#pragma clang loop unroll_count(8)
  for (size_t i = 0; i < count; i++) r[i] = add_carry(a[i], b[i], &carry);
  return carry;
}

uint64_t bcemr_words_subtract(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t count) {
  uint64_t borrow = 0;
#pragma clang loop unroll_count(8)
  for (size_t i = 0; i < count; i++) r[i] = subtract_borrow(a[i], b[i], &borrow);
  return borrow;
}

uint64_t bcemr_words_add_word(uint64_t *r, uint64_t word, size_t count) {
  uint64_t carry = word;
  for (size_t i = 0; i < count; i++) {
    uint64_t next = 0;
    r[i] = add_carry(r[i], carry, &next);
    carry = next;
  }
  return carry;
}

uint64_t bcemr_words_add_masked(
    uint64_t *r, const uint64_t *a, uint64_t mask, uint64_t carry, size_t count) {
#pragma clang loop unroll_count(8)
  for (size_t i = 0; i < count; i++) r[i] = add_carry(r[i], a[i] & mask, &carry);
  return carry;
}

uint64_t bcemr_words_add_inverted(
    uint64_t *r, const uint64_t *a, uint64_t mask, uint64_t carry, size_t count) {
#pragma clang loop unroll_count(8)
  for (size_t i = 0; i < count; i++) r[i] = add_carry(r[i], a[i] ^ mask, &carry);
  return carry;
}

void bcemr_words_negate(uint64_t *r, uint64_t mask, size_t count) {
  uint64_t carry = mask & 1;
#pragma clang loop unroll_count(8)
  for (size_t i = 0; i < count; i++) r[i] = add_carry(r[i] ^ mask, 0, &carry);
}

void bcemr_words_multiply(
    uint64_t *restrict r, const uint64_t *restrict a, const uint64_t *restrict b, size_t count) {
  for (size_t i = 0; i < count; i++) r[i] = 0;
  // Two rows at once are two chains of carries that do not wait for each other.
  for (size_t i = 0; i < count; i += 2) {
    uint64_t *row = r + i;
    uint64_t first = b[i], second = b[i + 1], c = 0, d = 0;
    row[0] = multiply_add(a[0], first, row[0], &c);
    for (size_t j = 1; j < count; j++) {
      uint64_t word = multiply_add(a[j], first, row[j], &c);
      row[j] = multiply_add(a[j - 1], second, word, &d);
    }
    row[count] = multiply_add(a[count - 1], second, c, &d);
    row[count + 1] = d;
  }
}

void bcemr_words_square(uint64_t *restrict r, const uint64_t *restrict a, size_t count) {
  for (size_t i = 0; i < count; i++) r[i] = 0;
  // The products of different words: a[i] with all from a[i + 1] on, a[i + 1] with all from a[i + 2] on.
  for (size_t i = 0; i + 2 < count; i += 2) {
    uint64_t *row = r + i;
    uint64_t first = a[i], second = a[i + 1], c = 0, d = 0;
    row[i + 1] = multiply_add(second, first, row[i + 1], &c);
    row[i + 2] = multiply_add(a[i + 2], first, row[i + 2], &c);
    for (size_t j = i + 3; j < count; j++) {
      uint64_t word = multiply_add(a[j], first, row[j], &c);
      row[j] = multiply_add(a[j - 1], second, word, &d);
    }
    row[count] = multiply_add(a[count - 1], second, c, &d);
    row[count + 1] = d;
  }
  uint64_t c = 0;
  r[2 * count - 3] = multiply_add(a[count - 2], a[count - 1], r[2 * count - 3], &c);
  r[2 * count - 2] = c;
  r[2 * count - 1] = 0;
  // Twice that, and the squares of words.
  uint64_t doubling = 0, carry = 0;
#pragma clang loop unroll_count(4)
  for (size_t i = 0; i < count; i++) {
    uint128 square = (uint128)a[i] * a[i];
    uint64_t even = r[2 * i], odd = r[2 * i + 1];
    r[2 * i] = add_carry(even << 1 | doubling, (uint64_t)square, &carry);
    r[2 * i + 1] = add_carry(odd << 1 | even >> 63, (uint64_t)(square >> 64), &carry);
    doubling = odd >> 63;
  }
}

void bcemr_words_reduce(
    uint64_t *restrict r, uint64_t *restrict t, const uint64_t *restrict p, size_t count) {
  size_t half = count / 2;
  const uint64_t *upper = p + half;
  for (size_t i = 0; i < count; i += 2) {
    // t + m·p clears m = t[i] and adds m·P half the length further on; m·P = m·(P − 1) + m.
    uint64_t *row = t + i + half;
    uint64_t first = t[i], second = t[i + 1], c = first, d = second;
    row[0] = multiply_add(upper[0], first, row[0], &c);
    for (size_t j = 1; j < half; j++) {
      uint64_t word = multiply_add(upper[j], first, row[j], &c);
      row[j] = multiply_add(upper[j - 1], second, word, &d);
    }
    // What goes beyond belongs to the words i + count and i + count + 1; it waits in the cleared ones.
    t[i] = multiply_add(upper[half - 1], second, c, &d);
    t[i + 1] = d;
  }
  // Below 2p < R: nothing is carried out.
  bcemr_words_add(t, t, t + count, count);
  uint64_t mask = 0 - bcemr_words_subtract(r, t, p, count);
  mask = bcemr_field_value_barrier(mask);
  bcemr_words_add_masked(r, p, mask, 0, count);
}
