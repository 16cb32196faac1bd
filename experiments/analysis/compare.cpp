#include "experiments/analysis/report.h"

namespace lengthwise {

std::string compare(const std::filesystem::path& file, bool json) {
  const Comparison comparison = compare_file(file);
  if (!json) return comparison_text(comparison);
  // names in a file need not be UTF-8; a stray byte must not cost the user the report
  return comparison_json(comparison).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

}  // namespace lengthwise
