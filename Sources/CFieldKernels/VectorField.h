#ifndef VECTORFIELD_H
#define VECTORFIELD_H

#include "VectorDigits.h"

#if defined(__x86_64__)

// Elements of the base field of BLS12-381 and of F_p², eight side by side.
//
// Elements of F_p have Montgomery's factor 2^384, as in Swift. A reduction divides by 2^416, which is eight
// digits; hence one factor of each product is "raised": multiplied by 2^32. As 2^416 is far above p, sums and
// differences may wait: only where a sum is stored or multiplied are its digits carried, and the sum reduced.
//
// A lane holds a signed digit up to 2^63, which is 2048·2^52. A product adds to a digit at most 15 terms below
// 2^52 for each pair of factors, and a reduction 15 more.

#define EACH(i, count) UNROLL for (size_t i = 0; i < (count); i++)
#define EACH_DIGIT(d) EACH(d, digit_count)

enum {
  digit_count = 8,
  words_of_fp = 6,
  raising_bits = 32,
};

/// p
static const uint64_t modulus[digit_count] = {
    0xeffffffffaaab, 0xfeb153ffffb9f, 0x6b0f6241eabff, 0x12bf6730d2a0f,
    0x764774b84f385, 0x1ba7b6434bacd, 0x1ea397fe69a4b, 0x000000001a011};
/// 2^416 − p
static const uint64_t negated_modulus[digit_count] = {
    0x1000000005555, 0x014eac0000460, 0x94f09dbe15400, 0xed4098cf2d5f0,
    0x89b88b47b0c7a, 0xe45849bcb4532, 0xe15c6801965b4, 0xffffffffe5fee};
/// −p⁻¹ mod 2^52
static const uint64_t negated_inverse = 0x3fffcfffcfffd;
/// ⌊2^52/(⌊p/2^364⌋ + 1)⌋
static const uint64_t reciprocal = 0x9d8307de6;

/// Masks of lanes.
enum {
  lane_0 = 0x01,
  lane_1 = 0x02,
  lane_2 = 0x04,
  lane_5 = 0x20,
  lanes_3_to_5 = 0x38,
};

/// Eight integers, one to a lane, with signed digits. They are weakly reduced if they are in [0, 1.002·p) and their
/// digits in [0, 2^52).
typedef struct {
  __m512i digit[digit_count];
} integers;

/// Eight elements of F_p².
typedef struct {
  integers re, im;
} fp2_elements;

/// Eight products.
typedef struct {
  __m512i digit[2 * digit_count];
} products;

// MARK: Integers

INLINE_VECTOR __m512i all(uint64_t value) { return _mm512_set1_epi64((long long)value); }

INLINE_VECTOR integers sum(integers a, integers b) {
  EACH_DIGIT(d) a.digit[d] += b.digit[d];
  return a;
}

INLINE_VECTOR integers difference(integers a, integers b) {
  EACH_DIGIT(d) a.digit[d] -= b.digit[d];
  return a;
}

/// a + count·p
INLINE_VECTOR integers plus_moduli(integers a, uint64_t count) {
  EACH_DIGIT(d) a.digit[d] += all(count * modulus[d]);
  return a;
}

INLINE_VECTOR integers permuted(integers a, __m512i lane) {
  EACH_DIGIT(d) a.digit[d] = _mm512_permutexvar_epi64(lane, a.digit[d]);
  return a;
}

/// a + b in the lanes of the mask, and a in the others
INLINE_VECTOR integers plus_masked(integers a, __mmask8 mask, integers b) {
  EACH_DIGIT(d) a.digit[d] = _mm512_mask_add_epi64(a.digit[d], mask, a.digit[d], b.digit[d]);
  return a;
}

INLINE_VECTOR integers minus_masked(integers a, __mmask8 mask, integers b) {
  EACH_DIGIT(d) a.digit[d] = _mm512_mask_sub_epi64(a.digit[d], mask, a.digit[d], b.digit[d]);
  return a;
}

INLINE_VECTOR integers blend(__mmask8 mask, integers a, integers b) {
  EACH_DIGIT(d) a.digit[d] = _mm512_mask_mov_epi64(b.digit[d], mask, a.digit[d]);
  return a;
}

/// The digits' low 52 bits become those of the integer. A multiplication asks for no more.
INLINE_VECTOR integers carried(integers a) {
  EACH(d, digit_count - 1) a.digit[d + 1] += a.digit[d] >> digit_bits;
  return a;
}

/// All digits but the highest become those of the integer, below 2^52; the highest has its sign.
INLINE_VECTOR integers normalized(integers a) {
  a = carried(a);
  EACH(d, digit_count - 1) a.digit[d] &= digit_mask();
  return a;
}

/// 2^32·a for a carried integer below 2^384; its digits have something above their 52 bits.
INLINE_VECTOR integers raised(integers a) {
  const int above = 64 - digit_bits;
  integers r = {{a.digit[0] << raising_bits}};
  EACH(d, digit_count - 1) {
    r.digit[d + 1] = _mm512_shldi_epi64(a.digit[d + 1], a.digit[d] << above, raising_bits);
  }
  return r;
}

/// What is congruent and weakly reduced, for an integer a from p to 200·p.
INLINE_VECTOR integers weakly_reduced(integers a) {
  // The digits below these carry something into digit 6, which moves this by one: top is ⌊a/2^364⌋, or one or two
  // less. The quotient is then at most a/p, and more than a/p − 1.002 while a is below 200·p. It is subtracted by
  // adding its product with 2^416 − p and dropping the multiple of 2^416.
  __m512i top = a.digit[7] + (a.digit[6] >> digit_bits) - all(1);
  __m512i quotient = _mm512_madd52hi_epu64(_mm512_setzero_si512(), top, all(reciprocal));
  EACH_DIGIT(d) {
    a.digit[d] = _mm512_madd52lo_epu64(a.digit[d], quotient, all(negated_modulus[d]));
  }
  EACH(d, digit_count - 1) {
    a.digit[d + 1] = _mm512_madd52hi_epu64(a.digit[d + 1], quotient, all(negated_modulus[d]));
  }
  a = normalized(a);
  a.digit[7] &= digit_mask();
  return a;
}

/// The residue in [0, p) of what is weakly reduced.
INLINE_VECTOR integers reduced(integers a) {
  integers less = a;
  EACH_DIGIT(d) less.digit[d] -= all(modulus[d]);
  less = normalized(less);
  return blend(_mm512_movepi64_mask(less.digit[7]), a, less);
}

// MARK: Products

/// t ← t + a·b, from digit 0 of t on, for one digit a.
INLINE_VECTOR void add_row(__m512i *t, __m512i a, const integers *b) {
  EACH_DIGIT(d) t[d] = _mm512_madd52lo_epu64(t[d], a, b->digit[d]);
  EACH_DIGIT(d) t[d + 1] = _mm512_madd52hi_epu64(t[d + 1], a, b->digit[d]);
}

INLINE_VECTOR products product(integers a, integers b) {
  products t = {0};
  EACH_DIGIT(d) add_row(t.digit + d, a.digit[d], &b);
  return t;
}

/// Makes t[0] a multiple of 2^52 by a multiple of p, and carries it into t[1].
INLINE_VECTOR void clear_digit(__m512i *t, const integers *p) {
  __m512i quotient = _mm512_madd52lo_epu64(_mm512_setzero_si512(), t[0], all(negated_inverse));
  add_row(t, quotient, p);
  t[1] += t[0] >> digit_bits;
}

/// p in every lane
INLINE_VECTOR integers all_moduli(void) {
  integers p;
  EACH_DIGIT(d) p.digit[d] = all(modulus[d]);
  return p;
}

INLINE_VECTOR integers upper_half(products t) {
  integers r;
  EACH_DIGIT(d) r.digit[d] = t.digit[digit_count + d];
  return r;
}

/// t/2^416 mod p, between t/2^416 and t/2^416 + p, with signed digits; t may be negative.
INLINE_VECTOR integers montgomery_reduced(products t) {
  const integers p = all_moduli();
  EACH_DIGIT(d) clear_digit(t.digit + d, &p);
  return upper_half(t);
}

/// Elements of F_p² from Karatsuba's products re·re, im·im and (re + im)·(re + im), as ``montgomery_reduced``
/// leaves them.
INLINE_VECTOR fp2_elements recombined_and_reduced(products res, products ims, products sums) {
  EACH(d, 2 * digit_count) {
    sums.digit[d] -= res.digit[d] + ims.digit[d];
    res.digit[d] -= ims.digit[d];
  }
  // Side by side, since a step of a reduction waits for the one before.
  const integers p = all_moduli();
  EACH_DIGIT(d) {
    clear_digit(res.digit + d, &p);
    clear_digit(sums.digit + d, &p);
  }
  return (fp2_elements){upper_half(res), upper_half(sums)};
}

/// a·b/2^384 for nonnegative integers with signed digits, where a.re + a.im is below 2^384 and b.re + b.im below
/// 2^416. If b.re + b.im is below 2^384 as well, digits are between −28·2^52 and 25·2^52.
INLINE_VECTOR fp2_elements fp2_product(fp2_elements a, fp2_elements b) {
  integers a_re = raised(carried(a.re)), b_re = carried(b.re);
  integers a_im = raised(carried(a.im)), b_im = carried(b.im);
  integers a_sum = raised(carried(sum(a.re, a.im))), b_sum = carried(sum(b.re, b.im));
  products res = {0}, ims = {0}, sums = {0};
  EACH_DIGIT(d) {
    add_row(res.digit + d, a_re.digit[d], &b_re);
    add_row(ims.digit + d, a_im.digit[d], &b_im);
    add_row(sums.digit + d, a_sum.digit[d], &b_sum);
  }
  return recombined_and_reduced(res, ims, sums);
}

// MARK: Rows

/// The six words of an element of F_p, for loads and stores.
enum { element_mask = 0x3f };

INLINE_VECTOR __m512i element_digits(const uint64_t *a) { return digits(a, words_of_fp, 0); }

/// The digits of 2^32·a.
INLINE_VECTOR __m512i raised_element_digits(const uint64_t *a) {
  // Digit k begins in byte 6.5·k − 4; four bytes of the first are zeros.
  return digits_in(
      _mm512_maskz_loadu_epi64(element_mask, a), _mm512_set_epi64(41, 35, 28, 22, 15, 9, 2, 60));
}

INLINE_VECTOR void store_element(uint64_t *r, __m512i digits) {
  _mm512_mask_storeu_epi64(r, element_mask, packed(digits));
}

/// Exchanges lanes and vectors.
INLINE_VECTOR integers transposed(integers a) {
  __m512i pairs[lanes], halves[lanes];
  EACH(i, lanes / 2) {
    pairs[2 * i] = _mm512_unpacklo_epi64(a.digit[2 * i], a.digit[2 * i + 1]);
    pairs[2 * i + 1] = _mm512_unpackhi_epi64(a.digit[2 * i], a.digit[2 * i + 1]);
  }
  EACH(i, 2) {
    EACH(j, 2) {
      __m512i low = pairs[4 * j + i], high = pairs[4 * j + 2 + i];
      halves[4 * j + i] = _mm512_shuffle_i64x2(low, high, 0x88);
      halves[4 * j + 2 + i] = _mm512_shuffle_i64x2(low, high, 0xdd);
    }
  }
  EACH(i, lanes / 2) {
    a.digit[i] = _mm512_shuffle_i64x2(halves[i], halves[4 + i], 0x88);
    a.digit[4 + i] = _mm512_shuffle_i64x2(halves[i], halves[4 + i], 0xdd);
  }
  return a;
}

#endif
#endif
