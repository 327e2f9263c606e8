#include "acklog/segment.h"

#include <algorithm>
#include <cstring>

#include "core/bytes.h"
#include "core/faults.h"

namespace semel::acklog {
namespace {

// Zeros that may go to disk directly.
alignas(kBlockBytes) const uint8_t zeros[64 * 1024] = {};

}  // namespace

Result<Window> Window::make(uint64_t bytes) {
  auto image = Region::anonymous(bytes);
  if (!image.is_ok()) return image.status();
  auto writer = DirectWriter::make();
  if (!writer.is_ok()) return writer.status();
  return Window{std::move(image.value()), std::move(writer.value())};
}

Result<std::unique_ptr<Segment>> Segment::open(Storage& storage, const std::string& path,
                                               const Identity& identity, Window window) {
  const bool direct = window.image != nullptr;
  auto file = storage.open(path, direct ? Open::existing_direct : Open::existing);
  if (!file.is_ok()) return file.status();
  std::unique_ptr<Segment> segment(new Segment);
  segment->identity_ = identity;
  segment->path_ = path;
  segment->file_ = std::move(file.value());
  segment->window_ = std::move(window);
  if (direct) {
    segment->memory_ = segment->window_.image->memory().data();
  } else {
    // A copy may have holes; a store into one on a full disk is a SIGBUS.
    SEMEL_TRY(segment->file_->preallocate(identity.bytes));
    auto mapping = segment->file_->map(identity.bytes);
    if (!mapping.is_ok()) return mapping.status();
    segment->memory_ = mapping.value().data();
  }
  return segment;
}

Status Segment::write(uint64_t from, uint64_t to) {
  if (!window_.writer.has_value()) return Status::ok();
  return window_.writer->write(*file_, memory_, from, to, {.busy_behind = UINT64_MAX});
}

void Segment::touch(uint64_t from, uint64_t to) {
  for (uint64_t at = from; at < to; at += kBlockBytes) {
    auto* byte = reinterpret_cast<volatile uint8_t*>(memory_ + at);
    *byte = *byte;
  }
}

NextSegment::NextSegment(Storage& storage, std::string directory, const Identity& identity,
                         Window window, bool mapped, bool zero, const Link* link)
    : storage_(storage),
      directory_(std::move(directory)),
      path_(directory_ + "/" + segment_name(identity.number)),
      identity_(identity),
      window_(std::move(window)),
      mapped_(mapped),
      zero_(zero),
      link_(link != nullptr ? *link : Link{}),
      linked_(link != nullptr) {}

Window NextSegment::take_window() {
  return segment_ != nullptr ? segment_->take_window() : std::move(window_);
}

Status NextSegment::step() {
  switch (state_) {
    case State::reserve: return reserve();
    case State::fill: return fill();
    case State::name: return name();
    case State::touch: {
      const uint64_t to = std::min(identity_.bytes, at_ + kStepBytes);
      segment_->touch(at_, to);
      at_ = to;
      if (at_ == identity_.bytes) state_ = State::done;
      return Status::ok();
    }
    case State::done: return Status::ok();
  }
  return Status::ok();
}

Status NextSegment::reserve() {
  const std::string fresh = path_ + new_suffix();
  {
    auto made = storage_.open(fresh, Open::create);
    if (!made.is_ok()) return made.status();
    SEMEL_TRY(made.value()->truncate(0));
    const Status reserved = made.value()->preallocate(identity_.bytes);
    if (!reserved.is_ok()) {
      // What was got of a full disk is given back.
      made.value().reset();
      (void)storage_.remove(fresh);
      return reserved;
    }
  }
  auto file = storage_.open(fresh, mapped_ ? Open::existing : Open::existing_direct);
  if (!file.is_ok()) return file.status();
  file_ = std::move(file.value());
  alignas(kBlockBytes) uint8_t page[kSegmentHeaderBytes];
  put_identity(page, identity_);
  if (linked_) put_link(page, identity_, link_);
  if (!mapped_) std::memcpy(window_.image->memory().data(), page, sizeof page);
  SEMEL_TRY(file_->write(0, page));
  at_ = kSegmentHeaderBytes;
  state_ = zero_ ? State::fill : State::name;
  fault_point("segment.reserved");
  return Status::ok();
}

Status NextSegment::fill() {
  const uint64_t to = std::min(identity_.bytes, at_ + kStepBytes);
  // Through the page cache one block at a time: larger writes make large folios, and every later sync
  // of a few bytes then writes the whole of one.
  const uint64_t piece = mapped_ ? kBlockBytes : sizeof zeros;
  while (at_ < to) {
    const uint64_t bytes = std::min(piece, to - at_);
    SEMEL_TRY(file_->write(at_, {zeros, bytes}));
    at_ += bytes;
  }
  // Synced step by step, lest one long sync hold up the groups.
  if (mapped_) SEMEL_TRY(file_->sync());
  if (at_ == identity_.bytes) state_ = State::name;
  return Status::ok();
}

Status NextSegment::name() {
  SEMEL_TRY(file_->sync());
  file_.reset();
  SEMEL_TRY(storage_.rename(path_ + new_suffix(), path_));
  fault_point("segment.named");
  if (!planted(Bug::directory_not_synced)) SEMEL_TRY(storage_.sync_directory(directory_));
  auto opened = Segment::open(storage_, path_, identity_, std::move(window_));
  if (!opened.is_ok()) return opened.status();
  segment_ = std::move(opened.value());
  at_ = 0;
  state_ = mapped_ ? State::touch : State::done;
  return Status::ok();
}

}  // namespace semel::acklog
