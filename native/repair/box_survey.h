// What takes the place of a box that does not check.
#pragma once

#include <string>
#include <vector>

#include "repair/directory_survey.h"

namespace semel {

// The box's new content; adds to the shards' stakes what its loss costs. A single wrong byte costs
// nothing: the checksum tells which it was. Else the numbers that messages and journals refer to must
// never come to mean something else:
//   structures  64 shapes without fields: what was encoded with the old ones can't be decoded, and says
//               so, instead of being decoded with new ones
//   sources     a name that no source has for every partition number in use: sources start again
//   offsets     empty: sources start again
//   shards      how many there are
//   sink-N      empty: the sink takes what its path leads to for its own, as long as it is long enough
Result<std::vector<uint8_t>> survey_box(Storage& storage, const std::string& directory,
                                        const std::string& name, DirectorySurvey& survey);

}  // namespace semel
