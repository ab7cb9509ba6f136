// Half precision by its bits: CUDA's own conversions are in headers that not every installation of CuPy finds.
__device__ float widen(unsigned short half) {
  const unsigned int sign = (half & 0x8000u) << 16, rest = (half & 0x7fffu) << 13;
  if (rest >= 0x0f800000u) return __uint_as_float(sign | rest | 0x7f800000u);  // infinite, or not a number
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(rest) * 5192296858534828e18f));  // 2^112
}
__device__ unsigned short narrow(float x) {
  const unsigned int bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u, rest = bits & 0x7fffffffu;
  if (rest > 0x7f800000u) return sign | 0x7e00u;  // not a number
  if (rest >= 0x477ff000u) return sign | 0x7c00u;  // what is nearer to 65536 than to 65504 is infinite
  if (rest < 0x38800000u)  // subnormal: 0.5 has its last place at 2^-24, to which the sum is rounded
    return sign | (__float_as_uint(__uint_as_float(rest) + 0.5f) - 0x3f000000u);
  return sign | (rest - 0x38000000u + 0xfffu + (rest >> 13 & 1u)) >> 13;  // to nearest, ties to even
}
