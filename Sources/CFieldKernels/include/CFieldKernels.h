#ifndef CFIELDKERNELS_H
#define CFIELDKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Returns its argument, and hides from the optimizer what it knows about the value, so that a
/// mask is not turned back into a jump.
static inline uint64_t bcemr_field_value_barrier(uint64_t value) {
  __asm__("" : "+r"(value));
  return value;
}

/// Overwrites memory with zeros, also where the optimizer could show that nobody reads it again.
static inline void bcemr_field_zeroize(void *bytes, size_t count) {
  memset(bytes, 0, count);
  __asm__ volatile("" : : "r"(bytes) : "memory");
}

// Integers of `count` words, least significant first. Everything takes a time that depends on `count`
// alone. Here and not in Swift, whose compiler keeps no carry in a flag from one step of a loop to the
// next.

/// r ← a + b; returns the carry.
uint64_t bcemr_words_add(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t count);

/// r ← a − b; returns the borrow.
uint64_t bcemr_words_subtract(uint64_t *r, const uint64_t *a, const uint64_t *b, size_t count);

/// r ← r + word; returns the carry.
uint64_t bcemr_words_add_word(uint64_t *r, uint64_t word, size_t count);

/// r ← r + (a & mask) + carry, the mask in every word; returns the carry.
uint64_t bcemr_words_add_masked(
    uint64_t *r, const uint64_t *a, uint64_t mask, uint64_t carry, size_t count);

/// r ← r + (a ^ mask) + carry, the mask in every word; returns the carry.
uint64_t bcemr_words_add_inverted(
    uint64_t *r, const uint64_t *a, uint64_t mask, uint64_t carry, size_t count);

/// r ← −r where the mask is all ones, and r where it is 0.
void bcemr_words_negate(uint64_t *r, uint64_t mask, size_t count);

/// r ← a·b, of 2·count words, for an even count.
void bcemr_words_multiply(
    uint64_t *restrict r, const uint64_t *restrict a, const uint64_t *restrict b, size_t count);

/// r ← a², of 2·count words, for an even count.
void bcemr_words_square(uint64_t *restrict r, const uint64_t *restrict a, size_t count);

/// r ← t/R mod p for R = 2^(64·count) and t < p·R of 2·count words, which are overwritten; for an even
/// count and a "Montgomery-friendly" p = P·2^(32·count) − 1 < R/2.
void bcemr_words_reduce(
    uint64_t *restrict r, uint64_t *restrict t, const uint64_t *restrict p, size_t count);

/// Whether the processor has ADX and BMI2, and the kernels for them are there.
bool bcemr_adx_kernels_are_supported(void);

// Chains in BLS12-381's fields, for such a processor: elements are reduced and in Montgomery's form, as Swift's Fp
// and Fp2. Time and addresses depend on `count` alone. Stack and registers are not cleared.

/// r ← r^(2^count)
void bcemr_fp_adx_square_repeatedly(uint64_t *r, size_t count);

/// (X, Y, Z) ← 2^count·(X, Y, Z) in Jacobian coordinates, x = X/Z² and y = Y/Z³; where Z is 0, it stays 0.
void bcemr_g1_adx_double_repeatedly(uint64_t *point, size_t count);
void bcemr_g2_adx_double_repeatedly(uint64_t *point, size_t count);

/// Whether the processor has AVX-512 IFMA, and what else of AVX-512 the kernels below use.
bool bcemr_vector_kernels_are_supported(void);

/// r ← a·b/R mod p for a, b < p, if `bcemr_vector_kernels_are_supported` and there is a kernel for `count`: 16, 24,
/// 32 and 48 words; else returns false and does nothing. p and R are those of `bcemr_words_reduce`; r may be a or b.
bool bcemr_words_vector_montgomery_product(
    uint64_t *r, const uint64_t *a, const uint64_t *b, const uint64_t *p, size_t count);

// F_p¹² of BLS12-381, for a processor where `bcemr_vector_kernels_are_supported`. An element in vector form is 128
// words, which one of these functions has written; in plain form it is the twelve coefficients of six words each
// that Swift's Fp12 consists of, reduced and with Montgomery's factor 2^384. r may be an operand.

/// r ← a, from plain form to vector form
void bcemr_fp12_vector_from_words(uint64_t *r, const uint64_t *a);

/// r ← a, from vector form to plain form
void bcemr_fp12_vector_to_words(uint64_t *r, const uint64_t *a);

/// r ← a·b
void bcemr_fp12_vector_product(uint64_t *r, const uint64_t *a, const uint64_t *b);

/// r ← a²
void bcemr_fp12_vector_square(uint64_t *r, const uint64_t *a);

/// r ← a² for a of the cyclotomic subgroup
void bcemr_fp12_vector_cyclotomic_square(uint64_t *r, const uint64_t *a);

/// r ← a^(p⁶)
void bcemr_fp12_vector_conjugate(uint64_t *r, const uint64_t *a);

/// r ← a^p, by the factors γₖ of wᵏ, the coefficients of an element in vector form
void bcemr_fp12_vector_frobenius(uint64_t *r, const uint64_t *a, const uint64_t *factors);

/// r ← f·(l₀ + l₁·x·v + l₄·y·vw), with l₀, l₁ and l₄ one after another in plain form, and x and y as well
void bcemr_fp12_vector_multiply_line(
    uint64_t *r, const uint64_t *f, const uint64_t *line, const uint64_t *point);

// Points x, y, z of BLS12-381's curve and its twist in plain form, for such a processor as well. They need not be
// in the subgroup. r may be an operand.

/// r ← a + b
void bcemr_g1_vector_sum(uint64_t *r, const uint64_t *a, const uint64_t *b);
void bcemr_g2_vector_sum(uint64_t *r, const uint64_t *a, const uint64_t *b);

/// r ← 2·a
void bcemr_g1_vector_double(uint64_t *r, const uint64_t *a);
void bcemr_g2_vector_double(uint64_t *r, const uint64_t *a);

/// r ← 2·a, and l₀, l₁ and l₄ of the tangent at a, which lie elsewhere
void bcemr_g2_vector_double_with_tangent(uint64_t *r, uint64_t *line, const uint64_t *a);

#endif
