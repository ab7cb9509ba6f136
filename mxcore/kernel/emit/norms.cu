// partials[chunk, norm]: the lanes, one after the other. A thread for each.
extern "C" __global__ void add_lanes(const double* __restrict__ lanes, double* __restrict__ partials,
    long long count) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  double sum = 0;
  for (int lane = 0; lane < $lanes; ++lane) sum += lanes[i * $lanes + lane];
  partials[i] = sum;
}

// norms[tensor, norm], of norms first <= norm < last: the chunks, one after the other. A thread for each tensor.
extern "C" __global__ void add_chunks(const double* __restrict__ partials, const long long* __restrict__ starts,
    $type* __restrict__ norms, long long tensors, long long width, long long first, long long last) {
  const long long tensor = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (tensor >= tensors) return;
  for (long long norm = first; norm < last; ++norm) {
    double sum = 0;
    for (long long chunk = starts[tensor]; chunk < starts[tensor + 1]; ++chunk) sum += partials[chunk * width + norm];
    norms[tensor * width + norm] = ($type)sqrt(sum);
  }
}
