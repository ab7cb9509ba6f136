; The loop of a stage that writes: over the elements of a chunk.
loop:
  br label %element
element:
  %i = phi i64 [0, %loop], [%next, %element]
  $values
  $results
  %next = add nuw nsw i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %element, label %chunk_end, !llvm.loop !1
