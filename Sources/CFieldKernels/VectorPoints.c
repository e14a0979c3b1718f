#include "VectorField.h"

#if defined(__x86_64__)

// The complete formulas of Renes, Costello and Batina (ePrint 2015/1060) for y² = x³ + b·z³ over F_p and its
// twist over F_p²: algorithms 7 and 9, in two products side by side each. Lanes 0, 1 and 2 belong to x, y and z.
//
// The steps between the products are the same in both parts of F_p²; but 3b is 12 in F_p and 12·ξ in F_p². In sums
// xx is x·x', and xy is x·y' + x'·y; the others alike. First products are normalized, so that their multiples by
// 36·ξ keep far from 2^63.

enum { coordinates = 3 };

/// Words from a coordinate to the next, by the group.
enum stride { g1 = words_of_fp, g2 = 2 * words_of_fp };

INLINE_VECTOR fp2_elements both(integers re, integers im) { return (fp2_elements){re, im}; }
INLINE_VECTOR integers tripled(integers a) { return sum(a, sum(a, a)); }
INLINE_VECTOR integers doubled(integers a) { return sum(a, a); }
INLINE_VECTOR integers quadrupled(integers a) { return doubled(doubled(a)); }

/// Weakly reduced factors, from what is between −95·p and 104·p.
INLINE_VECTOR integers factor(integers a) { return weakly_reduced(plus_moduli(a, 96)); }

/// a·b/2^384 for nonnegative integers with signed digits, where a is below 2^384 and b below 2^416.
INLINE_VECTOR integers fp_product(integers a, integers b) {
  return montgomery_reduced(product(raised(carried(a)), carried(b)));
}

/// The coordinates of a point in an order of one's choice; −1 stands for a zero.
INLINE_VECTOR integers arranged(
    const uint64_t *point, enum stride stride, int a, int b, int c, int d, int e, int f) {
  const int coordinate[lanes] = {a, b, c, d, e, f, -1, -1};
  integers rows;
  EACH(k, lanes) {
    rows.digit[k] = coordinate[k] < 0
                        ? _mm512_setzero_si512()
                        : element_digits(point + stride * (size_t)coordinate[k]);
  }
  return transposed(rows);
}

INLINE_VECTOR void store_coordinates(uint64_t *r, enum stride stride, integers a) {
  integers rows = transposed(reduced(factor(a)));
  EACH(k, coordinates) store_element(r + stride * k, rows.digit[k]);
}

INLINE_VECTOR void store_in_twist(uint64_t *r, fp2_elements a) {
  store_coordinates(r, g2, a.re);
  store_coordinates(r + words_of_fp, g2, a.im);
}

INLINE_VECTOR integers lanes_of(integers a, int l0, int l1, int l2, int l3, int l4, int l5) {
  return permuted(a, _mm512_setr_epi64(l0, l1, l2, l3, l4, l5, 6, 7));
}

INLINE_VECTOR integers all_lanes_of(integers a, int lane) {
  return lanes_of(a, lane, lane, lane, lane, lane, lane);
}

/// 12·a, or both parts of 12·ξ·a.
INLINE_VECTOR integers times_3b(integers a) { return quadrupled(tripled(a)); }
INLINE_VECTOR fp2_elements fp2_times_3b(fp2_elements a) {
  return both(times_3b(difference(a.re, a.im)), times_3b(sum(a.re, a.im)));
}

// MARK: Sums

/// x, y, z, x + y, y + z and x + z
INLINE_VECTOR integers with_sums(const uint64_t *point, enum stride stride) {
  integers a = arranged(point, stride, 0, 1, 2, 0, 1, 0);
  return plus_masked(a, lanes_3_to_5, lanes_of(a, 0, 0, 0, 1, 2, 2));
}

/// xx, yy and zz, and the mixed products xy, yz and xz, of which (x + y)·(x' + y') and the like hold more.
INLINE_VECTOR integers without_squares(integers a) {
  integers less = sum(lanes_of(a, 0, 0, 0, 0, 1, 0), lanes_of(a, 0, 0, 0, 1, 2, 2));
  return minus_masked(a, lanes_3_to_5, less);
}

/// 3·xx, yy, 3b·zz, xy, yz and 3b·xz
INLINE_VECTOR integers with_multiples(integers a, integers multiples) {
  return blend(lane_0, tripled(a), blend(lane_2 | lane_5, multiples, a));
}

/// xy, yy + 3b·zz twice, yz, and 3·xx twice
INLINE_VECTOR integers left_of_sum(integers a) {
  return factor(plus_masked(
      lanes_of(a, 3, 1, 1, 4, 0, 0), lane_1 | lane_2, all_lanes_of(a, 2)));
}

/// yy − 3b·zz twice, yz, 3b·xz twice, and xy
INLINE_VECTOR integers right_of_sum(integers a) {
  return factor(minus_masked(
      lanes_of(a, 1, 1, 4, 5, 5, 3), lane_0 | lane_1, all_lanes_of(a, 2)));
}

/// x less yz·3b·xz; y and z with their second products
INLINE_VECTOR integers combined(integers a) {
  integers second = lanes_of(a, 3, 4, 5, 3, 4, 5);
  return plus_masked(minus_masked(a, lane_0, second), lane_1 | lane_2, second);
}

VECTOR void bcemr_g1_vector_sum(uint64_t *r, const uint64_t *a, const uint64_t *b) {
  integers m = without_squares(normalized(fp_product(with_sums(a, g1), with_sums(b, g1))));
  m = with_multiples(m, times_3b(m));
  store_coordinates(r, g1, combined(fp_product(left_of_sum(m), right_of_sum(m))));
}

VECTOR void bcemr_g2_vector_sum(uint64_t *r, const uint64_t *a, const uint64_t *b) {
  const size_t im = words_of_fp;
  fp2_elements m = fp2_product(
      both(with_sums(a, g2), with_sums(a + im, g2)), both(with_sums(b, g2), with_sums(b + im, g2)));
  m = both(without_squares(normalized(m.re)), without_squares(normalized(m.im)));
  fp2_elements multiples = fp2_times_3b(m);
  m = both(with_multiples(m.re, multiples.re), with_multiples(m.im, multiples.im));
  m = fp2_product(
      both(left_of_sum(m.re), left_of_sum(m.im)), both(right_of_sum(m.re), right_of_sum(m.im)));
  store_in_twist(r, both(combined(m.re), combined(m.im)));
}

// MARK: Doublings

/// yy, zz, xy, yz and xx are the products of these.
INLINE_VECTOR integers first_left(const uint64_t *point, enum stride stride) {
  return arranged(point, stride, 1, 2, 0, 1, 0, -1);
}
INLINE_VECTOR integers first_right(const uint64_t *point, enum stride stride) {
  return arranged(point, stride, 1, 2, 1, 2, 0, -1);
}

/// xy, yy, yy + 3b·zz and yz, of 3b·zz in all lanes
INLINE_VECTOR integers left_of_double(integers a, integers bzz) {
  return factor(plus_masked(lanes_of(a, 2, 0, 0, 3, 0, 0), lane_2, bzz));
}

/// yy − 9b·zz, 3b·zz, yy − 9b·zz and yy
INLINE_VECTOR integers right_of_double(integers a, integers bzz) {
  integers rest = minus_masked(all_lanes_of(a, 0), lane_0 | lane_2, tripled(bzz));
  return factor(blend(lane_1, bzz, rest));
}

/// Twice the first product; eight times the second, and the third; eight times the fourth.
INLINE_VECTOR integers scaled(integers a) {
  integers twice = doubled(a), r = lanes_of(quadrupled(twice), 0, 1, 3, 3, 4, 5);
  r = plus_masked(r, lane_1, lanes_of(a, 0, 2, 2, 2, 2, 2));
  return blend(lane_0, twice, r);
}

VECTOR void bcemr_g1_vector_double(uint64_t *r, const uint64_t *a) {
  integers m = normalized(fp_product(first_left(a, g1), first_right(a, g1)));
  integers bzz = times_3b(all_lanes_of(m, 1));
  store_coordinates(
      r, g1, scaled(fp_product(left_of_double(m, bzz), right_of_double(m, bzz))));
}

INLINE_VECTOR fp2_elements products_of_double(const uint64_t *a) {
  const size_t im = words_of_fp;
  fp2_elements m = fp2_product(
      both(first_left(a, g2), first_left(a + im, g2)),
      both(first_right(a, g2), first_right(a + im, g2)));
  return both(normalized(m.re), normalized(m.im));
}

INLINE_VECTOR fp2_elements fp2_bzz(fp2_elements m) {
  return fp2_times_3b(both(all_lanes_of(m.re, 1), all_lanes_of(m.im, 1)));
}

INLINE_VECTOR void store_double(uint64_t *r, fp2_elements m, fp2_elements bzz) {
  m = fp2_product(
      both(left_of_double(m.re, bzz.re), left_of_double(m.im, bzz.im)),
      both(right_of_double(m.re, bzz.re), right_of_double(m.im, bzz.im)));
  store_in_twist(r, both(scaled(m.re), scaled(m.im)));
}

VECTOR void bcemr_g2_vector_double(uint64_t *r, const uint64_t *a) {
  fp2_elements m = products_of_double(a);
  store_double(r, m, fp2_bzz(m));
}

/// 3b·zz − yy, 3·xx and −2·yz
INLINE_VECTOR integers tangent(integers a, integers bzz) {
  integers xx = tripled(all_lanes_of(a, 4)), yz = doubled(all_lanes_of(a, 3));
  integers r = blend(lane_0, difference(bzz, a), xx);
  return minus_masked(blend(lane_2, (integers){0}, r), lane_2, yz);
}

VECTOR void bcemr_g2_vector_double_with_tangent(uint64_t *r, uint64_t *line, const uint64_t *a) {
  fp2_elements m = products_of_double(a), bzz = fp2_bzz(m);
  store_in_twist(line, both(tangent(m.re, bzz.re), tangent(m.im, bzz.im)));
  store_double(r, m, bzz);
}

#endif
