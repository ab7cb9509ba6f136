__device__ $type sign($type x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }

// The greater one; not a number, if either is none.
__device__ $type maximum($type x, $type y) { return x >= y || x != x ? x : y; }
__device__ $type minimum($type x, $type y) { return x <= y || x != x ? x : y; }

// A stage of a rule, see mxcore.kernel.emit.cuda: block b does chunk b.
extern "C" __global__ void $name(const unsigned long long* __restrict__ addresses, const long long* __restrict__ chunks,
    const $type* __restrict__ uniforms, const long long* __restrict__ rows, const $type* __restrict__ norms,
    double* __restrict__ lanes, const unsigned long long* __restrict__ keys) {
  const long long tensor = chunks[3 * blockIdx.x];
  const long long from = chunks[3 * blockIdx.x + 1], to = chunks[3 * blockIdx.x + 2];
  $given
  for (long long i = from + threadIdx.x; i < to; i += blockDim.x) {
    $body
  }
  $sums
}
