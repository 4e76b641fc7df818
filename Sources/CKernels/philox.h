#ifndef PHILOX_H
#define PHILOX_H

#include "vector.h"

/// Eight words of 32 bits, each in the lower half of 64: where products of two of them have room.
typedef unsigned long words __attribute__((vector_size(64)));

#define LOWER 0xFFFFFFFFul
#define WORDS 8

#define DEFINE_PHILOX(name, type)                                                       \
  INLINE void name(unsigned long key, type *a, type *b, type *c, type *d) {             \
    type x0 = *a, x1 = *b, x2 = *c, x3 = *d;                                            \
    unsigned k0 = (unsigned)key, k1 = (unsigned)(key >> 32);                            \
    UNROLL for (int round = 0; round < 10; round++) {                                   \
      type p0 = (x0 & LOWER) * 0xD2511F53ul, p1 = (x2 & LOWER) * 0xCD9E8D57ul;          \
      x0 = (p1 >> 32) ^ x1 ^ (unsigned long)k0;                                         \
      x1 = p1;                                                                          \
      x2 = (p0 >> 32) ^ x3 ^ (unsigned long)k1;                                         \
      x3 = p0;                                                                          \
      k0 += 0x9E3779B9u;                                                                \
      k1 += 0xBB67AE85u;                                                                \
    }                                                                                   \
    *a = x0, *b = x1, *c = x2, *d = x3;                                                 \
  }

/// Philox4x32-10 for eight counters at once, and for one; see CounterGenerator.
DEFINE_PHILOX(philox, words)
DEFINE_PHILOX(philox_of_one, unsigned long)

#endif
