// What a stage has measured: a thread block for each parameter or row and each of its reductions, from block to block.
// sections has the first section of each parameter, blocks the first block of each section; both have their end, too.
// The threads fetch what the blocks contribute, and one of them adds it up, in order.
extern "C" __global__ void finish(const double* __restrict__ partials, const long long* __restrict__ sections,
    const long long* __restrict__ blocks, const long long* __restrict__ lengths, double* __restrict__ totals,
    double* __restrict__ exact, $type* __restrict__ reductions, long long tensors) {
  __shared__ double fetched[$room];
  const long long unit = blockIdx.x / $count;
  const int reduction = blockIdx.x % $count + $first;
  for each reduction:
    if (reduction == $number && unit < ($by_row ? sections[tensors] : tensors)) {
      const long long from = $by_row ? unit : sections[unit], to = $by_row ? unit + 1 : sections[unit + 1];
      double total = $start;
      for (long long first = blocks[from]; first < blocks[to]; first += $room) {
        const int some = first + $room < blocks[to] ? $room : blocks[to] - first;
        for (int k = threadIdx.x; k < some; k += blockDim.x) fetched[k] = partials[(first + k) * $width + $number];
        __syncthreads();
        if (threadIdx.x == 0) {
          #pragma unroll 16  // or every addition would wait for its own load
          for (int k = 0; k < some; ++k) {
            const double other = fetched[k];
            total = $combine;
          }
        }
        __syncthreads();
      }
      if (threadIdx.x == 0) fetched[0] = total;
      __syncthreads();
      total = fetched[0];
      if ($over_all) {
        if (threadIdx.x == 0) totals[unit * $width + $number] = total;
        return;
      }
      const double count = (double)((to - from) * lengths[from]), value = $value;
      for (long long section = from + threadIdx.x; section < to; section += blockDim.x) {
        exact[section * $width + $number] = value;
        reductions[section * $width + $number] = ($type)value;
      }
    }
}
