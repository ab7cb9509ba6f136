define internal float @widen(i16 %x) alwaysinline {
  %low = zext i16 %x to i32
  %bits = shl i32 %low, 16
  %result = bitcast i32 %bits to float
  ret float %result
}

; Rounded, to even where it is a tie; what is not a number stays so.
define internal i16 @narrow(float %x) alwaysinline {
  %bits = bitcast float %x to i32
  %above = lshr i32 %bits, 16
  %odd = and i32 %above, 1
  %bias = add i32 %odd, 32767
  %rounded = add i32 %bits, %bias
  %cut = lshr i32 %rounded, 16
  %nan = fcmp uno float %x, %x
  %quiet = or i32 %above, 64
  %chosen = select i1 %nan, i32 %quiet, i32 %cut
  %result = trunc i32 %chosen to i16
  ret i16 %result
}
