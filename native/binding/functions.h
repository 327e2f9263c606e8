// The addon's functions, by who calls them. src/native/addon.ts has their types and contracts.
#pragma once

#include <napi.h>

namespace semel::binding {

void export_opening(Napi::Env env, Napi::Object exports);    // open, and its two steps
void export_lifecycle(Napi::Env env, Napi::Object exports);  // close, files, numbers, inspect
void export_append(Napi::Env env, Napi::Object exports);     // append …: the ingest thread
void export_replies(Napi::Env env, Napi::Object exports);    // replies, progress: the ingest thread
void export_worker(Napi::Env env, Napi::Object exports);     // poll, commit …: the shard's worker
void export_commits(Napi::Env env, Napi::Object exports);    // prepare, confirm …: the same
void export_file_locks(Napi::Env env, Napi::Object exports);   // lockFile …: sinks, sources
void export_maintenance(Napi::Env env, Napi::Object exports);  // verify, repair
void export_trust(Napi::Env env, Napi::Object exports);        // trustSink, and its lock

}  // namespace semel::binding
