/*
 * What a fuzz target defines: one call gets one input of `size` bytes, keeps nothing of it, and
 * returns 0. libFuzzer calls it, or driver.c with each file of the corpus.
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * After all seeds were replayed, for a target that has it: aborts if they no longer reach what they
 * are for. libFuzzer does not call it.
 */
void fuzz_replayed(void) __attribute__((weak));

#endif
