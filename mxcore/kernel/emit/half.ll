
; A master, or the weight beside it, where that is not the master rounded: 0 is like -0, one not-a-number like another.
define internal float @follow(float %master, $half %half) alwaysinline {
  %weight = call float @widen($half %half)
  %rounded = call $half @narrow(float %master)
  %copy = call float @widen($half %rounded)
  %equal = fcmp oeq float %weight, %copy
  %unset = fcmp uno float %weight, %weight
  %invalid = fcmp uno float %copy, %copy
  %both = and i1 %unset, %invalid
  %same = or i1 %equal, %both
  %result = select i1 %same, float %master, float %weight
  ret float %result
}
