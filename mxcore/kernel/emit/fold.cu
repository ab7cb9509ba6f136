// Reductions over all parameters: a thread block for each adds up what the parameters contribute, in the order of the
// call. places has the address of each contribution. The threads fetch them, and one adds them up.
extern "C" __global__ void fold(const unsigned long long* __restrict__ places, double* __restrict__ found,
    long long parameters) {
  __shared__ double fetched[$room];
  for each reduction:
    if (blockIdx.x == $number) {
      double total = $start;
      for (long long first = 0; first < parameters; first += $room) {
        const int some = first + $room < parameters ? $room : parameters - first;
        for (int k = threadIdx.x; k < some; k += blockDim.x)
          fetched[k] = *(const double*)places[$number * parameters + first + k];
        __syncthreads();
        if (threadIdx.x == 0) {
          #pragma unroll 16
          for (int k = 0; k < some; ++k) {
            const double other = fetched[k];
            total = $combine;
          }
        }
        __syncthreads();
      }
      if (threadIdx.x == 0) found[$number] = total;
    }
}
