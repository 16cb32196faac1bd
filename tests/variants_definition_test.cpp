#include "tests/variant_check.h"

namespace lengthwise {
namespace {

// The slopes of sum(output * cotangent) along `direction` of one token of one variable.
double slope_along(const VariantCase& c, const VariantInputs& inputs, size_t which, int64_t token,
                   const std::vector<double>& direction, const Var& cotangent) {
  Definition<Dual> a = definition_of<Dual>(c, inputs);
  std::vector<Array<Dual>*> seeded = {&a.queries, &a.keys, &a.values};
  if (c.projects()) {
    seeded = {seeded[which]};
  } else {
    seeded.insert(seeded.end(), {&a.inputs, &a.memories});
  }
  const size_t width = direction.size();
  for (Array<Dual>* array : seeded) {
    for (size_t d = 0; d < width; ++d) {
      array->data[static_cast<size_t>(token) * width + d].slope = direction[d];
    }
  }
  c.variant->define_with_slope(a, c.options);
  double slope = 0;
  for (size_t i = 0; i < a.outputs.data.size(); ++i) {
    slope += a.outputs.data[i].slope * static_cast<double>(cotangent.value().values()[i]);
  }
  return slope;
}

// Every element of every token where there are few, one random direction of some tokens otherwise.
void check_gradient(const VariantCase& c, const VariantInputs& inputs, const Var& cotangent) {
  const std::vector<Var> variables = inputs.variables();
  const bool every_element = c.length <= 7;
  for (size_t which = 0; which < variables.size(); ++which) {
    const auto gradient = variables[which].gradient()->values();
    const int64_t tokens = VariantCase::kBatch * c.length;
    const size_t width = gradient.size() / static_cast<size_t>(tokens);
    std::vector<double> found, expected;
    for (int64_t token = 0; token < tokens; token += every_element ? 1 : 37) {
      for (size_t element = 0; element < (every_element ? width : 1); ++element) {
        RandomStream stream(static_cast<uint64_t>(token), Purpose::probe, 1);
        std::vector<double> direction(width, 0.0);
        if (every_element) direction[element] = 1;
        double slope = 0;
        for (size_t d = 0; d < width; ++d) {
          if (!every_element) direction[d] = stream.normal();
          slope +=
              direction[d] * static_cast<double>(gradient[static_cast<size_t>(token) * width + d]);
        }
        found.push_back(slope);
        expected.push_back(slope_along(c, inputs, which, token, direction, cotangent));
      }
    }
    EXPECT_LE(relative_error(found, expected), kGradientTolerance) << "variable " << which;
  }
}

void check_against_definition(const VariantCase& c) {
  SCOPED_TRACE(testing::PrintToString(c));
  const PoisonedBuffers poisoned;
  const VariantInputs inputs(c);
  Tape tape;
  Var output;
  {
    const Recording recording(tape);
    output = make_variant(c)->attend(inputs.in);
  }
  Definition<double> definition = definition_of<double>(c, inputs);
  c.variant->define(definition, c.options);
  EXPECT_LE(relative_error(as_doubles(output.value().values()), definition.outputs.data),
            kForwardTolerance);
  const Var cotangent = random_var(output.shape(), 4711, false);
  backward_with(tape, output, cotangent);
  check_gradient(c, inputs, cotangent);
}

class Variants : public testing::TestWithParam<VariantCase> {};

TEST_P(Variants, EqualTheirDefinitionAndItsSlopes) {
  for (const int64_t length : {1, 2, 7, 63, 65, 130}) {
    for (const bool causal : {true, false}) {
      VariantCase c = GetParam();
      c.length = length;
      c.causal = causal;
      check_against_definition(c);
      c.heads = c.groups = 3;
      c.head_width = 5;
      c.biased = c.variant->info.score_bias;
      check_against_definition(c);
    }
  }
}

TEST_P(Variants, EqualTheirDefinitionOnRaggedRowsAndGroupedHeads) {
  for (const bool causal : {true, false}) {
    VariantCase c = GetParam();
    c.length = 7;
    c.causal = causal;
    c.keys = {3, 0};  // the second row has no key at all: 0 comes out
    check_against_definition(c);
    c.keys = {7, 5};
    c.heads = 4;
    check_against_definition(c);
    c.length = 70;
    c.keys = {66, 1};
    check_against_definition(c);
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, Variants, testing::ValuesIn(variants_with_options()));

}  // namespace
}  // namespace lengthwise
