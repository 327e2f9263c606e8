/* The commit and recovery protocol of one shard, with crashes between any two steps.
 *
 * What is modelled, step by step, is what native/shard/shard.cc (sync_group, open_files,
 * recover_journal), native/shard/consumer.cc and src/runtime/loop/committer.ts do. Each `atomic` is a step
 * that a crash can't cut in two; between any two of them it may come, in recovery too.
 *
 *   -DDISK            level `disk`: the sync thread writes and syncs groups, and power may be lost.
 *                     Without: level `process`: every store is at once in the mapped file, and only the
 *                     process dies.
 *   -DREWINDABLE      the sink is cut back to the place in the ack block
 *   -DIDEMPOTENT      the sink holds each id once, however often it is put
 *   -DTRANSACTIONAL   the sink stores outputs and position in one, and is asked for it
 *   -DBUG_…           a planted bug; scripts/models.js lists them
 *
 * Three tiers of each file: memory is lost with the process; what is *written* outlives the process and
 * is lost with the power, any part of it; what is *synced* stays.
 *
 * Properties: the asserts. `judge` says what must hold when all has come to rest.
 */

#ifndef SEQUENCES
#define SEQUENCES 3   /* that are given; ids are 1 and 2, so one of them at least is sent twice */
#endif
#ifndef CRASHES
#define CRASHES   2
#endif
#ifndef DEATHS
#define DEATHS    1   /* of a worker alone */
#endif
#ifndef SLOTS
#define SLOTS     2   /* frames that the ring holds */
#endif
#define BLOCKS    6   /* ack blocks that await their sync, and one */
#define OUTPUTS   5   /* that a sink can hold; more than the ids, so that one too many shows */

#define NONE 0
#define SLOT(sequence)   ((sequence) % SLOTS)
#define BIT(id)          (1 << ((id) - 1))
#define HAS(set, id)     (((set) >> ((id) - 1)) & 1)
/* Which message is parked, by sequence: two bits each that hold its id. */
#define PARKED(set, sequence)       (((set) >> (2 * ((sequence) - 1))) & 3)
#define PARK(set, sequence, id)     ((set) | ((id) << (2 * ((sequence) - 1))))
#define SETTLE(set, sequence)       ((set) & ~(3 << (2 * ((sequence) - 1))))
#define HOLDS(set, id) (PARKED(set, 1) == (id) || PARKED(set, 2) == (id) || PARKED(set, 3) == (id) || PARKED(set, 4) == (id))

/* What an ack block says, all blocks before it included. */
typedef Position {
  byte number;    /* of the block */
  byte through;
  byte parked;
  byte seen;      /* ids */
  byte place;     /* the sink's own */
  byte letters;   /* dead letters, by id */
  byte epoch;
  byte synced;    /* highest sequence known to be synced: recovery refuses a journal that lacks it */
}

#define CLEAR(to) \
  to.number = 0; to.through = 0; to.parked = 0; to.seen = 0; \
  to.place = 0; to.letters = 0; to.epoch = 0; to.synced = 0
#define COPY(to, from) \
  to.number = from.number; to.through = from.through; to.parked = from.parked; to.seen = from.seen; \
  to.place = from.place; to.letters = from.letters; to.epoch = from.epoch; to.synced = from.synced

/* ---- memory of the process ---- */
bool up;                       /* recovered and taking messages */
byte ring[SLOTS];              /* ids of the frames */
byte tail, released, durable;  /* sequences */
Position now;                  /* what the worker has committed */
byte index;                    /* ids seen, as the dedup index has them */
mtype = { idle, writing, flushing, letter, letter_sync, acking };
mtype worker = idle;
mtype = { processed, duplicate, park, dead };
mtype outcome = processed;
byte its, its_id;              /* the message that the worker is at: sequence and id */
Position next;                 /* what its commit will say */
mtype = { fix, look, journal_write, journal_sync, publish, ack_write, ack_sync };
mtype syncer = fix;
byte target, group_tail, group_at;
mtype = { open_acks, open_letters, open_journal, cut_journal, raise_epoch, sync_epoch, open_sink, fence_sink, adopt_sink };
mtype opening = open_acks;

/* ---- files ---- */
byte frame_sequence[SLOTS], frame_id[SLOTS];    /* the journal as written */
byte disk_sequence[SLOTS], disk_id[SLOTS];      /* … as synced */
Position block[BLOCKS];  /* [0] is synced; up to `in_file` written; up to `in_memory` appended */
byte in_memory, in_file;
byte letters, letters_disk;

/* ---- the sink ---- */
byte output[OUTPUTS], length, length_disk;  /* rewindable, transactional */
byte put, put_disk;                         /* idempotent: ids */
Position stored;                            /* transactional: with the last outputs */
byte fence;                                 /* transactional: the newest epoch and attempt it knows */
byte attempt;                               /* epoch * 4, and one more for each new worker */
bool taking_over;                           /* a new worker asks the sink, not a new process */
bool in_flight;                             /* a commit that its worker did not live to see */
byte in_flight_id, in_flight_fence;
Position in_flight_position;

/* ---- the ledger, outside of all that can fail ---- */
byte promised;         /* ids whose receipt was given */
byte journal_max;      /* the highest sequence that has reached the level */
byte crashes = CRASHES;
byte deaths = DEATHS;
byte epoch_max;

byte i, count;  /* scratch of atomic steps */

#ifdef DISK
#define VISIBLE_DURABLE durable
#else
#define VISIBLE_DURABLE tail
#endif
#if defined(REWINDABLE) || defined(BUG_VISIBLE_BEFORE_SYNC)
#define VISIBLE tail
#else
#define VISIBLE VISIBLE_DURABLE
#endif

inline promise_through(last) {
  i = released + 1;
  do
  :: i <= last -> promised = promised | BIT(ring[SLOT(i)]); i++
  :: else -> break
  od;
  i = 0
}

/* A block: behind the others in memory; at `process` that is the file. */
inline append_block(position) {
#ifdef DISK
  in_memory++;
  COPY(block[in_memory], position)
#else
  COPY(block[0], position)
#endif
}

inline add_output(id) {
#ifdef IDEMPOTENT
  put = put | BIT(id);
#else
  assert(length < OUTPUTS);
  output[length] = id;
  length++;
#endif
}

inline sync_journal() {
  i = 0;
  do
  :: i < SLOTS -> disk_sequence[i] = frame_sequence[i]; disk_id[i] = frame_id[i]; i++
  :: else -> break
  od;
  i = 0
}

/* Blocks up to `last` are synced: it becomes block 0. */
inline sync_acks(last) {
  count = last;
  i = 0;
  do
  :: i + count <= in_memory -> COPY(block[i], block[i + count]); i++
  :: else -> break
  od;
  do
  :: i <= in_memory -> CLEAR(block[i]); i++
  :: else -> break
  od;
  in_memory = in_memory - count;
  in_file = in_file - count;
  i = 0;
  count = 0
}

inline end_group() {
  syncer = fix; target = 0; group_tail = 0; group_at = 0
}

inline rest_worker() {
  worker = idle; outcome = processed; its = 0; its_id = 0;
  CLEAR(next)
}

/* What is behind the committed place is cut off. */
inline rewind() {
  assert(length >= now.place);  /* or the sink would be behind its place */
#ifndef BUG_NO_REWIND
  do
  :: length > now.place -> length--; output[length] = 0
  :: else -> break
  od;
  length_disk = (length_disk < length -> length_disk : length)
#endif
}

/* ---- crashes ---- */

/* A transaction whose outcome its worker did not learn: it may land later, or never. */
inline leave_in_flight() {
  if
  :: worker == writing && !in_flight ->
     in_flight = true;
     in_flight_id = its_id;
     in_flight_fence = attempt;
     COPY(in_flight_position, next)
  :: true
  fi
}

inline lose_memory() {
#ifdef TRANSACTIONAL
  leave_in_flight();
#endif
  up = false;
  taking_over = false;
  attempt = 0;
  opening = open_acks;
  tail = 0; released = 0; durable = 0; index = 0; journal_max = 0;
  rest_worker();
  end_group();
  CLEAR(now);
  i = 0;
  do
  :: i < SLOTS -> ring[i] = 0; i++
  :: else -> break
  od;
  /* Blocks that only memory held. */
  i = in_file + 1;
  do
  :: i <= in_memory -> CLEAR(block[i]); i++
  :: else -> break
  od;
  in_memory = in_file;
  i = 0
}

/* Of what was written and not synced any part is kept, and what was kept is on the disk. */
inline lose_power() {
  i = 0;
  do
  :: i < SLOTS ->
     if
     :: disk_sequence[i] = frame_sequence[i]; disk_id[i] = frame_id[i]
     :: frame_sequence[i] = disk_sequence[i]; frame_id[i] = disk_id[i]
     :: frame_sequence[i] != disk_sequence[i] || frame_id[i] != disk_id[i] ->  /* torn */
        frame_sequence[i] = 0; frame_id[i] = 0; disk_sequence[i] = 0; disk_id[i] = 0
     fi;
     i++
  :: else -> break
  od;
  /* Later blocks than the first lost one do not count: so a prefix is left. */
  do
  :: in_file > 0 -> CLEAR(block[in_file]); in_file--
  :: break
  od;
  in_memory = in_file;
  count = in_file;
  sync_acks(count);
  do
  :: length > length_disk -> length--; output[length] = 0
  :: break
  od;
  length_disk = length;
  if :: put = put_disk :: put = put_disk | (put & 1) :: put = put_disk | (put & 2) :: skip fi;
  put_disk = put;
  if :: letters = letters_disk :: letters = letters_disk | (letters & 1)
  :: letters = letters_disk | (letters & 2) :: skip fi;
  letters_disk = letters;
  i = 0
}

/* ---- the ingest thread ---- */
active proctype ingest() {
  byte id;
end:
  do
  :: atomic {
       up && tail < SEQUENCES && tail - released < SLOTS ->
       if
       :: id = 1
       :: tail > 0 || epoch_max > 1 -> id = 2  /* the first one of all may as well be 1 */
       fi;
       tail++;
       ring[SLOT(tail)] = id;
#ifndef DISK
       frame_sequence[SLOT(tail)] = tail;
       frame_id[SLOT(tail)] = id;
       durable = tail;
       journal_max = tail;
       promise_through(tail);
#endif
#ifdef BUG_RECEIPT_BEFORE_SYNC
       promise_through(tail);
#endif
       id = 0
     }
  od
}

/* ---- the worker: one message at a time, new or parked ---- */

/* What the commit of `its` will say. */
inline decide(result) {
  outcome = result;
  COPY(next, now);
  next.number++;
  if
  :: its > now.through -> next.through = its
  :: else -> next.parked = SETTLE(next.parked, its)
  fi;
  if
  :: outcome == park -> next.parked = PARK(next.parked, its, its_id)
  :: outcome == duplicate
  :: else -> next.seen = next.seen | BIT(its_id)
  fi;
  if
  :: outcome == dead -> next.letters = next.letters | BIT(its_id); worker = letter
#ifndef BUG_OUTPUT_AFTER_ACK
  :: outcome == processed -> worker = writing
#endif
  :: else -> worker = acking
  fi
}

inline take(sequence, id) {
  its = sequence;
  its_id = id;
  if
  :: HAS(index, its_id) -> decide(duplicate)
  :: else ->
     if
     :: its > now.through && HOLDS(now.parked, its_id) -> decide(park)
     :: its > now.through && !HOLDS(now.parked, its_id) ->
        if :: decide(processed) :: decide(park) fi
     :: its <= now.through ->
        if :: decide(processed) :: decide(dead) fi
     fi
  fi;
#ifdef BUG_SEEN_AT_POLL
  index = index | BIT(its_id);
#endif
  skip
}

active proctype work() {
end:
  do
  :: atomic { up && worker == idle && now.through < VISIBLE ->
       take(now.through + 1, ring[SLOT(now.through + 1)]) }
  /* Parked messages of one key in the order of their sequences; two with one id have one key. */
  :: atomic { up && worker == idle && PARKED(now.parked, 1) != NONE ->
       take(1, PARKED(now.parked, 1)) }
  :: atomic { up && worker == idle && PARKED(now.parked, 2) != NONE &&
              PARKED(now.parked, 2) != PARKED(now.parked, 1) ->
       take(2, PARKED(now.parked, 2)) }
  :: atomic { up && worker == idle && PARKED(now.parked, 3) != NONE &&
              PARKED(now.parked, 3) != PARKED(now.parked, 1) &&
              PARKED(now.parked, 3) != PARKED(now.parked, 2) ->
       take(3, PARKED(now.parked, 3)) }

  :: atomic { up && worker == writing ->
#ifndef REWINDABLE
       /* I12: a sink that can't be cut back is never ahead of the journal. */
       assert(its <= journal_max);
#endif
       add_output(its_id);
#ifdef TRANSACTIONAL
       /* It holds this process's fence: who is older was refused. */
       assert(fence == attempt);
       COPY(stored, next);
       length_disk = length;
       worker = acking
#elif defined(BUG_OUTPUT_AFTER_ACK)
       length_disk = length; put_disk = put;
       rest_worker()
#elif defined(DISK) && !defined(BUG_NO_FLUSH)
       worker = flushing
#else
       worker = acking
#endif
     }
  :: atomic { up && worker == flushing ->
       length_disk = length; put_disk = put; worker = acking }

  :: atomic { up && worker == letter ->
       letters = letters | BIT(its_id);
#if defined(DISK) && !defined(BUG_LETTER_NOT_SYNCED)
       worker = letter_sync
#else
       worker = acking
#endif
     }
  :: atomic { up && worker == letter_sync -> letters_disk = letters; worker = acking }

  :: atomic { up && worker == acking && in_memory + 1 < BLOCKS ->
       next.place = length;
       next.synced = durable;
       COPY(now, next);
       index = now.seen;
       append_block(now);
#ifndef DISK
       released = now.through;
#endif
#ifdef BUG_RECLAIM_BEFORE_DURABLE
       released = now.through;
#endif
#ifdef BUG_OUTPUT_AFTER_ACK
       if
       :: outcome == processed -> worker = writing
       :: else -> rest_worker()
       fi
#else
       rest_worker()
#endif
     }

  /* The worker dies, and another takes over: what was not committed is delivered again. */
  :: atomic { up && deaths > 0 && worker != idle ->
       deaths--;
#ifdef TRANSACTIONAL
       leave_in_flight();
       attempt++;
       taking_over = true;
       opening = fence_sink;
       up = false;
#endif
#ifdef REWINDABLE
       rewind();
#endif
#ifndef BUG_SEEN_AT_POLL
       index = now.seen;
#endif
       rest_worker()
     }
  od
}

/* ---- the sync thread: Shard::sync_group() ---- */
#ifdef DISK
active proctype sync_group() {
end:
  do
  :: atomic { up && syncer == fix && (tail != durable || in_memory > 0) ->
#ifdef BUG_FIX_AFTER_TAIL
       group_tail = tail;
#else
       target = in_memory;
#endif
       syncer = look }
  :: atomic { up && syncer == look ->
#ifdef BUG_FIX_AFTER_TAIL
       target = in_memory;
#else
       group_tail = tail;
#endif
       group_at = durable;
#ifdef BUG_ACK_BEFORE_JOURNAL
       syncer = ack_write
#else
       syncer = journal_write
#endif
     }
  :: atomic { up && syncer == journal_write && group_at < group_tail ->
       group_at++;
       frame_sequence[SLOT(group_at)] = group_at;
       frame_id[SLOT(group_at)] = ring[SLOT(group_at)] }
  :: atomic { up && syncer == journal_write && group_at == group_tail -> syncer = journal_sync }
  :: atomic { up && syncer == journal_sync ->
       sync_journal();
       journal_max = group_tail;
       syncer = publish }
  :: atomic { up && syncer == publish ->
       durable = group_tail;
       promise_through(durable);
#ifdef BUG_ACK_BEFORE_JOURNAL
       end_group()
#else
       syncer = ack_write
#endif
     }
  :: atomic { up && syncer == ack_write ->
       in_file = target;
       /* No ack is on disk whose message is not. */
       assert(block[in_file].through <= journal_max);
       syncer = ack_sync }
  :: atomic { up && syncer == ack_sync ->
       sync_acks(target);
       released = (block[0].through > released -> block[0].through : released);
#ifdef BUG_ACK_BEFORE_JOURNAL
       syncer = journal_write
#else
       end_group()
#endif
     }
  od
}
#endif

/* ---- crashes, recovery, the end ---- */

inline ready() {
#ifdef BUG_ASK_BEFORE_FENCE
  fence = attempt;
#endif
#ifdef DISK
  promise_through(durable);
#else
  promise_through(tail);
#endif
  opening = open_acks;
  up = true
}

inline judge() {
  assert(up && worker == idle);
  assert(now.through == tail && now.parked == 0 && released == tail);
  assert(in_memory == 0);
  i = 1;
  do
  :: i <= 2 ->
#ifdef IDEMPOTENT
     count = HAS(put, i);
#else
     count = (length > 0 && output[0] == i -> 1 : 0) + (length > 1 && output[1] == i -> 1 : 0) +
             (length > 2 && output[2] == i -> 1 : 0) + (length > 3 && output[3] == i -> 1 : 0) +
             (length > 4 && output[4] == i -> 1 : 0);
#endif
     assert(count <= 1);                                                   /* nothing twice */
     assert(!HAS(promised, i) || count == 1 || HAS(letters, i));           /* nothing lost */
     assert(!HAS(now.letters, i) || HAS(letters, i));
#ifndef IDEMPOTENT
     /* One outcome. An idempotent sink keeps what was put before a crash, though the second attempt fail. */
     assert(!HAS(now.letters, i) || count == 0);
#endif
     i++
  :: else -> break
  od;
  i = 0; count = 0
}

active proctype machine() {
  do
  /* -- crashes -- */
  :: atomic { crashes > 0 -> crashes--; lose_memory() }
#ifdef DISK
  :: atomic { crashes > 0 -> crashes--; lose_memory(); lose_power() }
#endif
  :: atomic { crashes > 0 -> crashes = 0 }  /* no more */
#ifdef TRANSACTIONAL
  :: atomic { in_flight ->
       if
       :: in_flight_fence >= fence ->
          assert(length < OUTPUTS);
          output[length] = in_flight_id;
          length++;
          length_disk = length;
          COPY(stored, in_flight_position)
       :: in_flight_fence < fence  /* refused */
       :: true                     /* it never arrived */
       fi;
       in_flight = false; in_flight_id = 0; in_flight_fence = 0;
       CLEAR(in_flight_position)
     }
#endif

  /* -- recovery: Shard::open_files() and what the runtime does before the first poll -- */
  :: atomic { !up && opening == open_acks ->
       COPY(now, block[in_file]);
#if defined(DISK) && !defined(BUG_ACKS_NOT_SYNCED_AT_OPEN)
       sync_acks(in_file);
#endif
       index = now.seen;
#if defined(TRANSACTIONAL) && !defined(BUG_LETTERS_CUT_FIRST)
       opening = open_journal
#else
       opening = open_letters
#endif
     }
  :: atomic { !up && opening == open_letters ->
       /* A committed letter is there, with its message. */
       assert((now.letters & ~letters) == 0);
       letters = now.letters;
       letters_disk = letters_disk & letters;
#if defined(TRANSACTIONAL) && !defined(BUG_LETTERS_CUT_FIRST)
       opening = raise_epoch
#else
       opening = open_journal
#endif
     }
  :: atomic { !up && opening == open_journal ->
       tail = now.through;
       do
       :: tail < SEQUENCES && tail < now.through + SLOTS &&
          frame_sequence[SLOT(tail + 1)] == tail + 1 ->
          tail++;
          ring[SLOT(tail)] = frame_id[SLOT(tail)]
       :: else -> break
       od;
       /* A message that an ack block names as synced is there; else recovery refuses. */
       assert(tail >= now.synced);
       i = 0;
       do
       :: i < SLOTS ->
          if
          :: frame_sequence[i] > tail || frame_sequence[i] <= now.through ->
             frame_sequence[i] = 0; frame_id[i] = 0
          :: else
          fi;
          i++
       :: else -> break
       od;
       i = 0;
       opening = cut_journal }
  :: atomic { !up && opening == cut_journal ->
#ifndef BUG_JOURNAL_NOT_SYNCED_AT_OPEN
       sync_journal();
#endif
       released = now.through;
       durable = tail;
       journal_max = tail;
#ifdef TRANSACTIONAL
       attempt = (now.epoch + 1) * 4;
#ifdef BUG_EPOCH_NOT_RAISED
       attempt = (now.epoch > 0 -> now.epoch * 4 : 4);
#endif
       opening = fence_sink
#else
       opening = raise_epoch
#endif
     }
  :: atomic { !up && opening == raise_epoch ->
#ifdef BUG_EPOCH_NOT_RAISED
       now.epoch = (now.epoch > 0 -> now.epoch : 1);
#else
       now.epoch++;
#endif
       append_block(now);
       in_file = in_memory;
       opening = sync_epoch }
  :: atomic { !up && opening == sync_epoch ->
#ifdef DISK
       sync_acks(in_file);
#endif
#ifndef BUG_EPOCH_NOT_RAISED
       /* No two openings that get to work have one epoch. */
       assert(now.epoch > epoch_max);
#endif
       epoch_max = now.epoch;
       released = now.through;
       opening = open_sink }
#ifdef REWINDABLE
  :: atomic { !up && opening == open_sink -> rewind(); ready() }
#endif
#ifndef REWINDABLE
  :: atomic { !up && opening == open_sink -> ready() }
#endif
#ifdef TRANSACTIONAL
  /* The sink learns the new epoch before it is asked: what is in flight can't land after the answer. */
  :: atomic { !up && opening == fence_sink ->
#ifndef BUG_ASK_BEFORE_FENCE
       fence = attempt;
#endif
       opening = adopt_sink }
  :: atomic { !up && opening == adopt_sink ->
       assert(stored.through <= tail);  /* I12 */
       if
#ifdef BUG_POSITIONS_BY_THROUGH
       :: stored.through > now.through ->
#else
       :: stored.number > now.number ->
#endif
          now.number = stored.number; now.through = stored.through; now.parked = stored.parked;
          now.seen = stored.seen; now.letters = stored.letters;
          index = now.seen;
          if
          :: taking_over ->
             append_block(now);
#ifndef DISK
             released = now.through
#endif
          :: else
          fi
       :: else
       fi;
       if
       :: taking_over -> taking_over = false; ready()
#ifdef BUG_LETTERS_CUT_FIRST
       :: else -> opening = raise_epoch
#else
       :: else -> opening = open_letters
#endif
       fi
     }
#endif

  /* -- the end -- */
  :: timeout ->
     atomic { judge(); break }
  od;
}
