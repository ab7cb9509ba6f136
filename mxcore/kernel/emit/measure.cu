// A stage that measures, see mxcore.kernel.emit.cuda: block b adds up chunk b, in the order of mxcore.kernel.rule.norm.
// It computes $groups squares of each lane in one go, which a thread then adds up, one after the other.
extern "C" __global__ void kernel(const unsigned long long* __restrict__ addresses, const long long* __restrict__ chunks,
    const $type* __restrict__ uniforms, const long long* __restrict__ rows, const $type* __restrict__ norms,
    double* __restrict__ partials, const unsigned long long* __restrict__ keys) {
  __shared__ double squares[2][$count][$groups][$lanes];  // while some are added up, others are written
  __shared__ double sums[$count][$lanes];
  const int lane = threadIdx.x % $lanes, group = threadIdx.x / $lanes;
  const long long tensor = chunks[3 * blockIdx.x];
  const long long from = chunks[3 * blockIdx.x + 1], to = chunks[3 * blockIdx.x + 2];
  $given
  for each norm:
    double lane$norm = 0;
  int turn = 0;
  for (long long first = from; first < to; first += $groups * $lanes, turn ^= 1) {
    const long long i = first + threadIdx.x;
    for each norm:
      double square$norm = 0;
    if (i < to) {
      $single
    }
    for each norm:
      squares[turn][$norm][group][lane] = square$norm;
    __syncthreads();
    for each norm:
      if (group == $own_group) for (int g = 0; g < $groups; ++g) lane$norm += squares[turn][$norm][g][lane];
  }
  for each norm:
    if (group == $own_group) sums[$norm][lane] = lane$norm;
  __syncthreads();
  if (threadIdx.x < $count) {
    double sum = 0;
    for (int k = 0; k < $lanes; ++k) sum += sums[threadIdx.x][k];
    partials[blockIdx.x * $width + $first + threadIdx.x] = sum;
  }
}
