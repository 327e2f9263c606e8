// What the fault campaigns need inside the core: points at which the process may be killed, and bugs
// that may be planted to see whether a campaign finds them. Only a build with SEMEL_FAULTS has either;
// in every other build both are nothing at all.
#pragma once

namespace semel {

// Each is one that somebody has shipped, or nearly: the name, and what it does.
#define SEMEL_PLANTED_BUGS(X)                                                              \
  X(receipt_before_sync, "a message counts as durable before its group is synced")         \
  X(acks_before_journal, "a group's acks reach the disk before its journal")               \
  X(reclaim_before_ack, "ring space is reclaimed before the ack is durable")               \
  X(sync_error_retried, "a failed sync is tried again")                                    \
  X(id_seen_at_poll, "an id counts as seen when it is polled")                             \
  X(ids_not_logged, "an ack block leaves its ids out")                                     \
  X(tag_taken_as_id, "a tag like the id's drops the message")                              \
  X(window_forgets_early, "ids are forgotten after half of the window")                    \
  X(epoch_not_checked, "a commit of an older epoch is taken")                              \
  X(epoch_not_raised, "opening goes on in the epoch before")                               \
  X(frame_crc_not_checked, "recovery takes a journal frame whose checksum is wrong")       \
  X(block_crc_not_checked, "recovery takes an ack block whose checksum is wrong")          \
  X(claims_ignored, "damage to acknowledged data is taken for a torn tail")                \
  X(torn_journal_kept, "recovery leaves what lies behind the last valid frame")            \
  X(published_before_written, "a frame is published before its bytes are there")           \
  X(rewind_skipped, "the sink's committed place is forgotten")                             \
  X(other_places_forgotten, "of several sinks the committed place of one alone is kept")   \
  X(parked_lost_at_rotation, "a segment's snapshot leaves the parked messages out")        \
  X(settled_not_logged, "an ack block leaves out which parked messages are done")          \
  X(directory_not_synced, "a segment's name is not made durable")                          \
  X(letter_not_synced, "a dead letter is acknowledged before it is durable")               \
  X(in_flight_forgotten, "a new worker does not get what the old one had in flight")       \
  X(two_outcomes, "a parked message that has ended is tried again")                        \
  X(ids_seen_at_prepare, "an id counts as seen before the sink has its effect")            \
  X(ring_freed_at_prepare, "ring space is reclaimed before the sink has the commit")       \
  X(discarded_letters_stay, "letters of a commit that took no effect stay")                \
  X(confirmed_discarded, "what a sink turns out to have is thrown away")                   \
  X(backup_adopted, "a sink that knows more than the directory is taken as it is")         \
  X(sent_before_reached, "the sink is given a commit before its block is durable")         \
  X(confirmation_not_recorded, "an idle shard does not write down what is confirmed")      \
  X(snapshot_amid_commits, "the log turns over while commits are under way")

enum class Bug {
  none,
#define SEMEL_BUG(name, text) name,
  SEMEL_PLANTED_BUGS(SEMEL_BUG)
#undef SEMEL_BUG
};

#ifdef SEMEL_FAULTS
bool planted(Bug bug);
void fault_point(const char* name);
#else
constexpr bool planted(Bug) { return false; }
inline void fault_point(const char*) {}
#endif

}  // namespace semel
