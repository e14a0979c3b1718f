/* The five phases of section 4 of the paper (Liu, Yan, Shan, Wu: BC-EMR, 2022) on PBC, the library
   of its section 6, with the symmetric pairing of type A. The scheme is computed as printed, on PBC
   as it comes: one pairing_apply for each e(), element_from_hash (with its cofactor multiplication)
   for H0, H1 and H2, no preprocessing. Every equation is checked, and one that fails aborts.
   Symmetric ciphers, MACs, SHA-256 and the one-time signature of 4.4(3) are left out.

     phases RBITS QBITS [N=3] [RUNS=20]

   prints one JSON object: times, and how often each phase did what. */

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pbc/pbc.h>

/* Operations, and how many were performed. */

enum operation { EXPONENTIATION, PAIRING, HASH, GT_EXPONENTIATION, OPERATIONS };

struct counts {
  unsigned long of[OPERATIONS];
};

static struct counts performed;

static void power(element_t out, element_t base, element_t exponent) {
  performed.of[EXPONENTIATION]++;
  element_pow_zn(out, base, exponent);
}

static void power_gt(element_t out, element_t base, element_t exponent) {
  performed.of[GT_EXPONENTIATION]++;
  element_pow_zn(out, base, exponent);
}

static void pair(element_t out, element_t left, element_t right) {
  performed.of[PAIRING]++;
  pairing_apply(out, left, right, out->field->pairing);
}

/* Stands for the SHA-256 of what is hashed: another one for each purpose, visit and index. */
struct digest {
  unsigned char bytes[32];
};

static struct digest digest_of(const char *purpose, unsigned visit, unsigned index) {
  struct digest digest = {{0}};
  snprintf((char *)digest.bytes, sizeof digest.bytes, "%s %u %u", purpose, visit, index);
  return digest;
}

static void hash(element_t out, struct digest input) {
  performed.of[HASH]++;
  element_from_hash(out, input.bytes, sizeof input.bytes);
}

static void require(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "phases: failed: %s\n", what);
  abort();
}

static bool equal(element_t left, element_t right) { return element_cmp(left, right) == 0; }

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count, size);
  require(memory != NULL, "to allocate memory");
  return memory;
}

/* Who takes part, and the visit under way. Names of elements are the paper's. */

struct key_pair {
  element_t secret, public;
};

struct doctor {
  struct key_pair a, b, c; /* (d1, A), (d2, B), (d3, C) */
};

struct record {
  struct digest a; /* the one-time verification key A */
  element_t b, d, e;
  struct digest c, g;
};

struct consortium {
  pairing_t pairing;
  unsigned team; /* n */
  element_t g, g_bar;
  struct key_pair manager, hospital, patient;
  struct doctor *doctors;
  unsigned visit;
  element_t group_key;
  element_t r, q; /* the multisignature (R_k, Q_k) */
  struct record record;
};

static void key_pair_init(struct key_pair *keys, pairing_t pairing) {
  element_init_Zr(keys->secret, pairing);
  element_init_G1(keys->public, pairing);
}

static void key_pair_clear(struct key_pair *keys) {
  element_clear(keys->secret);
  element_clear(keys->public);
}

/* PBC's q is often some bits longer or shorter than asked for: draws until both lengths fit. */
static void pairing_init_of_lengths(pairing_t pairing, unsigned rbits, unsigned qbits) {
  for (;;) {
    pbc_param_t parameters;
    pbc_param_init_a_gen(parameters, (int)rbits, (int)qbits);
    pairing_init_pbc_param(pairing, parameters);
    pbc_param_clear(parameters);

    element_t point;
    element_init_G1(point, pairing);
    const bool fits = mpz_sizeinbase(pairing->r, 2) == rbits &&
                      mpz_sizeinbase(element_x(point)->field->order, 2) == qbits;
    element_clear(point);
    if (fits) return;
    pairing_clear(pairing);
  }
}

/* The group, g and its second generator are there before the first phase. */
static void consortium_init(struct consortium *c, unsigned rbits, unsigned qbits, unsigned team) {
  pairing_init_of_lengths(c->pairing, rbits, qbits);
  c->team = team;
  c->visit = 0;
  c->doctors = allocate(team, sizeof *c->doctors);
  for (unsigned k = 0; k < team; k++) {
    key_pair_init(&c->doctors[k].a, c->pairing);
    key_pair_init(&c->doctors[k].b, c->pairing);
    key_pair_init(&c->doctors[k].c, c->pairing);
  }
  key_pair_init(&c->manager, c->pairing);
  key_pair_init(&c->hospital, c->pairing);
  key_pair_init(&c->patient, c->pairing);
  element_init_G1(c->group_key, c->pairing);
  element_init_G1(c->r, c->pairing);
  element_init_G1(c->q, c->pairing);
  element_init_G1(c->record.b, c->pairing);
  element_init_G1(c->record.d, c->pairing);
  element_init_G1(c->record.e, c->pairing);
  element_init_G1(c->g, c->pairing);
  element_init_G1(c->g_bar, c->pairing);
  element_random(c->g);
  element_random(c->g_bar);
}

static void consortium_clear(struct consortium *c) {
  for (unsigned k = 0; k < c->team; k++) {
    key_pair_clear(&c->doctors[k].a);
    key_pair_clear(&c->doctors[k].b);
    key_pair_clear(&c->doctors[k].c);
  }
  free(c->doctors);
  key_pair_clear(&c->manager);
  key_pair_clear(&c->hospital);
  key_pair_clear(&c->patient);
  element_clear(c->group_key);
  element_clear(c->r);
  element_clear(c->q);
  element_clear(c->record.b);
  element_clear(c->record.d);
  element_clear(c->record.e);
  element_clear(c->g);
  element_clear(c->g_bar);
  pairing_clear(c->pairing);
}

/* 4.2 Initialization: the keys of the manager, the hospital, the patient and n doctors. */

static void make_keys(struct key_pair *keys, element_t g) {
  element_random(keys->secret);
  power(keys->public, g, keys->secret);
}

static void initialize(struct consortium *c) {
  make_keys(&c->manager, c->g);
  make_keys(&c->hospital, c->g);
  make_keys(&c->patient, c->g);
  for (unsigned k = 0; k < c->team; k++) {
    make_keys(&c->doctors[k].a, c->g);
    make_keys(&c->doctors[k].b, c->g);
    make_keys(&c->doctors[k].c, c->g);
  }
}

/* 4.3 Group key generation: K is the product of what the hospital shares with each doctor. */

static void agree_on_group_key(struct consortium *c) {
  struct key_pair hospital, doctor; /* (l_i, U_i), (l_k, V_k) */
  element_t s_i, s_k;
  key_pair_init(&hospital, c->pairing);
  key_pair_init(&doctor, c->pairing);
  element_init_G1(s_i, c->pairing);
  element_init_G1(s_k, c->pairing);

  make_keys(&hospital, c->g);
  element_set1(c->group_key);
  for (unsigned k = 0; k < c->team; k++) {
    make_keys(&doctor, c->g);
    power(s_i, doctor.public, hospital.secret);
    power(s_k, hospital.public, doctor.secret);
    require(equal(s_i, s_k), "equation (1)");
    element_mul(c->group_key, c->group_key, s_i);
  }
  require(!element_is1(c->group_key), "K != 1");

  element_clear(s_k);
  element_clear(s_i);
  key_pair_clear(&doctor);
  key_pair_clear(&hospital);
}

/* 4.4 Diagnosis: each doctor verifies what is signed, then signs; the last one seals the record. */

/* W_k = H0(m_1 || ... || m_k, T), k from 1. */
static void hash_findings(element_t w, const struct consortium *c, unsigned k) {
  hash(w, digest_of("H0 findings", c->visit, k));
}

/* The product of B_i C_i^i for i = 1..signers, with three multiplications for each i. */
static void combine_keys(element_t product, struct consortium *c, unsigned signers) {
  element_t tail; /* the product of C_i for the i seen so far, from the last one on */
  element_init_G1(tail, c->pairing);
  element_set1(tail);
  element_set1(product);
  for (unsigned i = signers; i-- > 0;) {
    element_mul(tail, tail, c->doctors[i].c.public);
    element_mul(product, product, tail);
    element_mul(product, product, c->doctors[i].b.public);
  }
  element_clear(tail);
}

/* Equations (2) and (3): e(Q, g) = prod e(W_i, A_i) e(prod B_i C_i^i, R), i = 1..signers. */
static bool is_signed(struct consortium *c, unsigned signers) {
  element_t point, left, right, factor;
  element_init_G1(point, c->pairing);
  element_init_GT(left, c->pairing);
  element_init_GT(right, c->pairing);
  element_init_GT(factor, c->pairing);

  pair(left, c->q, c->g);
  combine_keys(point, c, signers);
  pair(right, point, c->r);
  for (unsigned i = 0; i < signers; i++) {
    hash_findings(point, c, i + 1);
    pair(factor, point, c->doctors[i].a.public);
    element_mul(right, right, factor);
  }
  const bool holds = equal(left, right);

  element_clear(factor);
  element_clear(right);
  element_clear(left);
  element_clear(point);
  return holds;
}

/* The signature of doctor k, from 1, over all findings up to the own one. */
static void sign(struct consortium *c, unsigned k) {
  struct doctor *doctor = &c->doctors[k - 1];
  element_t r, exponent, factor;
  element_init_Zr(r, c->pairing);
  element_init_Zr(exponent, c->pairing);
  element_init_G1(factor, c->pairing);

  element_random(r);
  power(factor, c->g, r);
  element_mul(c->r, c->r, factor);

  hash_findings(factor, c, k);
  power(factor, factor, doctor->a.secret);
  element_mul(c->q, c->q, factor);

  element_mul_si(exponent, doctor->c.secret, (long)k);
  element_add(exponent, exponent, doctor->b.secret);
  power(factor, c->r, exponent); /* X_k */
  element_mul(c->q, c->q, factor);

  if (k > 1) {
    combine_keys(factor, c, k - 1);
    power(factor, factor, r); /* Z_k */
    element_mul(c->q, c->q, factor);
  }

  element_clear(factor);
  element_clear(exponent);
  element_clear(r);
}

/* Stands for H3: all bytes of an element, folded. */
static struct digest digest_of_element(element_t element) {
  struct digest digest = {{0}};
  const size_t length = (size_t)element_length_in_bytes(element);
  unsigned char *bytes = allocate(length, 1);
  element_to_bytes(bytes, element);
  for (size_t i = 0; i < length; i++) digest.bytes[i % sizeof digest.bytes] ^= bytes[i];
  free(bytes);
  return digest;
}

static struct digest combined(struct digest left, struct digest right) {
  for (size_t i = 0; i < sizeof left.bytes; i++) left.bytes[i] ^= right.bytes[i];
  return left;
}

static bool same(struct digest left, struct digest right) {
  return memcmp(left.bytes, right.bytes, sizeof left.bytes) == 0;
}

static void hash_mask(element_t point, const struct consortium *c) {
  hash(point, combined(digest_of("H1", 0, 0), c->record.a));
}

static void hash_check(element_t point, const struct consortium *c) {
  hash(point, combined(digest_of("H2", 0, 0), c->record.a));
}

static void hash_evidence(element_t point, const struct consortium *c) {
  hash(point, digest_of("H0 alpha", c->visit, 0));
}

/* The content of a record is one block. */
static struct digest content(const struct consortium *c) {
  return digest_of("record", c->visit, 0);
}

/* B = PK_j^r, C = e(g, H1(A))^r + m, D = H2(A)^r, E = g_bar^r, G = H3(e(PK_j, H0(alpha))^r). */
static void seal(struct consortium *c) {
  struct record *record = &c->record;
  element_t r, point, shared;
  element_init_Zr(r, c->pairing);
  element_init_G1(point, c->pairing);
  element_init_GT(shared, c->pairing);

  record->a = digest_of("A", c->visit, 0);
  element_random(r);
  power(record->b, c->patient.public, r);
  hash_check(point, c);
  power(record->d, point, r);
  power(record->e, c->g_bar, r);

  hash_mask(point, c);
  pair(shared, c->g, point);
  power_gt(shared, shared, r);
  record->c = combined(digest_of_element(shared), content(c));

  hash_evidence(point, c);
  pair(shared, c->patient.public, point);
  power_gt(shared, shared, r);
  record->g = digest_of_element(shared);

  element_clear(shared);
  element_clear(point);
  element_clear(r);
}

static void diagnose(struct consortium *c) {
  element_set1(c->r);
  element_set1(c->q);
  for (unsigned k = 1; k <= c->team; k++) {
    if (k > 1) require(is_signed(c, k - 1), "equation (2)");
    sign(c, k);
  }
  seal(c);
}

/* 4.5 Data storage: a supernode verifies the multisignature. */

static void store(struct consortium *c) { require(is_signed(c, c->team), "equation (3)"); }

/* 4.6 Data sharing: from the patient to a doctor, here the team's first one. */

static bool pairs_alike(struct consortium *c, element_t p1, element_t p2, element_t q1,
                        element_t q2) {
  element_t left, right;
  element_init_GT(left, c->pairing);
  element_init_GT(right, c->pairing);
  pair(left, p1, p2);
  pair(right, q1, q2);
  const bool alike = equal(left, right);
  element_clear(right);
  element_clear(left);
  return alike;
}

/* e(B, H2(A)) = e(PK, D) and e(B, g_bar) = e(PK, E), of the record sealed for PK. */
static void check_record(struct consortium *c, element_t b, element_t public) {
  element_t point;
  element_init_G1(point, c->pairing);
  hash_check(point, c);
  require(pairs_alike(c, b, point, public, c->record.d), "e(B, H2(A)) = e(PK, D)");
  require(pairs_alike(c, b, c->g_bar, public, c->record.e), "e(B, g_bar) = e(PK, E)");
  element_clear(point);
}

/* T = H0(alpha)^p */
static void make_trapdoor(element_t trapdoor, struct consortium *c) {
  hash_evidence(trapdoor, c);
  power(trapdoor, trapdoor, c->patient.secret);
}

/* B_I = B^(d / p) */
static void reencrypt(element_t b_i, struct consortium *c, struct key_pair *receiver) {
  element_t key;
  element_init_Zr(key, c->pairing);
  check_record(c, c->record.b, c->patient.public);
  element_div(key, receiver->secret, c->patient.secret);
  power(b_i, c->record.b, key);
  element_clear(key);
}

/* G = H3(e(B_I, T)^(1 / d)), then m = C + e(B_I, H1(A))^(1 / d) */
static void open_record(struct consortium *c, element_t b_i, struct key_pair *receiver,
                        element_t trapdoor) {
  element_t inverse, point, shared;
  element_init_Zr(inverse, c->pairing);
  element_init_G1(point, c->pairing);
  element_init_GT(shared, c->pairing);

  check_record(c, b_i, receiver->public);
  element_invert(inverse, receiver->secret);
  pair(shared, b_i, trapdoor);
  power_gt(shared, shared, inverse);
  require(same(digest_of_element(shared), c->record.g), "G = H3(e(B_I, T)^(1 / d))");

  hash_mask(point, c);
  pair(shared, b_i, point);
  power_gt(shared, shared, inverse);
  require(same(combined(digest_of_element(shared), c->record.c), content(c)), "the record opens");

  element_clear(shared);
  element_clear(point);
  element_clear(inverse);
}

static void share(struct consortium *c) {
  struct key_pair *receiver = &c->doctors[0].a;
  element_t trapdoor, b_i;
  element_init_G1(trapdoor, c->pairing);
  element_init_G1(b_i, c->pairing);
  make_trapdoor(trapdoor, c);
  reencrypt(b_i, c, receiver);
  open_record(c, b_i, receiver, trapdoor);
  element_clear(b_i);
  element_clear(trapdoor);
}

/* Measuring. */

static double milliseconds(void) {
  struct timespec now;
  require(clock_gettime(CLOCK_MONOTONIC, &now) == 0, "to read the clock");
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

static void sort(double *samples, unsigned count) {
  qsort(samples, count, sizeof *samples, compare);
}

/* Of sorted samples. */
static double median(const double *samples, unsigned count) {
  return (samples[(count - 1) / 2] + samples[count / 2]) / 2;
}

struct phase {
  const char *name;
  void (*run)(struct consortium *);
  double *samples;
  struct counts counts;
};

static void measure(struct phase *phase, struct consortium *c, unsigned run) {
  performed = (struct counts){{0}};
  const double start = milliseconds();
  phase->run(c);
  phase->samples[run] = milliseconds() - start;
  phase->counts = performed;
}

static void print_phase(struct phase *phase, unsigned runs) {
  sort(phase->samples, runs);
  printf("\"%s\":{\"median_ms\":%.3f,\"min_ms\":%.3f,", phase->name,
         median(phase->samples, runs), phase->samples[0]);
  printf("\"exponentiations\":%lu,\"pairings\":%lu,\"hashes\":%lu,\"gt_exponentiations\":%lu}",
         phase->counts.of[EXPONENTIATION], phase->counts.of[PAIRING], phase->counts.of[HASH],
         phase->counts.of[GT_EXPONENTIATION]);
}

static void print_phases(struct consortium *c, unsigned runs) {
  struct phase phases[] = {
      {.name = "initialization", .run = initialize},
      {.name = "group_key", .run = agree_on_group_key},
      {.name = "diagnose", .run = diagnose},
      {.name = "storage", .run = store},
      {.name = "sharing", .run = share},
  };
  const size_t count = sizeof phases / sizeof *phases;
  for (size_t i = 0; i < count; i++) phases[i].samples = allocate(runs, sizeof(double));
  for (unsigned run = 0; run < runs; run++) {
    c->visit = run + 1;
    for (size_t i = 0; i < count; i++) measure(&phases[i], c, run);
  }
  printf("\"phases\":{");
  for (size_t i = 0; i < count; i++) {
    if (i > 0) printf(",");
    print_phase(&phases[i], runs);
    free(phases[i].samples);
  }
  printf("}");
}

/* The median of each operation, on its own and on new operands each time. */

static void perform(enum operation operation, element_t point, element_t other, element_t gt,
                    element_t exponent, unsigned run) {
  switch (operation) {
    case EXPONENTIATION: power(point, point, exponent); break;
    case PAIRING: pair(gt, point, other); break;
    case HASH: hash(point, digest_of("operand", run, 0)); break;
    case GT_EXPONENTIATION: power_gt(gt, gt, exponent); break;
    case OPERATIONS: break;
  }
}

static double operation_ms(struct consortium *c, enum operation operation, unsigned runs) {
  element_t point, gt, exponent;
  element_init_G1(point, c->pairing);
  element_init_GT(gt, c->pairing);
  element_init_Zr(exponent, c->pairing);
  double *samples = allocate(runs, sizeof *samples);
  for (unsigned run = 0; run < runs; run++) {
    element_random(exponent);
    element_pow_zn(point, c->g, exponent);
    pairing_apply(gt, point, c->g, c->pairing);
    const double start = milliseconds();
    perform(operation, point, c->g_bar, gt, exponent, run);
    samples[run] = milliseconds() - start;
  }
  sort(samples, runs);
  const double result = median(samples, runs);
  free(samples);
  element_clear(exponent);
  element_clear(gt);
  element_clear(point);
  return result;
}

/* One multiplication in the field of the curve, where each needs the result of the last. */
static double field_multiplication_ns(struct consortium *c, unsigned runs) {
  enum { MULTIPLICATIONS = 2000 };
  element_t product;
  element_init_same_as(product, element_x(c->g));
  element_set(product, element_x(c->g));
  double *samples = allocate(runs, sizeof *samples);
  for (unsigned run = 0; run < runs; run++) {
    const double start = milliseconds();
    for (int i = 0; i < MULTIPLICATIONS; i++) {
      element_mul(product, product, element_x(c->g_bar));
    }
    samples[run] = (milliseconds() - start) * 1e6 / MULTIPLICATIONS;
  }
  require(!element_is0(product), "product != 0");
  sort(samples, runs);
  const double result = median(samples, runs);
  free(samples);
  element_clear(product);
  return result;
}

static void print_operations(struct consortium *c, unsigned runs) {
  printf("\"operations\":{\"exp_ms\":%.4f,", operation_ms(c, EXPONENTIATION, runs));
  printf("\"pairing_ms\":%.4f,", operation_ms(c, PAIRING, runs));
  printf("\"hash_ms\":%.4f,", operation_ms(c, HASH, runs));
  printf("\"gt_exp_ms\":%.4f,", operation_ms(c, GT_EXPONENTIATION, runs));
  printf("\"fp_mul_ns\":%.1f}", field_multiplication_ns(c, runs));
}

/* The lengths printed are those of the parameters, not those asked for. */
static void print_lengths(struct consortium *c) {
  printf("\"rbits\":%zu,\"qbits\":%zu,", mpz_sizeinbase(c->pairing->r, 2),
         mpz_sizeinbase(element_x(c->g)->field->order, 2));
}

static bool read_number(const char *text, unsigned least, unsigned most, unsigned *number) {
  char *end;
  errno = 0;
  const unsigned long value = strtoul(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || value < least || value > most) return false;
  *number = (unsigned)value;
  return true;
}

int main(int argc, char **argv) {
  unsigned rbits, qbits, team = 3, runs = 20;
  if (argc < 3 || argc > 5 || !read_number(argv[1], 32, 4096, &rbits) ||
      !read_number(argv[2], rbits + 32, 16384, &qbits) ||
      (argc > 3 && !read_number(argv[3], 1, 1000, &team)) ||
      (argc > 4 && !read_number(argv[4], 1, 100000, &runs))) {
    fprintf(stderr, "usage: phases RBITS QBITS [N=3] [RUNS=20]\n");
    return EXIT_FAILURE;
  }
  pbc_random_set_deterministic(1); /* the same parameters and scalars every time */

  struct consortium c;
  consortium_init(&c, rbits, qbits, team);
  printf("{");
  print_lengths(&c);
  printf("\"n\":%u,\"runs\":%u,", team, runs);
  print_phases(&c, runs);
  printf(",");
  print_operations(&c, runs);
  printf("}\n");
  consortium_clear(&c);
  return EXIT_SUCCESS;
}
