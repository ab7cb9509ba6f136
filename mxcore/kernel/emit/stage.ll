; A stage of a rule over chunks of many tensors, see mxcore.kernel.emit.llvm, and mxcore.native.files for `word`.

define void @run_some(ptr noalias nocapture readonly %tables, i64 %first, i64 %last) {
entry:
  $tables
  for each noise:
    %noise = alloca [$chunk x $type], align 64
  for each measured:
    %lanes$measured = alloca [$lanes x double], align 64
  %any = icmp slt i64 %first, %last
  br i1 %any, label %chunk, label %done

; Before a chunk: its tensor, bounds and numbers, and the address at which each array begins there.
chunk:
  %c = phi i64 [%first, %entry], [%c_next, %chunk_end]
  %bounds = getelementptr [4 x i64], ptr %chunks, i64 %c
  %tensor = word i64 %bounds, 0
  %from = word i64 %bounds, 1
  %to = word i64 %bounds, 2
  %section = word i64 %bounds, 3
  %row = word i64 %rows, %tensor
  %numbers = getelementptr [$varying x $type], ptr %uniforms, i64 %row
  %known = getelementptr [$reductions x $type], ptr %reductions, i64 %section
  %columns = getelementptr [$columns x ptr], ptr %addresses, i64 %tensor
  for each shared:
    %u${shared}_p = getelementptr $type, ptr %uniforms, i64 $shared
    %u$shared = load $type, ptr %u${shared}_p
  for each own:
    %u${own}_p = getelementptr $type, ptr %numbers, i64 $own
    %u$own = load $type, ptr %u${own}_p
  for each known:
    %g${known}_p = getelementptr $type, ptr %known, i64 $known
    %g$known = load $type, ptr %g${known}_p
  for each array:
    %a${array}_0 = word ptr %columns, $array
    %a$array = getelementptr $stored, ptr %a${array}_0, i64 %from
  for each noise:
    %own = getelementptr [2 x i64], ptr %keys, i64 %tensor
    %key = word i64 %own, 0
    %stream = word i64 %own, 1
    call void @$noise(ptr %noise, i64 %from, i64 %to, i64 %key, i64 %stream, $type 0.0, $type 1.0)
  for each measured:
    store <$lanes x double> $start, ptr %lanes$measured, align 64
  %n = sub i64 %to, %from
  br label %loop

$loop

chunk_end:
  %c_next = add i64 %c, 1
  %c_more = icmp slt i64 %c_next, %last
  br i1 %c_more, label %chunk, label %done
done:
  ret void
}

define void @run_all(ptr %tables) {
  %count = word i64 %tables, $count
  call void @run_some(ptr %tables, i64 0, i64 %count)
  ret void
}

declare $type @llvm.sqrt.$suffix($type)
declare $type @llvm.exp.$suffix($type)
declare $type @llvm.log.$suffix($type)
declare $type @llvm.tanh.$suffix($type)
declare $type @llvm.sin.$suffix($type)
declare $type @llvm.cos.$suffix($type)
declare $type @llvm.floor.$suffix($type)
declare $type @llvm.rint.$suffix($type)
declare $type @llvm.atan2.$suffix($type, $type)

define internal $type @sign($type %x) alwaysinline {
  %positive = fcmp ogt $type %x, 0.0
  %negative = fcmp olt $type %x, 0.0
  %nan = fcmp uno $type %x, %x
  %below = select i1 %negative, $type -1.0, $type 0.0
  %sign = select i1 %positive, $type 1.0, $type %below
  %result = select i1 %nan, $type %x, $type %sign
  ret $type %result
}

; The greater one; not a number, if either is none: the first comparison takes the left one then.
define internal $type @maximum($type %x, $type %y) alwaysinline {
  %better = fcmp uge $type %x, %y
  %chosen = select i1 %better, $type %x, $type %y
  %nan = fcmp uno $type %y, %y
  %result = select i1 %nan, $type %y, $type %chosen
  ret $type %result
}

define internal $type @minimum($type %x, $type %y) alwaysinline {
  %better = fcmp ule $type %x, %y
  %chosen = select i1 %better, $type %x, $type %y
  %nan = fcmp uno $type %y, %y
  %result = select i1 %nan, $type %y, $type %chosen
  ret $type %result
}

define internal double @plus(double %x, double %y) alwaysinline {
  %result = fadd double %x, %y
  ret double %result
}

define internal double @greater(double %x, double %y) alwaysinline {
  %better = fcmp oge double %x, %y
  %nan = fcmp uno double %x, %x
  %first = or i1 %better, %nan
  %result = select i1 %first, double %x, double %y
  ret double %result
}

; log(1 + x). The logarithm of the sum u is off by as much as u is, so that it is multiplied by x / (u - 1).
define internal $type @log1p($type %x) alwaysinline {
  %sum = fadd $type %x, 1.0
  %log = call $type @llvm.log.$suffix($type %sum)
  %counted = fsub $type %sum, 1.0
  %share = fdiv $type %x, %counted
  %product = fmul $type %log, %share
  %small = fcmp oeq $type %counted, 0.0
  %finite = select i1 %small, $type %x, $type %product
  %infinite = fcmp oeq $type %log, %x
  %result = select i1 %infinite, $type %x, $type %finite
  ret $type %result
}

; Four vectors in a row of each array: where another processor has written them last, such as gradients after a backward
; pass on several threads, reading them one by one takes twice as long.
!1 = distinct !{!1, !2, !4}
!2 = !{!"llvm.loop.vectorize.enable", i1 true}
!4 = !{!"llvm.loop.interleave.count", i32 4}
!3 = distinct !{!3, !"arrays"}
