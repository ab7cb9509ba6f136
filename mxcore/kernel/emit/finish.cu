// norms[tensor, norm], of norms first <= norm < last: the root of what the chunks of a tensor have added up to, one after
// the other. A thread for each; starts has the first chunk of each tensor, and at the end the number of chunks.
extern "C" __global__ void finish(const double* __restrict__ partials, const long long* __restrict__ starts,
    $type* __restrict__ norms, long long tensors, long long width, long long first, long long last) {
  const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  const long long tensor = i / (last - first), norm = first + i % (last - first);
  if (tensor >= tensors) return;
  double sum = 0;
  #pragma unroll 16  // or every addition would wait for its own load
  for (long long chunk = starts[tensor]; chunk < starts[tensor + 1]; ++chunk) sum += partials[chunk * width + norm];
  norms[tensor * width + norm] = ($type)sqrt(sum);
}
