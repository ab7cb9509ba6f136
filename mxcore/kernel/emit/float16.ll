define internal float @widen(half %x) alwaysinline {
  %result = fpext half %x to float
  ret float %result
}

define internal half @narrow(float %x) alwaysinline {
  %result = fptrunc float %x to half
  ret half %result
}
