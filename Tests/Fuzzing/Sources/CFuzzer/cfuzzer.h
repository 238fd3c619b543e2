// libFuzzer's entry for programs that keep their own main; -sanitize=fuzzer links it in.
#ifndef POPLAR_CFUZZER_H
#define POPLAR_CFUZZER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size));

#endif
