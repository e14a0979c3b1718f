#ifndef CPOWERCUT_H
#define CPOWERCUT_H

#include <stdint.h>

/// A layer between SQLite and the operating system that loses what was not synchronized.
///
/// It makes itself SQLite's default, and lets everything pass but the files below the folders named
/// here. Of these it knows what is durable: bytes by xSync of the file, names by a synchronization of
/// their folder (which SQLite's own layer does at the first xSync of a new journal and, if asked to,
/// after xDelete). Writes reach the files at once, as other programs see them in the page cache; the
/// cut rewrites the files to what a disk could hold. Nothing is synchronized in truth.

/// Begins to watch the files below a folder, whose path is absolute and resolved. What is there is
/// durable.
///
/// @param cut The power is cut in the operation of this number, counted from 1: creating, writing,
/// truncating, synchronizing or deleting a file. 0: never.
/// @param seed Chooses what of the rest reaches the disk: nothing, everything, the operations up to
/// one of them, which may be torn between two sectors of 512 bytes, or any sectors and names.
/// @return 0, or -1 if there is no memory or SQLite does not take the layer.
int powercut_begin(const char *folder, uint64_t cut, uint64_t seed);

/// How many operations there were.
uint64_t powercut_operations(const char *folder);

/// Whether the power was cut.
int powercut_is_cut(const char *folder);

/// Cuts the power now: the files become what the disk holds, and all that uses them fails.
void powercut_now(const char *folder);

/// Lets the files pass again. Connections to them that are still open go on failing after a cut.
void powercut_end(const char *folder);

#endif
