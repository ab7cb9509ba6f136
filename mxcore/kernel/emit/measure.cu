// A stage that measures, see mxcore.kernel.emit.cuda: block b adds up chunk b, in the order of mxcore.kernel.rule.reduction.
// It computes $groups terms of each lane in one go, which a thread then adds up, one after the other.
extern "C" __global__ void kernel(const unsigned long long* __restrict__ addresses, const long long* __restrict__ chunks,
    const $type* __restrict__ uniforms, const long long* __restrict__ rows, const $type* __restrict__ reductions,
    double* __restrict__ partials, const unsigned long long* __restrict__ keys) {
  __shared__ double terms[2][$count][$groups][$lanes];  // while some are added up, others are written
  __shared__ double sums[$count][$lanes];
  const int lane = threadIdx.x % $lanes, group = threadIdx.x / $lanes;
  const long long tensor = chunks[4 * blockIdx.x], section = chunks[4 * blockIdx.x + 3];
  const long long from = chunks[4 * blockIdx.x + 1], to = chunks[4 * blockIdx.x + 2];
  $given
  for each measured:
    double lane$place = $start;
  int turn = 0;
  for (long long first = from; first < to; first += $groups * $lanes, turn ^= 1) {
    const long long i = first + threadIdx.x;
    for each measured:
      double term$place = $start;
    if (i < to) {
      $single
    }
    for each measured:
      terms[turn][$place][group][lane] = term$place;
    __syncthreads();
    for each measured:
      if (group == $own_group) for (int g = 0; g < $groups; ++g) {
        const double total = lane$place, other = terms[turn][$place][g][lane];
        lane$place = $combine;
      }
  }
  for each measured:
    if (group == $own_group) sums[$place][lane] = lane$place;
  __syncthreads();
  for each measured:
    if (threadIdx.x == $place) {
      double total = $start;
      for (int k = 0; k < $lanes; ++k) {
        const double other = sums[$place][k];
        total = $combine;
      }
      partials[blockIdx.x * $width + $first + $place] = total;
    }
}
