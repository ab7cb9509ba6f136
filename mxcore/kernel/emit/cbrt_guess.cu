// What the reciprocal cube root of a positive number is about, see mxcore.kernel.rule.roots.
__device__ $type cbrt_guess($type x) { return $value($magic - (($bits(x) >> $drop) * $third << $back)); }
