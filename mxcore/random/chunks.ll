; A fill in chunks, as the driver runs it: see mxcore.native.driver, and mxcore.native.files for `word`. In the tables:
; out, start, stop, key, stream, how many chunks there are, the parameters.

define void @run_some(ptr %tables, i64 %first, i64 %last) {
  %out = word ptr %tables, 0
  %start = word i64 %tables, 1
  %stop = word i64 %tables, 2
  %key = word i64 %tables, 3
  %stream = word i64 %tables, 4
  $loads
  %skip = mul i64 %first, $chunk
  %from = add i64 %start, %skip
  %ahead = mul i64 %last, $chunk
  %full = add i64 %start, %ahead
  %short = icmp slt i64 %full, %stop
  %to = select i1 %short, i64 %full, i64 %stop
  %here = getelementptr $type, ptr %out, i64 %skip
  call void @$name(ptr %here, i64 %from, i64 %to, i64 %key, i64 %stream$parameters)
  ret void
}

define void @run_all(ptr %tables) {
  %chunks = word i64 %tables, 5
  call void @run_some(ptr %tables, i64 0, i64 %chunks)
  ret void
}
