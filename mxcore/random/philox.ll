; A distribution as a function that fills memory, see mxcore.random.philox_llvm. The blocks of a group are the lanes of
; a vector.

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare <$lanes x float> @llvm.sqrt.v${lanes}f32(<$lanes x float>)
declare <$lanes x double> @llvm.sqrt.v${lanes}f64(<$lanes x double>)

; Write elements start, …, stop - 1 of a stream to out.
define internal void @$name(ptr %out, i64 %start, i64 %stop, i64 %key, i64 %stream$parameters) {
entry:
  %scratch = alloca [$group x $type], align 64
  %some = icmp slt i64 %start, %stop
  $uniform
  %first = udiv i64 %start, $group
  br i1 %some, label %loop, label %end
loop:
  %number = phi i64 [%first, %entry], [%next, %done]
  %begin = mul i64 %number, $group
  %close = add i64 %begin, $group
  ; A group that is wanted whole goes straight to its place.
  %from = icmp sge i64 %begin, %start
  %to = icmp sle i64 %close, %stop
  %whole = and i1 %from, %to
  %place = sub i64 %begin, %start
  %direct = getelementptr $type, ptr %out, i64 %place
  %target = select i1 %whole, ptr %direct, ptr %scratch
  %block0 = mul i64 %number, $lanes
  %block1 = insertelement <$lanes x i64> zeroinitializer, i64 %block0, i64 0
  %block2 = shufflevector <$lanes x i64> %block1, <$lanes x i64> zeroinitializer, <$lanes x i32> zeroinitializer
  %block = add <$lanes x i64> %block2, $places
  $elements
  br i1 %whole, label %done, label %part
part:
  %a = select i1 %from, i64 %begin, i64 %start
  %b = select i1 %to, i64 %close, i64 %stop
  %skip = sub i64 %a, %begin
  %source = getelementptr $type, ptr %scratch, i64 %skip
  %where = sub i64 %a, %start
  %destination = getelementptr $type, ptr %out, i64 %where
  %wanted = sub i64 %b, %a
  %bytes = mul i64 %wanted, $size
  call void @llvm.memcpy.p0.p0.i64(ptr %destination, ptr %source, i64 %bytes, i1 false)
  br label %done
done:
  %next = add i64 %number, 1
  %more = icmp slt i64 %close, %stop
  br i1 %more, label %loop, label %end
end:
  ret void
}
