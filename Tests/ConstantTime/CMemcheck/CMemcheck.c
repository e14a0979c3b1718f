#include "CMemcheck.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>

void memcheck_make_secret(void *bytes, size_t count) { VALGRIND_MAKE_MEM_UNDEFINED(bytes, count); }
int memcheck_make_public(void *bytes, size_t count) {
  unsigned char marks[1] = {0};
  unsigned long answered = VALGRIND_GET_VBITS(bytes, marks, 1);
  VALGRIND_MAKE_MEM_DEFINED(bytes, count);
  return answered == 1 && marks[0] != 0;
}
int memcheck_is_running(void) { return RUNNING_ON_VALGRIND != 0; }
#else
void memcheck_make_secret(void *bytes, size_t count) { (void)bytes, (void)count; }
int memcheck_make_public(void *bytes, size_t count) { return (void)bytes, (void)count, 0; }
int memcheck_is_running(void) { return 0; }
#endif
