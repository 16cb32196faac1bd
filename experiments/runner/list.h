#pragma once
#include <string>

namespace lengthwise {

/// `lengthwise list [attention|position|task|studies]`: what there is, with options and defaults;
/// everything for "". UserError for another name.
std::string list_text(const std::string& what);
std::string list_json(const std::string& what);

}  // namespace lengthwise
