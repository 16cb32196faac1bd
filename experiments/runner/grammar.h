// How one value of the configuration names several: `,` sweeps, a:b:x2 doubles, a:b:+c counts,
// a:b:logN spaces N points evenly in the logarithm (bounds are values, inclusive), and `+` joins
// the parts of one value on list keys.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/options.h"

namespace lengthwise {

inline constexpr size_t kMostValues = 100'000;

/// The values that `text` sweeps over, each as its option would read it. A path never splits.
/// UserError names the key: an empty list or element, a reversed range, a range without a step,
/// more than `most` values, those in lists counted too.
std::vector<std::string> sweep_values(std::string_view key, std::string_view text,
                                      const OptionDescription& option, size_t most = kMostValues);

}  // namespace lengthwise
