// The elements of one block of a stream.
__device__ void ${name}_block(unsigned long long block, unsigned long long key, unsigned long long stream$parameters,
        $type *elements) {
    $body
}

// Element i of a stream.
__device__ $type ${name}(unsigned long long i, unsigned long long key, unsigned long long stream$parameters) {
    $type elements[$per_block];
    ${name}_block(i / $group * $lanes + i % $lanes, key, stream$passed, elements);
    $type element = elements[0];  // a choice in registers: an index would send the elements through memory
    for (int k = 1; k < $per_block; ++k)
        if (i / $lanes % $per_block == k) element = elements[k];
    return element;
}

// Write elements start, ..., stop - 1 of a stream to out: a thread for each block of each group that they touch.
extern "C" __global__ void ${name}_fill($type *out, unsigned long long start, unsigned long long stop,
        unsigned long long key, unsigned long long stream$parameters) {
    unsigned long long thread = (unsigned long long)blockIdx.x * blockDim.x + threadIdx.x;
    unsigned long long block = start / $group * $lanes + thread;
    unsigned long long i = block / $lanes * $group + block % $lanes;
    if (i >= stop) return;
    $type elements[$per_block];
    ${name}_block(block, key, stream$passed, elements);
    for (int k = 0; k < $per_block; ++k, i += $lanes)
        if (i >= start && i < stop) out[i - start] = elements[k];
}
