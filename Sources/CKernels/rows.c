#include "CKernels.h"
#include "vector.h"

INLINE float one_float(const float *p) { return *p; }

#define WEIGHT float
#define WEIGHTS load
#define ONE_WEIGHT one_float
#define NAME(name) name##_of_floats
#include "rows.h"

// A bfloat16 is the upper half of a float.
typedef unsigned short halves __attribute__((vector_size(16), aligned(2)));

INLINE vector load_halves(const unsigned short *p) {
  return as_floats(__builtin_convertvector(*(const halves *)p, integers) << 16);
}
INLINE float one_half(const unsigned short *p) {
  union {
    unsigned bits;
    float value;
  } u = {(unsigned)*p << 16};
  return u.value;
}

#define WEIGHT unsigned short
#define WEIGHTS load_halves
#define ONE_WEIGHT one_half
#define NAME(name) name##_of_halves
#include "rows.h"

EACH_PROCESSOR(
    void, temper_multiply_each_row, each_row_of_floats,
    (long rows, long columns, long inner, const float *x, long x_stride, const float *w,
     long w_stride, float keep, float *y, long y_stride),
    (rows, columns, inner, x, x_stride, w, w_stride, keep, y, y_stride))
EACH_PROCESSOR(
    void, temper_multiply_each_row_bfloat16, each_row_of_halves,
    (long rows, long columns, long inner, const float *x, long x_stride, const unsigned short *w,
     long w_stride, float keep, float *y, long y_stride),
    (rows, columns, inner, x, x_stride, w, w_stride, keep, y, y_stride))
