
; What the reciprocal cube root of a positive number is about, see mxcore.kernel.rule.roots.
define internal $type @cbrt_guess($type %x) alwaysinline {
  %bits = bitcast $type %x to $integer
  %high = lshr $integer %bits, $drop
  %third = mul $integer %high, $third
  %placed = shl $integer %third, $back
  %guess = sub $integer $magic, %placed
  %result = bitcast $integer %guess to $type
  ret $type %result
}
