// SHA-256 by the instructions that processors have for it, which Swift has no names for: Intel,
// "New Instructions Supporting the Secure Hash Algorithm on Intel Architecture Processors" (2013).
#ifndef TEMPER_CSHA256_SHIM_H
#define TEMPER_CSHA256_SHIM_H
#include <stddef.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
// Whether the processor has them, and SSE4.1 and SSSE3.
static inline int temper_sha256_is_available(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b >> 29 & 1)) return 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1) && (c >> 9 & 1);
}
// The state after that many blocks of 64 bytes. The words are kept as (a, b, e, f) and (c, d, g, h),
// as the instructions want them.
__attribute__((target("sha,sse4.1,ssse3")))
static inline void temper_sha256_blocks(
    uint32_t state[8], const uint32_t constants[64], const void *bytes, size_t blocks) {
  const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i t = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
  __m128i s1 = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
  __m128i s0 = _mm_alignr_epi8(t, s1, 8);
  s1 = _mm_blend_epi16(s1, t, 0xF0);
  for (const char *p = (const char *)bytes; blocks > 0; blocks--, p += 64) {
    const __m128i a = s0, b = s1;
    __m128i w[4];
    for (int i = 0; i < 4; i++)
      w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(p + 16 * i)), order);
    for (int i = 0; i < 16; i++) {
      __m128i now = w[i & 3];
      if (i >= 4) {
        now = _mm_add_epi32(
            _mm_sha256msg1_epu32(now, w[(i + 1) & 3]),
            _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
        now = _mm_sha256msg2_epu32(now, w[(i + 3) & 3]);
        w[i & 3] = now;
      }
      __m128i k = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(constants + 4 * i)));
      s1 = _mm_sha256rnds2_epu32(s1, s0, k);
      s0 = _mm_sha256rnds2_epu32(s0, s1, _mm_shuffle_epi32(k, 0x0E));
    }
    s0 = _mm_add_epi32(s0, a);
    s1 = _mm_add_epi32(s1, b);
  }
  t = _mm_shuffle_epi32(s0, 0x1B);
  s1 = _mm_shuffle_epi32(s1, 0xB1);
  _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(t, s1, 0xF0));
  _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(s1, t, 8));
}
#else
static inline int temper_sha256_is_available(void) { return 0; }
static inline void temper_sha256_blocks(
    uint32_t state[8], const uint32_t constants[64], const void *bytes, size_t blocks) {}
#endif
#endif
