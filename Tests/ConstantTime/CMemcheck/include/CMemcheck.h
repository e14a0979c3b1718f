#ifndef CMEMCHECK_H
#define CMEMCHECK_H

#include <stddef.h>

/// Makes memcheck report every jump and every address that depends on these bytes.
/// Outside valgrind, or built without its headers, nothing happens.
void memcheck_make_secret(void *bytes, size_t count);

/// Takes the mark back, and tells whether there was one.
int memcheck_make_public(void *bytes, size_t count);

/// Whether the process runs under valgrind and the marks have an effect.
int memcheck_is_running(void);

#endif
