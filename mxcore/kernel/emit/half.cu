// A master, or the weight beside it, where that is not the master rounded: 0 is like -0, one not-a-number like another.
__device__ float follow(float master, unsigned short half) {
  const float weight = widen(half), copy = widen(narrow(master));
  return weight == copy || (weight != weight && copy != copy) ? master : weight;
}
