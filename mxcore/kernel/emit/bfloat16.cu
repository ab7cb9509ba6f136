// Half precision by its bits: CUDA's own conversions are in headers that not every installation of CuPy finds.
__device__ float widen(unsigned short half) { return __uint_as_float((unsigned int)half << 16); }
__device__ unsigned short narrow(float x) {
  const unsigned int bits = __float_as_uint(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return bits >> 16 | 0x40u;  // not a number
  return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;  // to nearest, ties to even
}
