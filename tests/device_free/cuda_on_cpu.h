// Runs kernels of CUDA C on the CPU, thread after thread: what they use of the language and its built-in functions.
#pragma once
#include <cmath>
#include <cstring>
#include <utility>

#define __global__
#define __device__
#define __restrict__

struct Index { unsigned x, y, z; };
static thread_local Index threadIdx, blockIdx, blockDim, gridDim;

template <class To, class From> static To same_bits(From value) {
    static_assert(sizeof(To) == sizeof(From), "");
    To result;
    std::memcpy(&result, &value, sizeof result);
    return result;
}
static unsigned __float_as_uint(float x) { return same_bits<unsigned>(x); }
static float __uint_as_float(unsigned x) { return same_bits<float>(x); }
static long long __double_as_longlong(double x) { return same_bits<long long>(x); }
static double __longlong_as_double(long long x) { return same_bits<double>(x); }

// As cuLaunchKernel: arguments[i] points to the value of argument i. The last block goes first: no order is promised.
template <class... Types, std::size_t... Place>
static void launch(void (*kernel)(Types...), unsigned blocks, unsigned threads, void **arguments,
                   std::index_sequence<Place...>) {
    gridDim.x = blocks;
    blockDim.x = threads;
    for (unsigned block = blocks; block-- > 0;)
        for (unsigned thread = threads; thread-- > 0;) {
            blockIdx.x = block;
            threadIdx.x = thread;
            kernel(*static_cast<Types *>(arguments[Place])...);
        }
}
template <class... Types>
static void launch(void (*kernel)(Types...), unsigned blocks, unsigned threads, void **arguments) {
    launch(kernel, blocks, threads, arguments, std::index_sequence_for<Types...>{});
}
