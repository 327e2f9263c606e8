/* Commits that span the ack log, a transactional sink and two files beside it.
 *
 * One shard, one transactional sink (a database that compares its last commit id with the parent that is
 * told to it, and its epoch with that of the id), two rewindable files that get every output as well. Each
 * `atomic` is a step; a worker or the process may die, a connection may break and the power may fail between
 * any two, at opening too. The model in commit.pml has what is below: frames, groups, tears, receipts.
 *
 *   -DDISK            level `disk`: a group makes frames durable, then blocks. Without: level `process`.
 *   -DPOWER=n         at `process`: power losses, which may take back any end of log, journal and files
 *   -DMESSAGES -DSLOTS -DDEPTH -DWIRES -DBATCH        bounds, see below
 *   -DCRASHES -DDEATHS -DLOST -DREJECTS -DDEADS       how often what may happen
 *   -DFILTERED=s      message s has no output        -DCOPIES   the last message has the id of the first
 *   -DBACKUP          the directory is put back to an older copy, once
 *   -DDROPPED         the sink forgets all, once      -DFOREIGN  another directory commits to it, once
 *   -DBUG_…           a planted bug; scripts/models.js lists them
 *
 * Properties: the asserts, above all those in `restore`, `sink` and `judge`.
 */

#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef SLOTS
#define SLOTS    2   /* frames that the ring holds */
#endif
#ifndef DEPTH
#define DEPTH    2   /* commits under way: drafted and not confirmed */
#endif
#ifndef WIRES
#define WIRES    2   /* COMMITs in sockets, zombies' included */
#endif
#ifndef BATCH
#define BATCH    1   /* messages of one commit, at most */
#endif
#ifndef CRASHES
#define CRASHES  0
#endif
#ifndef POWER
#define POWER    0
#endif
#ifndef DEATHS
#define DEATHS   0   /* of a worker alone */
#endif
#ifndef LOST
#define LOST     0   /* connections that break with answers in them */
#endif
#ifndef REJECTS
#define REJECTS  0   /* rows that the sink refuses */
#endif
#ifndef DEADS
#define DEADS    0   /* messages that become dead letters by themselves */
#endif
#ifndef FILTERED
#define FILTERED 0
#endif
#ifdef LATE
#define LATE_BEGINS true
#else
#define LATE_BEGINS false
#endif
#define BLOCKS   15
#define ROOM     6   /* outputs that a file holds */

#define NONE 0
#define EVERY ((1 << MESSAGES) - 1)
#define BIT(s) (1 << ((s) - 1))
#define HAS(set, s) (((set) >> ((s) - 1)) & 1)
#ifdef COPIES
#define IDS(set) (((set) & ~BIT(MESSAGES)) | HAS(set, MESSAGES))
#else
#define IDS(set) (set)
#endif
/* A commit's id: lineage 0 is ours; epoch and n in one byte each half. */
#define NAME(epoch, n) ((epoch) * 16 + (n))
#define EPOCH(id) ((id) >> 4)
#define FOREIGNER 255

/* A block of the ack log: what one commit changes. Sets are of sequences. */
typedef Block {
  byte id, parent;
  byte through;            /* the ring has been taken up to here */
  byte done, out, dead;    /* messages that end here; of these, with outputs, and dead letters */
  byte parked;             /* messages that wait from here on */
  byte place;              /* of both files */
  byte recorded;           /* the newest commit of which it was known that the sink has it */
}

/* ---- the directory ---- */
Block log[BLOCKS];
byte length;               /* blocks appended */
byte tail;                 /* frames published; the journal holds the last SLOTS of them */
byte letters;              /* dead letters in their file, by sequence */
#ifdef DISK
byte synced, target;       /* blocks that are synced; that the group under way will have synced */
byte durable;              /* frames synced */
#define PREPARED(i) ((i) < synced)
#define PREPARED_OR_OPENING(i) (PREPARED(i) || !opened)
#else
#define PREPARED_OR_OPENING(i) true
#define PREPARED(i) ((i) < length)
#endif

#ifdef BUG_SENT_BEFORE_PREPARED
#define SENDABLE(i) true
#else
#define SENDABLE(i) PREPARED(i)
#endif

/* ---- memory of the process ---- */
mtype = { fencing, asking, restoring, running, refused };
mtype mode = fencing;
mtype = { ahead, taken, behind, none };
mtype reason = none;
mtype = { nothing, drafted, sent, accepted, declined, rejected, confirmed, discarded };
mtype stage[BLOCKS] = nothing;   /* accepted, declined, rejected: the answer is in the socket */
bool opened;               /* the process has restored once: another ask is a worker's */
byte epoch, n;
byte answer;               /* of the sink, when asked */
byte head, under_way;      /* the first block that is under way, or `length`; how many are */
byte unsent;               /* the first of them that waits to be sent, or `length` */
byte newest;               /* parent of the next commit */
byte known;                /* the newest commit of which we know that the sink has it */
byte through, done, parked;/* with all that is under way */
byte index;                /* ids seen */
byte refusals, refusing;   /* rows that the sink refused; the row that an answer under way names */
byte freed;                /* ring space, up to this sequence */

/* ---- sinks ---- */
byte last, fence;          /* transactional: the commit it holds, the newest epoch it knows */
byte held;                 /* … and its effects, by id */
typedef Wire { byte id, parent, out; bool live }
Wire wire[WIRES];          /* COMMITs in sockets; not live: nobody waits for the answer */
bool late_begin;           /* a `begin` that its worker did not live to see */
typedef File { byte output[ROOM]; byte length }
File file[2];              /* rewindable */
byte shown;                /* what readers of the files may have read */

/* ---- the ledger, outside of all that can fail ---- */
byte promised, told;       /* sequences: stored; the outcome was told */
byte begun;                /* the newest epoch whose `begin` was answered */
byte meddled;              /* 1: blocks taken back; 2: effects; 4: another directory; 8: the files' ends */
byte crashes = CRASHES, deaths = DEATHS, lost = LOST, rejects = REJECTS, deads = DEADS, power = POWER;
#ifdef BACKUP
byte backup_length, backup_tail, backup_letters;
bool backed_up, put_back;
#endif

mtype outcome = nothing;
byte i, j, s, all, place;   /* scratch of atomic steps */
short counts;               /* blocks that count, a bit each */
Block draft;

#define CLEAR(to) \
  to.id = 0; to.parent = 0; to.through = 0; to.done = 0; to.out = 0; to.dead = 0; \
  to.parked = 0; to.place = 0; to.recorded = 0
#define COPY(to, from) \
  to.id = from.id; to.parent = from.parent; to.through = from.through; to.done = from.done; \
  to.out = from.out; to.dead = from.dead; to.parked = from.parked; to.place = from.place; \
  to.recorded = from.recorded

/* Ids that are neither seen nor free: of what is under way or parked. A copy waits for their end. */
#define RESERVED (IDS(done | parked) & ~index)
#define SEEN(s) ((index & IDS(BIT(s))) != 0)

inline put_output(sequence) {
  j = 0;
  do
  :: j < 2 ->
     assert(file[j].length < ROOM);
     file[j].output[file[j].length] = sequence;
     file[j].length++;
     j++
  :: else -> break
  od;
  j = 0
}

inline cut_files(to) {
  j = 0;
  do
  :: j < 2 ->
#ifdef BUG_ONE_FILE_NOT_CUT
     if :: j == 1 -> break :: else fi;
#endif
     do
     :: file[j].length > to -> file[j].length--; file[j].output[file[j].length] = 0
     :: else -> break
     od;
     j++
  :: else -> break
  od;
  j = 0
}

/* Each file holds what the sink holds, each output once. */
inline files_agree() {
  j = 0;
  do
  :: j < 2 ->
     all = 0; i = 0;
     do
     :: i < file[j].length ->
        assert((all & IDS(BIT(file[j].output[i]))) == 0);
        all = all | IDS(BIT(file[j].output[i]));
        i++
     :: else -> break
     od;
     assert(all == held);
     j++
  :: else -> break
  od;
  j = 0; i = 0; all = 0
}

/* ---- the worker drafts ---- */

/* One message: into the draft, with the end that it meets. */
inline take(at) {
  if
  :: SEEN(at) || at == FILTERED -> draft.done = draft.done | BIT(at)
  :: !SEEN(at) && at != FILTERED && !HAS(refusals, at) ->
     draft.done = draft.done | BIT(at);
     draft.out = draft.out | BIT(at);
     put_output(at)
  :: !SEEN(at) && at != FILTERED && (HAS(refusals, at) || deads > 0) ->
     /* Its letter is written before its block. */
     if :: HAS(refusals, at) :: else -> deads-- fi;
     letters = letters | BIT(at);
     draft.done = draft.done | BIT(at);
     draft.dead = draft.dead | BIT(at)
  :: HAS(refusals, at) && at > through ->
     draft.parked = draft.parked | BIT(at);
     refusals = refusals & ~BIT(at)   /* the next attempt may pass */
  fi
}

/* A sender hears of nothing that the sink, or the letters, do not have. */
inline told_now(at) {
  assert((IDS(log[at].out) & ~held) == 0 || (meddled & 2));
  assert((log[at].dead & ~letters) == 0);
  told = told | log[at].done
}

/* What planted bugs do when a block has reached the level. */
inline on_prepared(at) {
#ifdef BUG_FREED_AT_PREPARE
  freed = (log[at].through > freed -> log[at].through : freed);
#endif
#ifdef BUG_SEEN_AT_PREPARE
  index = index | IDS(log[at].done);
#endif
#ifdef BUG_TOLD_AT_PREPARE
  told_now(at);
#endif
#ifdef BUG_SHOWN_AT_PREPARE
  shown = (log[at].place > shown -> log[at].place : shown);
#endif
  skip
}

inline find_unsent() {
  unsent = head;
  do
  :: unsent < length && (stage[unsent] != drafted || log[unsent].out == 0) -> unsent++
  :: else -> break
  od
}

inline append() {
  assert(length < BLOCKS);
  n++;
  draft.id = NAME(epoch, n);
#ifdef BUG_SAME_ID
  /* A block that replaces a rejected one takes its id. */
  if
  :: length > 0 && stage[length - 1] == discarded && EPOCH(log[length - 1].id) == epoch ->
     i = length - 1;
     do
     :: i > 0 && stage[i - 1] == discarded && EPOCH(log[i - 1].id) == epoch -> i--
     :: else -> break
     od;
     draft.id = log[i].id;
     i = 0
  :: else
  fi;
#endif
  draft.parent = newest;
  draft.place = file[0].length;
  draft.recorded = known;
  COPY(log[length], draft);
  stage[length] = drafted;
  length++;
  under_way++;
  find_unsent();
  if :: draft.out != 0 -> newest = draft.id :: else fi;
  through = draft.through;
  done = done | draft.done;
  parked = (parked | draft.parked) & ~draft.done;
  CLEAR(draft);
#if !defined(DISK)
  on_prepared(length - 1);
#endif
  skip
}

/* All that follows *confirmed* alone. */
inline confirm(at) {
  stage[at] = confirmed;
  if :: log[at].out != 0 -> known = log[at].id :: else fi;
  freed = (log[at].through > freed -> log[at].through : freed);
  index = index | IDS(log[at].done);
  shown = log[at].place;
  told_now(at);
  under_way--;
  find_head()
}

inline find_head() {
  do
  :: head < length && (stage[head] == confirmed || stage[head] == discarded) -> head++
  :: else -> break
  od
}

/* What the blocks say that are not discarded; letters of the others go. */
inline recount() {
  through = 0; done = 0; parked = 0; newest = known; under_way = 0; i = 0;
  do
  :: i < length ->
     if
     :: stage[i] != discarded ->
        assert((done & log[i].done) == 0);   /* no message ends twice */
        through = (log[i].through > through -> log[i].through : through);
        done = done | log[i].done;
        parked = (parked | log[i].parked) & ~log[i].done;
        all = all | log[i].dead;
        place = log[i].place;
        if :: stage[i] != confirmed -> under_way++ :: else fi
     :: else
     fi;
     i++
  :: else -> break
  od;
  assert((all & ~letters) == 0);             /* a letter whose block counts is there */
#ifndef BUG_LETTERS_NOT_CUT
  letters = all;
#endif
  i = 0; all = 0
}

/* A block that failed takes all behind it along. */
inline discard_from(at) {
  i = at;
  do
  :: i < length -> stage[i] = discarded; i++
  :: else -> break
  od;
  recount();
  assert(place >= shown);   /* readers never see the file shrink */
  cut_files(place);
  place = 0;
  find_head();
  find_unsent()
}

/* ---- the worker asks ---- */

/* Nobody waits any more for what is in the sockets. */
inline hang_up() {
  j = 0;
  do
  :: j < WIRES -> wire[j].live = false; j++
  :: else -> break
  od;
  j = 0
}

/* A `begin` that was sent and whose sender is gone. */
inline leave_begin() {
  if
  :: mode == fencing && !late_begin && LATE_BEGINS -> late_begin = true
  :: true
  fi
}

inline raise() {
#ifdef BUG_EPOCH_OF_DIRECTORY
  i = 0;
  do
  :: i < length -> epoch = (EPOCH(log[i].id) > epoch -> EPOCH(log[i].id) : epoch); i++
  :: else -> break
  od;
  i = 0;
  epoch++;
  fence = (epoch > fence -> epoch : fence);
#else
  fence++;
  epoch = fence;
#endif
  n = 0
}

inline refuse(why) {
  mode = refused;
  reason = why;
  /* Nothing is refused unless somebody took something away. */
  assert(why != ahead || (meddled & 1));
  assert(why != behind || (meddled & 10));
  assert(why != taken || (meddled & 4))
}

/* The blocks on the parent chain of the sink's answer, and those without outputs whose parent is. */
inline find_counting() {
  all = answer; i = length;
  do
  :: i > 0 ->
     i--;
     if
     :: log[i].id == all && log[i].out != 0 -> counts = counts | (1 << i); all = log[i].parent
     :: else
     fi
  :: else -> break
  od;
  /* Here `all` is NONE, unless the answer, or one of its ancestors, is unknown. */
  i = 0;
  do
  :: i < length ->
     if
     :: log[i].out == 0 && log[i].parent == NONE -> counts = counts | (1 << i)
     :: log[i].out == 0 && log[i].parent != NONE ->
        j = 0;
        do
        :: j < i ->
           if
           :: log[j].id == log[i].parent && log[j].out != 0 && ((counts >> j) & 1) -> counts = counts | (1 << i)
           :: else
           fi;
           j++
        :: else -> break
        od;
        j = 0
     :: else
     fi;
     i++
  :: else -> break
  od;
  i = 0
}

/* Is the newest commit that is known, or recorded, as confirmed on the chain? */
inline find_known(found) {
  s = (length > 0 -> log[length - 1].recorded : NONE);
  s = (opened -> known : s);
  found = (s == NONE); i = 0;
  do
  :: i < length ->
     if :: log[i].id == s && ((counts >> i) & 1) -> found = 1 :: else fi;
     i++
  :: else -> break
  od;
  i = 0
}

inline adopt() {
  known = answer;
  all = 0; index = 0; s = 0; i = 0;
  do
  :: i < length ->
     assert(stage[i] != confirmed || ((counts >> i) & 1));   /* what was confirmed stays */
     if
     :: ((counts >> i) & 1) && (log[i].out != 0 || PREPARED_OR_OPENING(i)) ->
        stage[i] = confirmed;
        index = index | IDS(log[i].done);
        all = all | IDS(log[i].out);
        s = (log[i].through > s -> log[i].through : s)
     :: ((counts >> i) & 1) && !(log[i].out != 0 || PREPARED_OR_OPENING(i)) -> stage[i] = drafted
     :: else -> stage[i] = discarded
     fi;
#ifdef BUG_CONFIRMED_DISCARDED
     if :: opened && log[i].id == answer -> stage[i] = discarded; index = index & ~IDS(log[i].done) :: else fi;
#endif
     i++
  :: else -> break
  od;
#if !defined(BUG_OLDER_ADOPTED) && !defined(BUG_CONFIRMED_DISCARDED)
  assert(all == held);   /* what counts is what the sink has: no less, no more */
#endif
  all = 0;
  recount();
  /* What the ring has given away has ended or is parked; what was promised is there, or behind. */
  assert((done | parked) == (1 << through) - 1);
  assert((promised & ~((1 << tail) - 1)) == 0);
  tail = (through > tail -> through : tail);
  if
  :: tail >= through + 1 + SLOTS -> refuse(behind)   /* the next frame was given away already */
  :: file[0].length < place || file[1].length < place -> refuse(behind)
  :: else ->
     /* What was told stays so; a sink that is dropped before its confirmation is recorded is not noticed. */
     assert(((told & ~done) == 0 && place >= shown) || (meddled & 2));
     cut_files(place);
#if !defined(BUG_OLDER_ADOPTED) && !defined(BUG_CONFIRMED_DISCARDED)
     files_agree();
#endif
     freed = (s > freed -> s : freed);
     shown = place;
     i = 0;
     do
     :: i < length -> if :: stage[i] == confirmed -> told = told | log[i].done :: else fi; i++
     :: else -> break
     od;
     i = 0;
     head = 0; find_head();
     find_unsent();
#ifdef DISK
     if :: !opened -> synced = length; durable = tail :: else fi;
#endif
     opened = true;
     mode = running
  fi
}

inline restore() {
  find_counting();
#ifdef BUG_OLDER_ADOPTED
  if :: all != NONE && answer != FOREIGNER -> all = NONE; counts = (1 << length) - 1 :: else fi;
#endif
  find_known(place);
  s = 0; i = 0;
  do
  :: i < length -> s = (EPOCH(log[i].id) > s -> EPOCH(log[i].id) : s); i++
  :: else -> break
  od;
  i = 0;
  if
  :: answer == FOREIGNER -> refuse(taken)
  :: answer != FOREIGNER && all != NONE -> refuse(ahead)
  /* A sink that gives an epoch which was used already, or lacks what it confirmed, has lost something. */
  :: answer != FOREIGNER && all == NONE && (epoch <= s || !place) -> refuse(behind)
  :: else ->
     place = 0;
     adopt()
  fi;
  s = 0; all = 0; place = 0; counts = 0; answer = 0
}

/* ---- crashes ---- */

/* The process dies. At `disk` what the group under way has written may be kept, or not. */
inline lose_process() {
  leave_begin();
  hang_up();
#ifdef DISK
  do
  :: length > synced && length + 1 > target -> length--; CLEAR(log[length])
  :: length > synced && length + 1 <= target -> length--; CLEAR(log[length])
  :: length == synced || length + 1 <= target -> break
  od;
  do
  :: tail > durable -> tail--
  :: break
  od;
  target = 0;
#endif
  i = 0;
  do
  :: i < BLOCKS -> stage[i] = nothing; i++
  :: else -> break
  od;
  i = 0;
  mode = fencing; opened = false;
  epoch = 0; n = 0; answer = 0; newest = 0; known = 0; head = 0; unsent = 0; under_way = 0;
  through = 0; done = 0; parked = 0; index = 0; refusals = 0; refusing = 0;
  freed = (tail > SLOTS -> tail - SLOTS : 0)
}

active proctype work() {
end:
  do
  /* New messages: one, or two where a commit holds more. */
  :: atomic { mode == running && through < tail && under_way < DEPTH && (RESERVED & IDS(BIT(through + 1))) == 0 ->
       assert(tail < through + 1 + SLOTS);   /* its frame is still in the ring */
       draft.through = through + 1;
       take(through + 1);
#if BATCH > 1
       if
       :: through + 2 <= tail &&
          ((RESERVED | IDS(draft.done | draft.parked)) & IDS(BIT(through + 2))) == 0 ->
          assert(tail < through + 2 + SLOTS);
          draft.through = through + 2;
          take(through + 2)
       :: true
       fi;
#endif
       append() }
  /* A parked one. */
  :: atomic { mode == running && parked != 0 && under_way < DEPTH ->
       s = (HAS(parked, 1) -> 1 : (HAS(parked, 2) -> 2 : 3));
       draft.through = through;
       take(s);
       s = 0;
       append() }
#ifndef BUG_CONFIRMATION_NOT_RECORDED
  /* Idle: that all is confirmed is written down. */
  :: atomic { mode == running && through == tail && parked == 0 && under_way == 0 &&
              length > 0 && log[length - 1].recorded != known ->
       draft.through = through;
       append() }
#endif

  /* A prepared block goes to the sink; the next may follow before the answer has come. */
  :: atomic { mode == running && unsent < length && SENDABLE(unsent) && wire[WIRES - 1].id == 0 ->
       j = 0;
       do
       :: wire[j].id != 0 -> j++
       :: else -> break
       od;
       wire[j].id = log[unsent].id;
       wire[j].parent = log[unsent].parent;
       wire[j].out = log[unsent].out;
       wire[j].live = true;
       stage[unsent] = sent;
       j = 0;
       find_unsent() }

  /* What comes of the oldest block that is under way. */
  :: atomic { mode == running && head < length && stage[head] == drafted && log[head].out == 0 && PREPARED(head) ->
       confirm(head) }
  :: atomic { mode == running && head < length && stage[head] == accepted -> confirm(head) }
  :: atomic { mode == running && head < length && stage[head] == rejected ->
       refusals = refusals | refusing;
       refusing = 0;
       discard_from(head) }
  :: atomic { mode == running && head < length && stage[head] == declined ->
       /* Its parent was there when it was sent: somebody has begun, or written, since. */
       assert(fence > epoch || meddled != 0);
       hang_up();
       mode = fencing }

  /* The connection breaks: what has not been answered is unknown. */
  :: atomic { mode == running && lost > 0 && wire[0].id != 0 && wire[0].live ->
       lost--;
       hang_up();
#ifdef BUG_WRITTEN_WITHOUT_ASKING
       discard_from(head)
#else
       mode = fencing
#endif
     }
  /* The worker dies; blocks and letters are the process's, what it knew of refused rows is gone. */
  :: atomic { (mode == fencing || mode == asking || mode == running) && opened && deaths > 0 ->
       deaths--;
       leave_begin();
       hang_up();
       refusals = 0; refusing = 0; answer = 0;
       mode = fencing }

  /* Each `begin`, a replaced worker's too: the epoch first, then the question. */
  :: atomic { mode == fencing ->
#ifdef BUG_ASK_BEFORE_FENCE
       answer = last;
#else
       raise();
#endif
       mode = asking }
  :: atomic { mode == asking ->
#ifdef BUG_ASK_BEFORE_FENCE
       raise();
#else
       answer = last;
#endif
       begun = epoch;
       mode = restoring }
  :: d_step { mode == restoring -> restore() }
  od
}

/* ---- the transactional sink ---- */

/* It compares and sets, all in one transaction. */
inline land(at) {
  assert(outcome == nothing);
  if
#ifdef BUG_PARENT_NOT_COMPARED
  :: EPOCH(wire[at].id) >= fence ->
#else
  :: EPOCH(wire[at].id) >= fence && wire[at].parent == last ->
#endif
     if
     :: true ->
        /* No zombie after a successor's `begin`, while the sink keeps its fence. */
        assert(EPOCH(wire[at].id) >= begun || (meddled & 2));
        assert((held & IDS(wire[at].out)) == 0);    /* no effect twice */
        held = held | IDS(wire[at].out);
        last = wire[at].id;
        outcome = accepted
     :: rejects > 0 && wire[at].live ->
        rejects--;
        refusing = wire[at].out & (~wire[at].out + 1);
        outcome = rejected
     :: rejects > 0 && wire[at].live && (wire[at].out & (wire[at].out - 1)) != 0 ->
        rejects--;
        refusing = wire[at].out & (wire[at].out - 1);
        refusing = refusing & (~refusing + 1);
        outcome = rejected
     :: !wire[at].live -> outcome = discarded       /* it never arrived */
     fi
  :: else -> outcome = declined
  fi;
  if
  :: wire[at].live ->
     i = 0;
     do
     :: i < length ->
        if :: log[i].id == wire[at].id && stage[i] == sent -> stage[i] = outcome :: else fi;
        i++
     :: else -> break
     od;
     i = 0
  :: else
  fi;
  outcome = nothing;
  j = at;
  do
  :: j + 1 < WIRES ->
     wire[j].id = wire[j + 1].id; wire[j].parent = wire[j + 1].parent;
     wire[j].out = wire[j + 1].out; wire[j].live = wire[j + 1].live;
     j++
  :: else -> break
  od;
  wire[j].id = 0; wire[j].parent = 0; wire[j].out = 0; wire[j].live = false;
  j = 0
}

active proctype sink() {
end:
  do
  /* One connection keeps its order; what is left of others lands when it will. */
  :: atomic { wire[0].id != 0 -> land(0) }
#if WIRES > 1
  :: atomic { wire[1].id != 0 && !(wire[1].live && wire[0].live) -> land(1) }
#endif
#if WIRES > 2
  :: atomic { wire[2].id != 0 && !(wire[2].live && (wire[0].live || wire[1].live)) -> land(2) }
#endif
  :: atomic { late_begin -> late_begin = false; fence++ }
  od
}

/* ---- the ingest thread ---- */
active proctype ingest() {
end:
  do
  /* Also while an opening waits for the sink. */
  :: atomic { mode != refused && tail < MESSAGES && tail - freed < SLOTS ->
       tail++;
#ifndef DISK
       promised = promised | BIT(tail);
#endif
     }
  od
}

/* ---- the sync thread ---- */
#ifdef DISK
active proctype sync_group() {
end:
  do
  /* Which blocks there are is fixed, frames are synced … */
  :: atomic { mode != refused && opened && target == 0 && (durable < tail || synced < length) ->
       target = length + 1;
       durable = tail;
       promised = promised | ((1 << tail) - 1) }
  /* … then those blocks. */
  :: atomic { mode != refused && target != 0 ->
       i = synced;
       do
       :: i + 1 < target -> on_prepared(i); i++
       :: else -> break
       od;
       i = 0;
       synced = target - 1;
       target = 0 }
  od
}
#endif

/* ---- crashes, meddling, the end ---- */

inline judge() {
  assert(mode == running);
  assert(through == MESSAGES && parked == 0 && under_way == 0 && freed == tail);
  assert(done == EVERY);
  if
  :: (meddled & 6) == 0 ->
     assert(told == EVERY);
     assert(known == last && log[length - 1].recorded == last);   /* and written down */
     /* Nothing is lost, and nothing has two ends. */
     i = IDS(letters);
#if FILTERED > 0
     i = i | IDS(BIT(FILTERED));
#endif
     assert((held | i) == IDS(EVERY) && (held & i) == 0);
     i = 0;
     assert(shown == file[0].length && shown == file[1].length);
     files_agree()
  :: else
  fi
}

active proctype machine() {
  do
  :: atomic { mode != refused && crashes > 0 -> crashes--; lose_process() }
#if POWER > 0
  /* Below `disk`: any end of log, journal and files goes; receipts did not promise more. */
  :: atomic { mode != refused && power > 0 ->
       power--;
       lose_process();
       do
       :: length > 0 -> length--; CLEAR(log[length])
       :: break
       od;
       do
       :: tail > 0 -> tail--
       :: break
       od;
       do
       :: file[0].length > 0 -> file[0].length--; file[0].output[file[0].length] = 0
       :: break
       od;
       freed = (tail > SLOTS -> tail - SLOTS : 0);
       promised = 0; told = 0; shown = 0;
       meddled = meddled | 9 }
#endif
#ifdef BACKUP
  :: atomic { mode != refused && !backed_up ->
       backed_up = true;
       backup_length = length; backup_tail = tail; backup_letters = letters }
  :: atomic { mode != refused && backed_up && !put_back ->
       put_back = true;
       lose_process();
       do
       :: length > backup_length -> length--; CLEAR(log[length])
       :: else -> break
       od;
       tail = backup_tail; letters = backup_letters;
       freed = (tail > SLOTS -> tail - SLOTS : 0);
       promised = 0; told = 0;
       meddled = meddled | 1 }
#endif
#ifdef DROPPED
  :: atomic { mode != refused && mode != restoring && (meddled & 2) == 0 ->
       last = NONE; held = 0; told = 0; shown = 0;
       /* Who loses the fence with COMMITs in sockets can't be helped. */
       if :: wire[0].id == 0 && !late_begin -> fence = 0 :: true fi;
       meddled = meddled | 2 }
#endif
#ifdef FOREIGN
  :: atomic { mode != refused && (meddled & 4) == 0 ->
       last = FOREIGNER;
       fence++;
       meddled = meddled | 4 }
#endif
  :: atomic { mode == refused -> break }
  :: timeout -> atomic { judge(); break }
  od
}
