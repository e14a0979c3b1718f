#include "CFieldKernels.h"

// Long chains of operations in the base field of BLS12-381 and in F_p², on the kernels of FieldProducts.S: here
// and not in Swift, where each product would copy its operands first, which takes a third of its time again.
//
// Elements are reduced and in Montgomery's form, and all that is done here leaves them so.

bool bcemr_adx_kernels_are_supported(void) {
#if defined(__x86_64__) && defined(__ELF__)
  return __builtin_cpu_supports("adx") && __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

#if defined(__x86_64__) && defined(__ELF__)

#define WORDS 6
typedef struct { uint64_t words[WORDS]; } fp;
typedef struct { fp c0, c1; } fp2;

static const fp modulus = {{0xb9feffffffffaaab, 0x1eabfffeb153ffff, 0x6730d2a0f6b0f624,
                            0x64774b84f38512bf, 0x4b1ba7b6434bacd7, 0x1a0111ea397fe69a}};

/// r ← a·b for a < p and any b
void bcemr_fp_adx_product(fp *r, const fp *a, const fp *b);
/// r ← a²
void bcemr_fp_adx_square(fp *r, const fp *a);

// Word by word: what the kernels store by words can be read at once in words, and later in vectors.

static inline void fp_add(fp *r, const fp *a, const fp *b) {
  uint64_t sum[WORDS], less[WORDS];
  unsigned long long carry = 0, borrow = 0;
#pragma clang loop unroll(full)
  for (int i = 0; i < WORDS; i++) sum[i] = __builtin_addcll(a->words[i], b->words[i], carry, &carry);
#pragma clang loop unroll(full)
  for (int i = 0; i < WORDS; i++)
    less[i] = __builtin_subcll(sum[i], modulus.words[i], borrow, &borrow);
  // 2p has 382 bits: nothing was carried out of the sum.
  uint64_t is_reduced = bcemr_field_value_barrier(0 - (uint64_t)borrow);
#pragma clang loop unroll(full)
  for (int i = 0; i < WORDS; i++) r->words[i] = less[i] ^ (is_reduced & (less[i] ^ sum[i]));
}

static inline void fp_subtract(fp *r, const fp *a, const fp *b) {
  uint64_t difference[WORDS];
  unsigned long long carry = 0, borrow = 0;
#pragma clang loop unroll(full)
  for (int i = 0; i < WORDS; i++)
    difference[i] = __builtin_subcll(a->words[i], b->words[i], borrow, &borrow);
  uint64_t is_negative = bcemr_field_value_barrier(0 - (uint64_t)borrow);
#pragma clang loop unroll(full)
  for (int i = 0; i < WORDS; i++)
    r->words[i] = __builtin_addcll(difference[i], modulus.words[i] & is_negative, carry, &carry);
}

static inline void fp2_add(fp2 *r, const fp2 *a, const fp2 *b) {
  fp_add(&r->c0, &a->c0, &b->c0);
  fp_add(&r->c1, &a->c1, &b->c1);
}

static inline void fp2_subtract(fp2 *r, const fp2 *a, const fp2 *b) {
  fp_subtract(&r->c0, &a->c0, &b->c0);
  fp_subtract(&r->c1, &a->c1, &b->c1);
}

/// Karatsuba; r may be an operand.
static void fp2_product(fp2 *r, const fp2 *a, const fp2 *b) {
  fp v0, v1, s, t;
  fp_add(&s, &a->c0, &a->c1);
  fp_add(&t, &b->c0, &b->c1);
  bcemr_fp_adx_product(&v0, &a->c0, &b->c0);
  bcemr_fp_adx_product(&v1, &a->c1, &b->c1);
  bcemr_fp_adx_product(&s, &s, &t);
  fp_subtract(&r->c0, &v0, &v1);
  fp_subtract(&s, &s, &v0);
  fp_subtract(&r->c1, &s, &v1);
}

/// (a₀ + a₁)(a₀ − a₁) + 2a₀·a₁·u; r may be the operand.
static void fp2_square(fp2 *r, const fp2 *a) {
  fp sum, difference, twice;
  fp_add(&sum, &a->c0, &a->c1);
  fp_subtract(&difference, &a->c0, &a->c1);
  fp_add(&twice, &a->c0, &a->c0);
  bcemr_fp_adx_product(&r->c1, &twice, &a->c1);
  bcemr_fp_adx_product(&r->c0, &sum, &difference);
}

void bcemr_fp_adx_square_repeatedly(uint64_t *r, size_t count) {
  for (size_t i = 0; i < count; i++) bcemr_fp_adx_square((fp *)r, (fp *)r);
}

/// dbl-2009-l for y² = x³ + b: two products, five squares, and no exceptions, as Z = 0 stays 0.
#define DOUBLE_REPEATEDLY(name, element, add, subtract, product, square)                         \
  void name(uint64_t *point, size_t count) {                                                     \
    element *x = (element *)point, *y = x + 1, *z = x + 2, a, b, c, d, e;                        \
    for (size_t i = 0; i < count; i++) {                                                         \
      square(&a, x);                                                                             \
      square(&b, y);                                                                             \
      square(&c, &b);                                                                            \
      /* d = 2·((x + b)² − a − c), e = 3a */                                                     \
      add(&d, x, &b);                                                                            \
      square(&d, &d);                                                                            \
      subtract(&d, &d, &a);                                                                      \
      subtract(&d, &d, &c);                                                                      \
      add(&d, &d, &d);                                                                           \
      add(&e, &a, &a);                                                                           \
      add(&e, &e, &a);                                                                           \
      product(z, y, z);                                                                          \
      add(z, z, z);                                                                              \
      /* x = e² − 2d, y = e·(d − x) − 8c */                                                      \
      square(x, &e);                                                                             \
      subtract(x, x, &d);                                                                        \
      subtract(x, x, &d);                                                                        \
      subtract(&d, &d, x);                                                                       \
      product(y, &e, &d);                                                                        \
      add(&c, &c, &c);                                                                           \
      add(&c, &c, &c);                                                                           \
      add(&c, &c, &c);                                                                           \
      subtract(y, y, &c);                                                                        \
    }                                                                                            \
  }

DOUBLE_REPEATEDLY(
    bcemr_g1_adx_double_repeatedly, fp, fp_add, fp_subtract, bcemr_fp_adx_product,
    bcemr_fp_adx_square)
DOUBLE_REPEATEDLY(
    bcemr_g2_adx_double_repeatedly, fp2, fp2_add, fp2_subtract, fp2_product, fp2_square)

#else

// For the linker alone.
void bcemr_fp_adx_square_repeatedly(uint64_t *r, size_t count) { __builtin_trap(); }
void bcemr_g1_adx_double_repeatedly(uint64_t *point, size_t count) { __builtin_trap(); }
void bcemr_g2_adx_double_repeatedly(uint64_t *point, size_t count) { __builtin_trap(); }

#endif
