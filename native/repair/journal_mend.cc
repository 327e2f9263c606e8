#include "repair/journal_mend.h"

#include <algorithm>

namespace semel {
namespace {

constexpr uint64_t kDropBytes = kFullHeaderBytes + 8;

// Ids of lost messages: the library's own where there is room, else integers that nobody counts up to.
IdKind id_kind_for(bool has_ids, uint64_t room, uint64_t count) {
  if (!has_ids) return IdKind::none;
  const uint64_t wide = full_header_bytes(IdKind::wide);
  return room / wide > count ? IdKind::wide : IdKind::integer;
}

Id lost_id(IdKind kind, uint64_t sequence) {
  return kind == IdKind::integer ? integer_id(UINT64_MAX - sequence) : Id{~sequence, kInternalHigh};
}

// Writes frames one behind the other, as intake.h does, over whatever is there.
class Filler {
 public:
  Filler(std::span<uint8_t> ring, uint32_t seed, uint64_t position, uint64_t sequence,
         uint64_t time_us, IdKind kind)
      : ring_(ring), seed_(seed), position_(position), sequence_(sequence), time_us_(time_us),
        kind_(kind) {}

  uint64_t position() const { return position_; }
  uint64_t to_ring_end() const { return ring_.size() - (position_ & (ring_.size() - 1)); }
  uint64_t lost_bytes() const { return full_header_bytes(kind_); }
  uint64_t largest() const { return frame_bytes_max(ring_.size()); }

  // `bytes`: a multiple of 8 from lost_bytes() to the largest frame.
  void lost(uint64_t bytes) {
    FrameHeader header;
    header.sequence = ++sequence_;
    header.time_us = time_us_;
    header.type = FrameType::malformed;
    header.id_kind = kind_;
    header.id = lost_id(kind_, sequence_);
    put(header, bytes - lost_bytes(), kLostByte);
  }
  void drop(uint64_t bytes) {
    FrameHeader header;
    header.sequence = sequence_;
    header.time_us = time_us_;
    header.type = FrameType::drop;
    put(header, bytes - kFullHeaderBytes, 0);
  }
  // What lay there goes, since nothing checks the bytes of padding.
  void pad_to_ring_end() {
    const uint64_t bytes = to_ring_end();
    std::fill_n(at(), bytes, uint8_t{0});
    write_padding(at(), seed_, position_, bytes);
    position_ += bytes;
  }

 private:
  uint8_t* at() const { return ring_.data() + (position_ & (ring_.size() - 1)); }
  void put(const FrameHeader& header, uint64_t bytes, uint8_t first) {
    std::vector<uint8_t> payload(bytes + 1, 0);
    payload[0] = first;
    write_full(at(), seed_, position_, header, payload.data(), static_cast<uint32_t>(bytes));
    position_ += full_header_bytes(header.id_kind) + bytes;
  }

  const std::span<uint8_t> ring_;
  const uint32_t seed_;
  uint64_t position_;
  uint64_t sequence_;
  const uint64_t time_us_;
  const IdKind kind_;
};

// How a hole is filled: how much of it, and of its messages, lies before the ring's end and behind.
struct Layout {
  uint64_t first_part = 0;  // bytes up to the ring's end; 0: the hole does not cross it
  uint64_t last_part = 0;   // bytes behind it, or all
  uint64_t in_first = 0;
  uint64_t in_last = 0;
  IdKind kind = IdKind::none;
};

bool fits_exactly(uint64_t bytes, uint64_t messages, uint64_t message_bytes) {
  if (messages > 0) return messages * message_bytes <= bytes;
  return bytes == 0 || bytes >= kDropBytes;
}

// Whether `count` messages can fill [from, to) to the byte, and how. They can wherever a stream wrote what
// was there: a message's frame had room for a lost one with an integer, a control frame's for a drop, and
// fewer bytes lie nowhere but before the ring's end. Only bytes that were made to check come to nothing.
bool lay_out(uint64_t capacity, uint64_t from, uint64_t to, uint64_t count, bool has_ids,
             Layout* into) {
  const uint64_t bytes = to - from;
  const uint64_t to_end = capacity - (from & (capacity - 1));
  for (IdKind kind : {id_kind_for(has_ids, bytes, count), has_ids ? IdKind::integer : IdKind::none}) {
    const uint64_t one = full_header_bytes(kind);
    Layout layout;
    layout.kind = kind;
    layout.first_part = bytes >= to_end ? to_end : 0;
    layout.last_part = bytes - layout.first_part;
    layout.in_first = std::min(count, layout.first_part / one);
    layout.in_last = count - layout.in_first;
    if (!fits_exactly(layout.last_part, layout.in_last, one) && layout.in_first > 0) {
      --layout.in_first;
      ++layout.in_last;
    }
    if (!fits_exactly(layout.last_part, layout.in_last, one)) continue;
    *into = layout;
    return true;
  }
  return false;
}

// The last message takes what is left; drops take what is too much for it, or all where there is none.
// Padding is for the bytes before the ring's end that are too few for a drop, and for no more: a consumer
// steps over what is less than a frame can be, and waits for ever in front of what is longer.
void fill_part(Filler& filler, uint64_t bytes, uint64_t messages) {
  const uint64_t one = filler.lost_bytes();
  for (; messages > 1; --messages, bytes -= one) filler.lost(one);
  const uint64_t last = messages > 0 ? one : 0;
  if (messages == 0 && bytes > 0 && bytes < kDropBytes) return filler.pad_to_ring_end();
  while (bytes > (messages > 0 ? filler.largest() : 0)) {
    // Never so much that what is left over is too little for the next.
    uint64_t drop = std::min(filler.largest(), bytes - last);
    if (bytes - drop != 0 && bytes - drop < std::max(last, kDropBytes)) drop -= kDropBytes;
    filler.drop(drop);
    bytes -= drop;
  }
  if (messages > 0) filler.lost(bytes);
}

void fill(std::span<uint8_t> ring, uint32_t seed, uint64_t from, uint64_t before, uint64_t time_us,
          const Layout& layout) {
  Filler filler(ring, seed, from, before, time_us, layout.kind);
  fill_part(filler, layout.first_part, layout.in_first);
  fill_part(filler, layout.last_part, layout.in_last);
}

// Messages behind the last frame that is there; where they end. The ring has room: each of them had a
// frame at least as large there.
uint64_t append_lost(std::span<uint8_t> ring, uint32_t seed, uint64_t from, uint64_t limit,
                     uint64_t before, uint64_t count, uint64_t time_us, bool has_ids) {
  Filler filler(ring, seed, from, before, time_us, id_kind_for(has_ids, limit - from, count));
  for (uint64_t at = 0; at < count; ++at) {
    if (filler.to_ring_end() < filler.lost_bytes()) filler.pad_to_ring_end();
    if (filler.position() + filler.lost_bytes() > limit) break;
    filler.lost(filler.lost_bytes());
  }
  return filler.position();
}

void zero(std::span<uint8_t> ring, uint64_t from, uint64_t to) {
  const uint64_t mask = ring.size() - 1;
  for (uint64_t at = from; at < to; at += kFrameAlignment) {
    store<uint64_t>(ring.data() + (at & mask), 0);
  }
}

Mended mend(std::span<uint8_t> ring, uint32_t seed, const MendOrder& order, bool changes) {
  const JournalScan sound = scan_journal(ring, seed, order.position, order.sequence, {});
  Mended mended{{}, {}, sound.sequence, sound.position, std::max(order.time_us, sound.time_us), {}};
  const uint64_t limit = order.position + ring.size();
  const bool wants_more = sound.sequence < order.stored || order.keeps_all;
  const std::vector<FrameRun> runs =
      wants_more ? find_runs(ring, seed, sound.position, sound.sequence)
                 : std::vector<FrameRun>();
  for (const FrameRun& run : runs) {
    if (!order.keeps_all && mended.sequence >= order.stored) break;
    if (run.position <= mended.position || run.end > limit || run.before < mended.sequence) continue;
    Layout layout;
    const uint64_t count = run.before - mended.sequence;
    if (!lay_out(ring.size(), mended.position, run.position, count, order.has_ids, &layout)) continue;
    mended.holes.push_back({mended.position, mended.sequence + 1, run.before, true});
    if (changes) fill(ring, seed, mended.position, mended.sequence, mended.time_us, layout);
    mended.lost.add(mended.sequence + 1, run.before);
    mended.kept.add(run.before + 1, run.last);
    mended.sequence = run.last;
    mended.position = run.end;
    mended.time_us = std::max(mended.time_us, run.time_us);
  }
  if (mended.sequence < order.stored) {
    mended.holes.push_back({mended.position, mended.sequence + 1, order.stored, false});
    mended.lost.add(mended.sequence + 1, order.stored);
    const uint64_t count = order.stored - mended.sequence;
    if (changes) {
      mended.position = append_lost(ring, seed, mended.position, limit, mended.sequence, count,
                                    mended.time_us, order.has_ids);
    }
    mended.sequence = order.stored;
  }
  if (changes) zero(ring, mended.position, limit);
  return mended;
}

}  // namespace

Mended plan_mend(std::span<uint8_t> ring, uint32_t seed, const MendOrder& order) {
  return mend(ring, seed, order, false);
}

Mended mend_journal(std::span<uint8_t> ring, uint32_t seed, const MendOrder& order) {
  return mend(ring, seed, order, true);
}

}  // namespace semel
