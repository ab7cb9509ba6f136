// $width elements of an array, that a thread loads or stores at once.
template <class T> struct alignas($width * sizeof(T)) Pack { T at[$width]; };

// A stage that writes, see mxcore.kernel.emit.cuda: block b does chunk b.
extern "C" __global__ void kernel(const unsigned long long* __restrict__ addresses, const long long* __restrict__ chunks,
    const $type* __restrict__ uniforms, const long long* __restrict__ rows, const $type* __restrict__ reductions,
    double* __restrict__ partials, const unsigned long long* __restrict__ keys) {
  const long long tensor = chunks[4 * blockIdx.x], section = chunks[4 * blockIdx.x + 3];
  const long long from = chunks[4 * blockIdx.x + 1], to = chunks[4 * blockIdx.x + 2];
  $given
  const bool packed = ($addresses) % $bytes == 0 && from % $width == 0;
  const long long rest = packed ? to - (to - from) % $width : from;
  for (long long first = from + $width * threadIdx.x; first < rest; first += $width * blockDim.x) {
    $load
    #pragma unroll
    for (int k = 0; k < $width; ++k) {
      const long long i = first + k;
      $each
    }
    $store
  }
  for (long long i = rest + threadIdx.x; i < to; i += blockDim.x) {
    $single
  }
}
