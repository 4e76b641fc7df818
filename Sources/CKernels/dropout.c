#include "CKernels.h"
#include "philox.h"

typedef unsigned short sixteen_bits __attribute__((vector_size(32), aligned(2)));

/// Eight random words for each of eight counters, as 16 bits for each of 64 elements in their order.
INLINE void random_bits(
    unsigned long key, long first, unsigned row, unsigned site, unsigned step,
    unsigned short *bits) {
  words a = {0, 8, 16, 24, 32, 40, 48, 56}, b = {0}, c = {0}, d = {0};
  a = a + (unsigned long)first;
  b = b + (unsigned long)row;
  c = c + (unsigned long)site;
  d = d + (unsigned long)step;
  philox(key, &a, &b, &c, &d);
  words low = (a & LOWER) | (b << 32), high = (c & LOWER) | (d << 32);
  words *to = (words *)bits;
  to[0] = __builtin_shufflevector(low, high, 0, 8, 1, 9, 2, 10, 3, 11);
  to[1] = __builtin_shufflevector(low, high, 4, 12, 5, 13, 6, 14, 7, 15);
}

INLINE void drop(
    const int registers, long rows, long columns, float *x, long stride,
    const struct temper_dropout *mask) {
  unsigned short bits[8 * WORDS] __attribute__((aligned(64)));
  for (long row = 0; row < rows; row++, x += stride) {
    for (long first = 0; first < columns; first += 8 * WORDS) {
      random_bits(
          mask->key, first, mask->first_row + (unsigned)row, mask->site, mask->step, bits);
      for (long i = 0; i < 8 * WORDS && first + i < columns; i += LANES) {
        long n = columns - first - i;
        integers drawn = __builtin_convertvector(*(sixteen_bits *)(bits + i), integers);
        vector kept = select(drawn < mask->threshold, every(0), every(mask->kept));
        store_some(load_some(x + first + i, n) * kept, x + first + i, n);
      }
    }
  }
}

EACH_PROCESSOR(
    void, temper_drop, drop,
    (long rows, long columns, float *x, long stride, const struct temper_dropout *mask),
    rows, columns, x, stride, mask)
