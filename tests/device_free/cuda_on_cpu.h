// Runs kernels of CUDA C on the CPU, thread after thread: what they use of the language and its built-in functions.
#pragma once
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <utility>

#define __global__
#define __device__
#define __restrict__
#define __shared__ static thread_local

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

// The threads of a block take turns: each runs until the barrier, and then waits for the others to get there.
struct Thread {
    ucontext_t context;
    bool runs;
    char stack[64 * 1024];
};
static thread_local Thread *threads;
static thread_local ucontext_t scheduler;
static thread_local void (*work)(void **arguments);
static thread_local void **arguments_of_work;

static void __syncthreads() { swapcontext(&threads[threadIdx.x].context, &scheduler); }

static void enter() {
    work(arguments_of_work);
    threads[threadIdx.x].runs = false;
}

static void run_block() {
    for (unsigned thread = 0; thread < blockDim.x; ++thread) {
        Thread &one = threads[thread];
        getcontext(&one.context);
        one.context.uc_stack.ss_sp = one.stack;
        one.context.uc_stack.ss_size = sizeof one.stack;
        one.context.uc_link = &scheduler;
        makecontext(&one.context, enter, 0);
        one.runs = true;
    }
    for (unsigned running = blockDim.x; running;) {
        running = 0;
        for (unsigned thread = blockDim.x; thread-- > 0;) {  // the last one goes first: no order is promised
            threadIdx.x = thread;
            swapcontext(&scheduler, &threads[thread].context);
            running += threads[thread].runs;
        }
        if (running && running < blockDim.x) {
            std::fprintf(stderr, "%u of %u threads wait for others, which have ended\n", running, blockDim.x);
            std::abort();
        }
    }
}

template <auto kernel> struct Call;
template <class... Types, void (*kernel)(Types...)> struct Call<kernel> {
    template <std::size_t... Place> static void with(void **arguments, std::index_sequence<Place...>) {
        kernel(*static_cast<Types *>(arguments[Place])...);
    }
    static void make(void **arguments) { with(arguments, std::index_sequence_for<Types...>{}); }
};

// As cuLaunchKernel: arguments[i] points to the value of argument i. The last block goes first.
template <auto kernel> static void launch(unsigned blocks, unsigned count, void **arguments) {
    gridDim.x = blocks;
    blockDim.x = count;
    work = Call<kernel>::make;
    arguments_of_work = arguments;
    threads = static_cast<Thread *>(std::malloc(count * sizeof(Thread)));
    for (blockIdx.x = blocks; blockIdx.x-- > 0;) run_block();
    std::free(threads);
}
