#include "shard/unfinished_repair.h"

namespace semel {

Status refuse_unfinished_repair(Storage& storage, const std::string& directory) {
  auto exists = storage.exists(directory + "/" + kRepairIntent);
  if (!exists.is_ok()) return exists.status();
  if (!exists.value()) return Status::ok();
  return {Code::damaged, "a repair of " + directory +
                             " was begun and not finished; finish it with: semel repair " + directory};
}

}  // namespace semel
