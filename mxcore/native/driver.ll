; The native side of a step: look at its arrays, run its kernels, alone or with other threads, and count.
; See mxcore.native.driver for what each function does, mxcore.native.words for the names in capitals, and
; mxcore.native.files for `word`.

declare void @llvm.prefetch.p0(ptr, i32, i32, i32)

; ---- look -----------------------------------------------------------------------------------------------------------

; The loop over one list, which stops at the first array that is not as expected.
define internal i64 @look_at(ptr %list, i64 %count, ptr %records, ptr %moved) {
entry:
  %any = icmp sgt i64 %count, 0
  %few = icmp slt i64 %count, $FEW
  br i1 %any, label %array, label %all
array:
  %i = phi i64 [0, %entry], [%next, %following]
  %object = call ptr inttoptr (i64 $PYLIST_GETITEM to ptr)(ptr %list, i64 %i)
  %record = getelementptr [$RECORD x i64], ptr %records, i64 %i
  %type = word i64 %object, $ARRAY_TYPE
  %type_w = word i64 %record, $RECORD_TYPE
  %type_ok = icmp eq i64 %type, %type_w
  br i1 %type_ok, label %head, label %stop
head:
  %data = word i64 %object, $ARRAY_DATA
  %axes = word i32 %object, $ARRAY_AXES
  %lengths = word ptr %object, $ARRAY_LENGTHS
  %strides = word ptr %object, $ARRAY_STRIDES
  %dtype = word i64 %object, $ARRAY_DTYPE
  %flags = word i32 %object, $ARRAY_FLAGS
  %dtype_w = word i64 %record, $RECORD_DTYPE
  %axes_w = word i64 %record, $RECORD_AXES
  %lengths_w = word ptr %record, $RECORD_LENGTHS
  %strides_w = word ptr %record, $RECORD_STRIDES
  %mask_w = word i64 %record, $RECORD_MASK
  %flags_w = word i64 %record, $RECORD_FLAGS
  %place = word ptr %record, $RECORD_PLACE
  %axes_64 = sext i32 %axes to i64
  %written_64 = and i64 %axes_w, $WRITTEN
  %axes_n = xor i64 %axes_w, %written_64
  %flags_64 = zext i32 %flags to i64
  %flags_m = and i64 %flags_64, %mask_w
  %axes_ok = icmp eq i64 %axes_64, %axes_n
  %dtype_ok = icmp eq i64 %dtype, %dtype_w
  %flags_ok = icmp eq i64 %flags_m, %flags_w
  %ok_1 = and i1 %axes_ok, %dtype_ok
  %ok = and i1 %ok_1, %flags_ok
  %strided = icmp ne ptr %strides_w, null
  br i1 %ok, label %axis, label %stop
axis:
  %k = phi i64 [0, %head], [%k_next, %same]
  %more = icmp slt i64 %k, %axes_64
  br i1 %more, label %length, label %as_expected
length:
  %length_n = word i64 %lengths, %k
  %length_wn = word i64 %lengths_w, %k
  %length_ok = icmp eq i64 %length_n, %length_wn
  br i1 %length_ok, label %stride, label %stop
stride:
  br i1 %strided, label %compare, label %same
compare:
  %stride_n = word i64 %strides, %k
  %stride_wn = word i64 %strides_w, %k
  %stride_ok = icmp eq i64 %stride_n, %stride_wn
  br i1 %stride_ok, label %same, label %stop
same:
  %k_next = add i64 %k, 1
  br label %axis
as_expected:
  %former = load i64, ptr %place
  %elsewhere = icmp ne i64 %former, %data
  %written = icmp ne i64 %written_64, 0
  %matters = and i1 %elsewhere, %written
  br i1 %matters, label %note, label %keep
note:
  store i64 1, ptr %moved
  br label %keep
keep:
  store i64 %data, ptr %place
  %begun = inttoptr i64 %data to ptr
  br i1 %few, label %ahead, label %following
; Of few arrays it asks for the first lines of each: the processor foresees only what follows on what was read, and
; parameters that are updated one by one are seldom in its cache. Of many, the first would be gone again by then. Lines
; behind the end of a short array may be asked for as well: nothing is read, and no address is wrong.
ahead:
  %line = phi i64 [0, %keep], [%line_next, %ahead]
  %line_p = getelementptr [$LINE x i8], ptr %begun, i64 %line
  call void @llvm.prefetch.p0(ptr %line_p, i32 0, i32 3, i32 1)
  %line_next = add i64 %line, 1
  %lines_left = icmp slt i64 %line_next, $AHEAD
  br i1 %lines_left, label %ahead, label %following
following:
  %next = add i64 %i, 1
  %go_on = icmp slt i64 %next, %count
  br i1 %go_on, label %array, label %all
stop:
  ret i64 %i
all:
  ret i64 $DONE
}

define i64 @look(ptr %job) {
entry:
  %lists = getelementptr i64, ptr %job, i64 $JOB_LISTS
  %lengths = getelementptr i64, ptr %job, i64 $JOB_LENGTHS
  %records = getelementptr i64, ptr %job, i64 $JOB_RECORDS
  %moved = getelementptr i64, ptr %job, i64 $JOB_MOVED
  br label %one
one:
  %number = phi i64 [0, %entry], [%next, %following]
  %list = word ptr %lists, %number
  %given = icmp ne ptr %list, null
  br i1 %given, label %this, label %following
this:
  %length = word i64 %lengths, %number
  %record = word ptr %records, %number
  %found = call i64 @look_at(ptr %list, i64 %length, ptr %record, ptr %moved)
  %right = icmp eq i64 %found, $DONE
  br i1 %right, label %following, label %wrong
following:
  %next = add i64 %number, 1
  %more = icmp slt i64 %next, $LIST_COUNT
  br i1 %more, label %one, label %all
wrong:
  ret i64 %found
all:
  %m = load i64, ptr %moved
  %still = icmp eq i64 %m, 0
  %result = select i1 %still, i64 $DONE, i64 $MOVED
  ret i64 %result
}

define i64 @drive(ptr %job) {
  %found = call i64 @look(ptr %job)
  %right = icmp eq i64 %found, $DONE
  br i1 %right, label %run, label %out
run:
  call void @go(ptr %job)
  br label %out
out:
  ret i64 %found
}

; ---- go -------------------------------------------------------------------------------------------------------------

define void @go(ptr %job) {
entry:
  %groups = word i64 %job, $JOB_GROUPS
  %group = word ptr %job, $JOB_GROUP
  br label %next
next:
  %g = phi i64 [0, %entry], [%g_next, %one]
  %more = icmp slt i64 %g, %groups
  br i1 %more, label %one, label %done
one:
  %this = getelementptr [$GROUP x i64], ptr %group, i64 %g
  %run_all = word ptr %this, $GROUP_RUN_ALL
  %tables = word ptr %this, $GROUP_TABLES
  call void %run_all(ptr %tables)
  %g_next = add i64 %g, 1
  br label %next
done:
  call void @count(ptr %job)
  ret void
}

define internal void @count(ptr %job) {
entry:
  %cells = word i64 %job, $JOB_CELLS
  %cell = word ptr %job, $JOB_CELL
  %highest = word ptr %job, $JOB_HIGHEST
  br label %next
next:
  %c = phi i64 [0, %entry], [%c_next, %one]
  %more = icmp slt i64 %c, %cells
  br i1 %more, label %one, label %done
one:
  %this = word ptr %cell, %c
  %count = load i64, ptr %this
  %raised = add i64 %count, 1
  store i64 %raised, ptr %this
  %before = load i64, ptr %highest
  %higher = icmp sgt i64 %raised, %before
  %most = select i1 %higher, i64 %raised, i64 %before
  store i64 %most, ptr %highest
  %c_next = add i64 %c, 1
  br label %next
done:
  ret void
}

; ---- share and help -------------------------------------------------------------------------------------------------

; Threads that share a job claim chunks from one counter until none are left. One that comes late finds the pool closed,
; or no chunk to claim. The one that opened it leaves when every chunk is done and no other thread is inside.
define internal void @work(ptr %pool) {
entry:
  %next_p = getelementptr i64, ptr %pool, i64 $POOL_NEXT
  %done_p = getelementptr i64, ptr %pool, i64 $POOL_DONE
  %job = word ptr %pool, $POOL_JOB
  %total = word i64 %job, $JOB_CHUNKS
  %grain = word i64 %job, $JOB_GRAIN
  %groups = word i64 %job, $JOB_GROUPS
  %group = word ptr %job, $JOB_GROUP
  br label %claim
claim:
  %first = atomicrmw add ptr %next_p, i64 %grain seq_cst
  %some = icmp slt i64 %first, %total
  br i1 %some, label %claimed, label %out
claimed:
  %end = add i64 %first, %grain
  %short = icmp slt i64 %end, %total
  %last = select i1 %short, i64 %end, i64 %total
  br label %next
next:
  %g = phi i64 [0, %claimed], [%g_next, %after]
  %base = phi i64 [0, %claimed], [%top, %after]
  %more = icmp slt i64 %g, %groups
  br i1 %more, label %one, label %finished
one:
  %this = getelementptr [$GROUP x i64], ptr %group, i64 %g
  %run_some = word ptr %this, $GROUP_RUN_SOME
  %tables = word ptr %this, $GROUP_TABLES
  %chunks = word i64 %this, $GROUP_CHUNKS
  %top = add i64 %base, %chunks
  %lower = icmp sgt i64 %first, %base
  %low = select i1 %lower, i64 %first, i64 %base
  %upper = icmp slt i64 %last, %top
  %high = select i1 %upper, i64 %last, i64 %top
  %mine = icmp slt i64 %low, %high
  br i1 %mine, label %run, label %after
run:
  %from = sub i64 %low, %base
  %to = sub i64 %high, %base
  call void %run_some(ptr %tables, i64 %from, i64 %to)
  br label %after
after:
  %g_next = add i64 %g, 1
  br label %next
finished:
  %claimed_n = sub i64 %last, %first
  %done = atomicrmw add ptr %done_p, i64 %claimed_n seq_cst
  br label %claim
out:
  ret void
}

define void @help(ptr %pool) {
entry:
  %open_p = getelementptr i64, ptr %pool, i64 $POOL_OPEN
  %active_p = getelementptr i64, ptr %pool, i64 $POOL_ACTIVE
  %yield = word ptr %pool, $POOL_YIELD
  br label %wait
wait:
  %n = phi i64 [0, %entry], [%n_next, %again]
  %open = load atomic i64, ptr %open_p seq_cst, align 8
  %opened = icmp ne i64 %open, 0
  br i1 %opened, label %enter, label %tired
tired:
  %enough = icmp sgt i64 %n, 100
  br i1 %enough, label %out, label %again
again:
  call i32 %yield()
  %n_next = add i64 %n, 1
  br label %wait
enter:
  %before = atomicrmw add ptr %active_p, i64 1 seq_cst
  %still = load atomic i64, ptr %open_p seq_cst, align 8
  %in = icmp ne i64 %still, 0
  br i1 %in, label %work, label %leave
work:
  call void @work(ptr %pool)
  br label %leave
leave:
  %left = atomicrmw sub ptr %active_p, i64 1 seq_cst
  br label %out
out:
  ret void
}

define void @share(ptr %job) {
entry:
  %pool = word ptr %job, $JOB_POOL
  %busy_p = getelementptr i64, ptr %pool, i64 $POOL_BUSY
  %open_p = getelementptr i64, ptr %pool, i64 $POOL_OPEN
  %active_p = getelementptr i64, ptr %pool, i64 $POOL_ACTIVE
  %next_p = getelementptr i64, ptr %pool, i64 $POOL_NEXT
  %done_p = getelementptr i64, ptr %pool, i64 $POOL_DONE
  %job_p = getelementptr i64, ptr %pool, i64 $POOL_JOB
  %yield = word ptr %pool, $POOL_YIELD
  %total = word i64 %job, $JOB_CHUNKS
  %taken = cmpxchg ptr %busy_p, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue { i64, i1 } %taken, 1
  br i1 %free, label %lead, label %alone
alone:
  call void @go(ptr %job)
  ret void
lead:
  store ptr %job, ptr %job_p
  store atomic i64 0, ptr %next_p seq_cst, align 8
  store atomic i64 0, ptr %done_p seq_cst, align 8
  store atomic i64 1, ptr %open_p seq_cst, align 8
  call void @work(ptr %pool)
  call void @wait(ptr %done_p, i64 %total, ptr %yield)
  store atomic i64 0, ptr %open_p seq_cst, align 8
  call void @wait(ptr %active_p, i64 0, ptr %yield)
  call void @count(ptr %job)
  store atomic i64 0, ptr %busy_p seq_cst, align 8
  ret void
}

; Run one of as many parts of a job as there are threads: the same chunks of each group in every step, which are then in
; the caches of the processor that runs them.
define internal void @part(ptr %pool) {
entry:
  %job = word ptr %pool, $POOL_JOB
  %which = word ptr %pool, $POOL_WHICH
  %count = word ptr %pool, $POOL_COUNT
  %groups = word i64 %job, $JOB_GROUPS
  %group = word ptr %job, $JOB_GROUP
  %which_32 = call i32 %which()
  %count_32 = call i32 %count()
  %part = sext i32 %which_32 to i64
  %parts = sext i32 %count_32 to i64
  br label %next
next:
  %g = phi i64 [0, %entry], [%g_next, %one]
  %more = icmp slt i64 %g, %groups
  br i1 %more, label %one, label %out
one:
  %this = getelementptr [$GROUP x i64], ptr %group, i64 %g
  %run_some = word ptr %this, $GROUP_RUN_SOME
  %tables = word ptr %this, $GROUP_TABLES
  %chunks = word i64 %this, $GROUP_CHUNKS
  %before = mul i64 %chunks, %part
  %until = add i64 %before, %chunks
  %from = sdiv i64 %before, %parts
  %to = sdiv i64 %until, %parts
  call void %run_some(ptr %tables, i64 %from, i64 %to)
  %g_next = add i64 %g, 1
  br label %next
out:
  ret void
}

; The same on the threads of another library, which runs a function on several and returns when all have left it.
define void @team(ptr %job) {
entry:
  %pool = word ptr %job, $JOB_POOL
  %busy_p = getelementptr i64, ptr %pool, i64 $POOL_BUSY
  %job_p = getelementptr i64, ptr %pool, i64 $POOL_JOB
  %run = word ptr %pool, $POOL_TEAM
  %most = word ptr %pool, $POOL_MOST
  %wanted = word i32 %pool, $POOL_THREADS
  %taken = cmpxchg ptr %busy_p, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue { i64, i1 } %taken, 1
  br i1 %free, label %lead, label %alone
alone:
  call void @go(ptr %job)
  ret void
lead:
  store ptr %job, ptr %job_p
  %there = call i32 %most()
  %fewer = icmp slt i32 %there, %wanted
  %threads = select i1 %fewer, i32 %there, i32 %wanted
  call void %run(ptr @part, ptr %pool, i32 %threads, i32 0)
  call void @count(ptr %job)
  store atomic i64 0, ptr %busy_p seq_cst, align 8
  ret void
}

; Wait until a word has a value: the others have at most one chunk each to finish.
define internal void @wait(ptr %place, i64 %wanted, ptr %yield) {
entry:
  br label %look
look:
  %now = load atomic i64, ptr %place seq_cst, align 8
  %there = icmp eq i64 %now, %wanted
  br i1 %there, label %out, label %more
more:
  call i32 %yield()
  br label %look
out:
  ret void
}
