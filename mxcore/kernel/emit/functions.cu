__device__ $type sign($type x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }

// The greater one; not a number, if either is none.
__device__ $type maximum($type x, $type y) { return x >= y || x != x ? x : y; }
__device__ $type minimum($type x, $type y) { return x <= y || x != x ? x : y; }
__device__ double greater(double x, double y) { return x >= y || x != x ? x : y; }
