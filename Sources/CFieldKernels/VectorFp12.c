#include "VectorField.h"

#if defined(__x86_64__)

// F_p¹² = F_p²[w]/(w⁶ − ξ) with ξ = 1 + u. Lane k of a vector belongs to the coefficient of wᵏ, which is that of
// v^(k/2) in c0 for an even k, and in c1 for an odd one.

enum { coefficients = 6 };

/// Masks for the coefficients of c0 and of c1.
enum { even = 0x15, odd = 0x2a };

/// The one, raised.
static const uint64_t raised_one[digit_count] = {
    0x2fffd00000000, 0x0276090000000, 0xbf4000bc40c00, 0x985753c758bae,
    0x3705257455f48, 0x56ec6d77ce585, 0x4935c071a97a2, 0x15f65ec3fa80e};

// MARK: Memory

/// Where the coefficient of wᵏ begins in an element of F_p¹², as Swift lays it out.
INLINE_VECTOR size_t place(size_t k) { return 2 * words_of_fp * (k % 2 * 3 + k / 2); }

/// One coordinate of the six coefficients.
INLINE_VECTOR integers gathered(const uint64_t *a) {
  integers rows = {0};
  EACH(k, coefficients) rows.digit[k] = element_digits(a + place(k));
  return transposed(rows);
}

INLINE_VECTOR void scatter(uint64_t *r, integers a) {
  integers rows = transposed(reduced(a));
  EACH(k, coefficients) store_element(r + place(k), rows.digit[k]);
}

/// The vector form: sixteen vectors, those of the real parts first, weakly reduced.
INLINE_VECTOR fp2_elements loaded(const uint64_t *a) {
  fp2_elements r;
  EACH_DIGIT(d) r.re.digit[d] = _mm512_loadu_si512(a + lanes * d);
  EACH_DIGIT(d) r.im.digit[d] = _mm512_loadu_si512(a + lanes * (digit_count + d));
  return r;
}

INLINE_VECTOR void store(uint64_t *r, fp2_elements a) {
  EACH_DIGIT(d) _mm512_storeu_si512(r + lanes * d, a.re.digit[d]);
  EACH_DIGIT(d) _mm512_storeu_si512(r + lanes * (digit_count + d), a.im.digit[d]);
}

/// Stores what is congruent to a, whose integers are between −31·p and 168·p.
INLINE_VECTOR void store_weakly_reduced(uint64_t *r, fp2_elements a) {
  store(
      r, (fp2_elements){
             weakly_reduced(plus_moduli(a.re, 32)), weakly_reduced(plus_moduli(a.im, 32))});
}

VECTOR void bcemr_fp12_vector_from_words(uint64_t *r, const uint64_t *a) {
  store(r, (fp2_elements){gathered(a), gathered(a + words_of_fp)});
}

VECTOR void bcemr_fp12_vector_to_words(uint64_t *r, const uint64_t *a) {
  fp2_elements x = loaded(a);
  scatter(r, x.re);
  scatter(r + words_of_fp, x.im);
}

// MARK: Sums of products

/// The factors that Karatsuba's method has of elements of F_p².
enum { real_part, imaginary_part, both_parts, factors };

/// Factors in memory, digit by digit, a lane of which is a word.
typedef struct {
  _Alignas(64) uint64_t factor[factors][digit_count][lanes];
} left_factors;

/// The same, with ξ times the six coefficients before them: what begins i words before the coefficients is the
/// product with wⁱ.
typedef struct {
  _Alignas(64) uint64_t factor[factors][digit_count][2 * lanes];
} right_factors;

INLINE_VECTOR void set_left(left_factors *r, int factor, integers a) {
  EACH_DIGIT(d) _mm512_storeu_si512(r->factor[factor][d], a.digit[d]);
}

/// For nonnegative integers with signed digits, where a.re + a.im is below 2^384.
INLINE_VECTOR void set_all_left(left_factors *r, fp2_elements a) {
  set_left(r, real_part, raised(carried(a.re)));
  set_left(r, imaginary_part, raised(carried(a.im)));
  set_left(r, both_parts, raised(carried(sum(a.re, a.im))));
}

INLINE_VECTOR void set_right(right_factors *r, int factor, integers a, integers xi_a) {
  EACH_DIGIT(d) {
    _mm512_storeu_si512(r->factor[factor][d], xi_a.digit[d]);
    _mm512_storeu_si512(r->factor[factor][d] + coefficients, a.digit[d]);
  }
}

/// For nonnegative integers with signed digits, where a.im is at most moduli·p, and 2·a.re + moduli·p below 2^416.
INLINE_VECTOR void set_all_right(right_factors *r, fp2_elements a, uint64_t moduli) {
  integers xi_re = plus_moduli(difference(a.re, a.im), moduli), xi_im = sum(a.re, a.im);
  set_right(r, real_part, carried(a.re), carried(xi_re));
  set_right(r, imaginary_part, carried(a.im), carried(xi_im));
  set_right(r, both_parts, carried(sum(a.re, a.im)), carried(sum(xi_re, xi_im)));
}

/// How a coefficient of the left factor meets the lanes: it alone, or it and its neighbor in turns.
enum broadcast { one_lane, two_lanes };

INLINE_VECTOR __m512i broadcasted(const uint64_t *a, enum broadcast broadcast) {
  return broadcast == one_lane
             ? _mm512_set1_epi64((long long)*a)
             : _mm512_broadcast_i64x2(_mm_loadu_si128((const __m128i *)a));
}

/// t ← t + Σ aᵢ·wⁱ·b for the three i.
INLINE_VECTOR void add_three(
    products *t, const uint64_t (*a)[lanes], const uint64_t (*b)[2 * lanes], size_t i, size_t j,
    size_t k, enum broadcast broadcast) {
  products s = *t;
  const size_t exponents[3] = {i, j, k};
  EACH(n, 3) {
    integers row;
    EACH_DIGIT(e) row.digit[e] = _mm512_loadu_si512(&b[e][coefficients - exponents[n]]);
    EACH_DIGIT(d) add_row(s.digit + d, broadcasted(&a[d][exponents[n]], broadcast), &row);
  }
  *t = s;
}

// Apart, since each is some thousands of bytes of code.
#define ADDITION(name, broadcast, i, j, k)                                                    \
  VECTOR __attribute__((noinline)) static void name(                                          \
      products *t, const uint64_t (*a)[lanes], const uint64_t (*b)[2 * lanes]) {              \
    add_three(t, a, b, i, j, k, broadcast);                                                   \
  }
ADDITION(fp12_vector_add_012, one_lane, 0, 1, 2)
ADDITION(fp12_vector_add_345, one_lane, 3, 4, 5)
ADDITION(fp12_vector_add_023, one_lane, 0, 2, 3)
ADDITION(fp12_vector_add_pairs_024, two_lanes, 0, 2, 4)

VECTOR void bcemr_fp12_vector_product(uint64_t *r, const uint64_t *a, const uint64_t *b) {
  left_factors left;
  right_factors right;
  products t[factors] = {0};
  set_all_left(&left, loaded(a));
  set_all_right(&right, loaded(b), 2);
  EACH(f, factors) {
    fp12_vector_add_012(&t[f], left.factor[f], right.factor[f]);
    fp12_vector_add_345(&t[f], left.factor[f], right.factor[f]);
  }
  // If all terms were multiplied by ξ, between −1.3·p and 4.1·p.
  store_weakly_reduced(r, recombined_and_reduced(t[0], t[1], t[2]));
}

/// The complex method: with a = c0 + c1·w, c0·c1 in the even lanes and (c0 + c1)·(c0 + v·c1) in the odd ones.
VECTOR void bcemr_fp12_vector_square(uint64_t *r, const uint64_t *a) {
  const __m512i even_lanes = _mm512_setr_epi64(0, 0, 2, 2, 4, 4, 6, 6);
  const __m512i odd_lanes = _mm512_setr_epi64(1, 1, 3, 3, 5, 5, 7, 7);
  const __m512i odd_lanes_before = _mm512_setr_epi64(5, 5, 1, 1, 3, 3, 7, 7);
  const __m512i even_lanes_before = _mm512_setr_epi64(4, 4, 0, 0, 2, 2, 6, 6);
  const integers zero = {0};
  left_factors left;
  right_factors right;
  products t[factors] = {0};
  fp2_elements x = loaded(a);
  fp2_elements c0 = {permuted(x.re, even_lanes), permuted(x.im, even_lanes)};
  fp2_elements c1 = {permuted(x.re, odd_lanes), permuted(x.im, odd_lanes)};
  fp2_elements vc1 = {permuted(x.re, odd_lanes_before), permuted(x.im, odd_lanes_before)};

  // c0 and c0 + c1
  fp2_elements first = {plus_masked(c0.re, odd, c1.re), plus_masked(c0.im, odd, c1.im)};
  set_all_left(&left, first);

  // c1 and c0 + v·c1. As v³ = ξ, the first coefficient of v·c1 is ξ times the last of c1.
  integers im = vc1.im;
  vc1.im = plus_masked(vc1.im, lane_1, vc1.re);
  vc1.re = plus_masked(minus_masked(vc1.re, lane_1, im), lane_1, plus_moduli(zero, 2));
  fp2_elements second = {
      blend(odd, sum(c0.re, vc1.re), c1.re), blend(odd, sum(c0.im, vc1.im), c1.im)};
  set_all_right(&right, second, 4);

  EACH(f, factors) fp12_vector_add_pairs_024(&t[f], left.factor[f], right.factor[f]);
  // If all terms were multiplied by ξ, real parts between −5·p and 6·p, and imaginary ones up to 11·p.
  fp2_elements m = recombined_and_reduced(t[0], t[1], t[2]);

  // 2·c0·c1 in the odd lanes; in the even ones the other product less (1 + v)·c0·c1.
  fp2_elements cc = {permuted(m.re, even_lanes), permuted(m.im, even_lanes)};
  fp2_elements vcc = {permuted(m.re, even_lanes_before), permuted(m.im, even_lanes_before)};
  fp2_elements other = {permuted(m.re, odd_lanes), permuted(m.im, odd_lanes)};
  im = vcc.im;
  vcc.im = plus_masked(vcc.im, lane_0, vcc.re);
  vcc.re = minus_masked(vcc.re, lane_0, im);
  store_weakly_reduced(
      r, (fp2_elements){
             blend(even, difference(other.re, sum(cc.re, vcc.re)), sum(cc.re, cc.re)),
             blend(even, difference(other.im, sum(cc.im, vcc.im)), sum(cc.im, cc.im))});
}

/// Granger and Scott, ePrint 2009/565. For k = 0, 1, 2 the coefficients a of wᵏ and b of w^(k + 3) become those
/// of w^(2k) and w^(2k + 3): 3·(a² + ξ·b²) and 3·2·a·b, less or more twice what was there. The products are
/// a·b and (a + b)·(a + ξ·b) = a² + ξ·b² + (1 + ξ)·a·b.
VECTOR void bcemr_fp12_vector_cyclotomic_square(uint64_t *r, const uint64_t *a) {
  const __m512i exchanged_halves = _mm512_setr_epi64(3, 4, 5, 0, 1, 2, 6, 7);
  const __m512i lanes_of_ab = _mm512_setr_epi64(0, 2, 1, 0, 2, 1, 6, 7);
  const __m512i lanes_of_squares = _mm512_setr_epi64(3, 3, 4, 4, 5, 5, 6, 7);
  fp2_elements x = loaded(a);
  fp2_elements other = {
      permuted(x.re, exchanged_halves), permuted(x.im, exchanged_halves)};
  fp2_elements left = {plus_masked(x.re, lanes_3_to_5, other.re), plus_masked(x.im, lanes_3_to_5, other.im)};
  integers xi_re = plus_moduli(difference(x.re, x.im), 2), xi_im = sum(x.re, x.im);
  fp2_elements right = {
      plus_masked(other.re, lanes_3_to_5, xi_re), plus_masked(other.im, lanes_3_to_5, xi_im)};

  // Real parts between −p and 2·p, imaginary ones up to 3·p.
  fp2_elements m = fp2_product(left, right);

  fp2_elements ab = {permuted(m.re, lanes_of_ab), permuted(m.im, lanes_of_ab)};
  fp2_elements squares = {
      permuted(m.re, lanes_of_squares), permuted(m.im, lanes_of_squares)};
  // 2·a·b, and ξ times that in the second lane, where 2k + 3 exceeds 5.
  fp2_elements twice = {sum(ab.re, ab.re), sum(ab.im, ab.im)};
  fp2_elements doubled = {
      minus_masked(twice.re, lane_1, twice.im), plus_masked(twice.im, lane_1, twice.re)};
  // (1 + ξ)·a·b = (2 + u)·a·b
  squares.re = difference(squares.re, difference(twice.re, ab.im));
  squares.im = difference(squares.im, sum(twice.im, ab.re));
  fp2_elements t = {blend(even, squares.re, doubled.re), blend(even, squares.im, doubled.im)};
  fp2_elements rest = {
      plus_masked(minus_masked(t.re, even, x.re), odd, x.re),
      plus_masked(minus_masked(t.im, even, x.im), odd, x.im)};
  store_weakly_reduced(
      r, (fp2_elements){
             sum(t.re, sum(rest.re, rest.re)), sum(t.im, sum(rest.im, rest.im))});
}

VECTOR void bcemr_fp12_vector_conjugate(uint64_t *r, const uint64_t *a) {
  const integers zero = {0};
  fp2_elements x = loaded(a);
  store_weakly_reduced(
      r, (fp2_elements){
             blend(odd, difference(zero, x.re), x.re), blend(odd, difference(zero, x.im), x.im)});
}

VECTOR void bcemr_fp12_vector_frobenius(
    uint64_t *r, const uint64_t *a, const uint64_t *factors_of_w) {
  const integers zero = {0};
  fp2_elements x = loaded(a);
  x.im = difference(plus_moduli(zero, 2), x.im);
  // Between −0.3·p and 1.4·p.
  store_weakly_reduced(r, fp2_product(x, loaded(factors_of_w)));
}

VECTOR void bcemr_fp12_vector_multiply_line(
    uint64_t *r, const uint64_t *f, const uint64_t *line, const uint64_t *point) {
  // l₀, l₁·x and l₄·y in the lanes of their powers of w, and their imaginary parts four lanes further.
  const __m512i four_lanes_further = _mm512_setr_epi64(4, 5, 6, 7, 0, 1, 2, 3);
  const size_t power[3] = {0, 2, 3};
  left_factors left;
  right_factors right;
  products t[factors] = {0};
  set_all_right(&right, loaded(f), 2);
  integers rows = {0}, scales = {0};
  EACH(k, 3) {
    EACH(part, 2) {
      rows.digit[4 * part + power[k]] = raised_element_digits(line + words_of_fp * (2 * k + part));
      scales.digit[4 * part + power[k]] = k == 0 ? _mm512_loadu_si512(raised_one)
                                          : raised_element_digits(point + words_of_fp * (k - 1));
    }
  }
  // Raised, as both factors are, and below 2^29·p.
  integers re = montgomery_reduced(product(transposed(rows), transposed(scales)));
  integers im = permuted(re, four_lanes_further);
  set_left(&left, real_part, carried(re));
  set_left(&left, imaginary_part, carried(im));
  set_left(&left, both_parts, carried(sum(re, im)));
  EACH(n, factors) fp12_vector_add_023(&t[n], left.factor[n], right.factor[n]);
  // Between −0.1·p and 1.2·p.
  store_weakly_reduced(r, recombined_and_reduced(t[0], t[1], t[2]));
}

#endif
