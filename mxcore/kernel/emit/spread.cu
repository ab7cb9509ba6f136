// Gives every section of a plan the values of reductions over all parameters.
extern "C" __global__ void spread(const double* __restrict__ found, double* __restrict__ exact,
    $type* __restrict__ reductions, long long sections, long long elements) {
  const long long section = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (section >= sections) return;
  const double count = (double)elements;
  for each reduction:
    {
      const double total = found[$number], value = $value;
      exact[section * $width + $column] = value;
      reductions[section * $width + $column] = ($type)value;
    }
}
