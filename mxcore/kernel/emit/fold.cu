// Reductions over all parameters: a thread for each adds up what the parameters contribute, in the order of the call.
// places has the address of each contribution.
extern "C" __global__ void fold(const unsigned long long* __restrict__ places, double* __restrict__ found,
    long long parameters) {
  for each reduction:
    if (threadIdx.x == $number) {
      double total = $start;
      #pragma unroll 16
      for (long long i = 0; i < parameters; ++i) {
        const double other = *(const double*)places[$number * parameters + i];
        total = $combine;
      }
      found[$number] = total;
    }
}
