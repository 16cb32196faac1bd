// How describe_attention<V>() fills an AttentionVariant from what V has. Part of nn/attention.h.
#pragma once
#include "base/registry.h"
#include "nn/attention.h"

namespace lengthwise {

inline std::string attention_prefix(std::string_view name) {
  return "attention." + std::string(name) + ".";
}

template <class V>
AttentionVariant describe_attention() {
  using Options = typename V::Options;
  const auto read = [](const OptionValues& values) {
    return read_options<Options>(values, attention_prefix(V::info().name));
  };
  AttentionVariant variant;
  variant.info = V::info();
  variant.options = [](OptionVisitor& visitor) {
    Options options;
    options.visit(visitor);
  };
  variant.make = [read](const AttentionSetup& setup) -> std::unique_ptr<Attention> {
    return std::make_unique<V>(setup, read(setup.options));
  };
  if constexpr (requires(AttentionSizes s, Options o) { V::cost(s, o); }) {
    variant.cost = [read](const AttentionSizes& sizes, const OptionValues& values) {
      return V::cost(sizes, read(values));
    };
  }
  if constexpr (requires(Options o) { V::reach(o); }) {
    variant.reach = [read](const OptionValues& values) { return V::reach(read(values)); };
  }
  if constexpr (requires(Definition<double> & a, Options o) { V::template define<double>(a, o); }) {
    variant.define = [read](Definition<double>& a, const OptionValues& values) {
      V::template define<double>(a, read(values));
    };
    variant.define_with_slope = [read](Definition<Dual>& a, const OptionValues& values) {
      V::template define<Dual>(a, read(values));
    };
  }
  return variant;
}

template <class V>
bool register_attention() {
  return Registry<AttentionVariant>::instance().add(describe_attention<V>());
}

}  // namespace lengthwise
