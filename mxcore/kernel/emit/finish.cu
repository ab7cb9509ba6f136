// What a stage has measured: a thread for each parameter or row and each of its reductions, from block to block.
// sections has the first section of each parameter, blocks the first block of each section; both have their end, too.
extern "C" __global__ void finish(const double* __restrict__ partials, const long long* __restrict__ sections,
    const long long* __restrict__ blocks, const long long* __restrict__ lengths, double* __restrict__ totals,
    double* __restrict__ exact, $type* __restrict__ reductions, long long tensors) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x, unit = i / $count;
  const int reduction = i % $count + $first;
  for each reduction:
    if (reduction == $number && unit < ($by_row ? sections[tensors] : tensors)) {
      const long long from = $by_row ? unit : sections[unit], to = $by_row ? unit + 1 : sections[unit + 1];
      double total = $start;
      #pragma unroll 16  // or every addition would wait for its own load
      for (long long block = blocks[from]; block < blocks[to]; ++block) {
        const double other = partials[block * $width + $number];
        total = $combine;
      }
      if ($over_all) {
        totals[unit * $width + $number] = total;
        return;
      }
      const double count = (double)((to - from) * lengths[from]), value = $value;
      for (long long section = from; section < to; ++section) {
        exact[section * $width + $number] = value;
        reductions[section * $width + $number] = ($type)value;
      }
    }
}
