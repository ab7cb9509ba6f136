; The loop of a stage that measures: over rows of lanes, which are combined at the end of the block.
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
  for each reduction:
    $term
    %l${number}_p = getelementptr inbounds double, ptr %lanes$number, i64 %lane
    %l${number}_0 = load double, ptr %l${number}_p, $access
    %l${number}_1 = call double @$combine(double %l${number}_0, double $value)
    store double %l${number}_1, ptr %l${number}_p, $access
  %next = add nuw nsw i64 %lane, 1
  %more = icmp slt i64 %next, %m
  br i1 %more, label %element, label %stretch_end, !llvm.loop !1
stretch_end:
  %r_next = add i64 %r, $lanes
  %r_more = icmp slt i64 %r_next, %n
  br i1 %r_more, label %stretch, label %add_up
add_up:
  %l = phi i64 [0, %stretch_end], [%l_next, %add_up]
  for each reduction:
    %s$number = phi double [$start, %stretch_end], [%t$number, %add_up]
  for each reduction:
    %x$number = word double %lanes$number, %l
    %t$number = call double @$combine(double %s$number, double %x$number)
  %l_next = add i64 %l, 1
  %l_more = icmp slt i64 %l_next, $lanes
  br i1 %l_more, label %add_up, label %keep
keep:
  %kept = getelementptr [$reductions x double], ptr %partials, i64 %c
  for each reduction:
    %kept$number = getelementptr double, ptr %kept, i64 $number
    store double %t$number, ptr %kept$number
  br label %chunk_end
