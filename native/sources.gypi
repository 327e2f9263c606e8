{
  "variables": {
    "semel_core_files": [
      "core/directory_lock.cc",
      "core/id.cc",
      "core/region.cc",
      "core/status.cc",
      "core/storage.cc",
      "ring/journal.cc",
      "dedup/chunk_pool.cc",
      "dedup/dedup.cc",
      "dedup/id_set.cc",
      "dedup/reservations.cc",
      "dedup/table.cc",
      "acklog/ack_log.cc",
      "acklog/ack_log_open.cc",
      "acklog/block.cc",
      "acklog/chain.cc",
      "acklog/segment.cc",
      "acklog/segment_header.cc",
      "deadletters/dead_letters.cc",
      "deadletters/record.cc",
      "shard/consumer.cc",
      "shard/inspect.cc",
      "shard/manifest.cc",
      "shard/shard.cc",
      "shard/stream.cc",
      "shard/syncer.cc"
    ],
    "semel_binding_files": [
      "binding/addon.cc",
      "binding/environment.cc",
      "binding/intake.cc",
      "binding/lifecycle.cc",
      "binding/worker.cc"
    ]
  }
}
