// CUDA's launch as plain loops: kernels whose threads do not wait for each other run on the CPU.
#include <cmath>
#define __global__
#define __restrict__
struct Index { unsigned x; };
static thread_local Index threadIdx, blockIdx, blockDim{1};

template <class Kernel, class... Arguments>
void launch(Kernel kernel, unsigned blocks, unsigned threads, Arguments... arguments) {
  blockDim.x = threads;
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
    for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel(arguments...);
}
