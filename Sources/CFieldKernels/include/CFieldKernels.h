#ifndef CFIELDKERNELS_H
#define CFIELDKERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Returns its argument, and hides from the optimizer what it knows about the value, so that a
/// mask is not turned back into a jump.
static inline uint64_t field_value_barrier(uint64_t value) {
  __asm__("" : "+r"(value));
  return value;
}

/// Overwrites memory with zeros, also where the optimizer could show that nobody reads it again.
static inline void field_zeroize(void *bytes, size_t count) {
  memset(bytes, 0, count);
  __asm__ volatile("" : : "r"(bytes) : "memory");
}

#endif
