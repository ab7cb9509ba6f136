; The loop of a stage that measures norms: over rows of lanes, which are added up at the end of the chunk.
loop:
  br label %stretch
stretch:
  %r = phi i64 [0, %loop], [%r_next, %stretch_end]
  %left = sub i64 %n, %r
  %short = icmp slt i64 %left, $lanes
  %m = select i1 %short, i64 %left, i64 $lanes
  br label %element
element:
  %lane = phi i64 [0, %stretch], [%next, %element]
  %i = add nuw nsw i64 %r, %lane
  $values
  for each square:
    $widen
    %q$norm = fmul double $value, $value
    %l${norm}_p = getelementptr inbounds double, ptr %lanes$norm, i64 %lane
    %l${norm}_0 = load double, ptr %l${norm}_p, $access
    %l${norm}_1 = fadd double %l${norm}_0, %q$norm
    store double %l${norm}_1, ptr %l${norm}_p, $access
  %next = add nuw nsw i64 %lane, 1
  %more = icmp slt i64 %next, %m
  br i1 %more, label %element, label %stretch_end, !llvm.loop !1
stretch_end:
  %r_next = add i64 %r, $lanes
  %r_more = icmp slt i64 %r_next, %n
  br i1 %r_more, label %stretch, label %add_up
add_up:
  %l = phi i64 [0, %stretch_end], [%l_next, %add_up]
  for each norm:
    %s$norm = phi double [0.0, %stretch_end], [%t$norm, %add_up]
  for each norm:
    %x$norm = word double %lanes$norm, %l
    %t$norm = fadd double %s$norm, %x$norm
  %l_next = add i64 %l, 1
  %l_more = icmp slt i64 %l_next, $lanes
  br i1 %l_more, label %add_up, label %keep
keep:
  %kept = getelementptr [$norms x double], ptr %partials, i64 %c
  for each norm:
    %kept$norm = getelementptr double, ptr %kept, i64 $norm
    store double %t$norm, ptr %kept$norm
  br label %chunk_end
