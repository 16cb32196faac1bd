// Models in files: what Python wrote gives Python's logits, and what is not whole is named.
#include "experiments/runner/stored_model.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "experiments/runner/export_model.h"
#include "experiments/runner/gpt2_model.h"
#include "experiments/runner/saved_model.h"
#include "io/safetensors.h"
#include "laws/probe.h"
#include "tests/build_paths.h"
#include "tests/model_weights.h"
#include "tests/table_checks.h"

namespace lengthwise {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const fs::path kGolden = source_folder() / "tests/golden_weights";

// The logits of every token that PyTorch was given.
void expect_logits(const std::string& name, const Transformer& model) {
  const SafetensorsFile expected(kGolden / "expected.safetensors");
  std::vector<int32_t> tokens;
  for (const float token : expected.values(name + ".tokens")) {
    tokens.push_back(static_cast<int32_t>(token));
  }
  std::vector<int64_t> labelled;
  for (int64_t t = 0; t < std::ssize(tokens); ++t) labelled.push_back(t);
  const Var logits = model.logits(tokens, 1, std::ssize(tokens), labelled, {});
  const std::vector<float> values = expected.values(name + ".logits");
  ASSERT_EQ(logits.value().size(), std::ssize(values));
  double furthest = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    furthest = std::max<double>(furthest, std::abs(logits.data()[i] - values[i]));
  }
  EXPECT_LE(furthest, 1e-4) << name;
  testing::Test::RecordProperty(name, fmt::format("{:.2g}", furthest));
}

class StoredModels : public FolderTest {
 protected:
  // The golden file or folder with other tensors, metadata or config.
  struct Contents {
    std::map<std::string, std::vector<int64_t>> shapes;
    std::map<std::string, std::vector<float>> values;
    std::map<std::string, std::string> metadata;
  };
  static Contents contents(const fs::path& path) {
    const SafetensorsFile file(path);
    Contents contents;
    for (const auto& [name, tensor] : file.header().tensors) {
      contents.shapes[name] = tensor.shape;
      contents.values[name] = file.values(name);
    }
    contents.metadata = file.header().metadata;
    return contents;
  }
  static void write(const fs::path& path, const Contents& contents) {
    std::map<std::string, SafetensorsArray> arrays;
    for (const auto& [name, shape] : contents.shapes) {
      arrays[name] = {shape, contents.values.at(name)};
    }
    write_safetensors(path, arrays, contents.metadata);
  }
  fs::path gpt2() const {
    fs::path folder = folder_ / "gpt2";
    fs::copy(kGolden / "gpt2", folder);
    return folder;
  }
  static std::string refusal(const fs::path& path) {
    try {
      (void)load_model(path);
      return "";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
      EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
      return error.what();
    }
  }
};

TEST(GoldenWeights, ADecoderThatPythonWroteGivesPyTorchsLogits) {
  const SavedModel saved = load_model(kGolden / "decoder.safetensors");
  EXPECT_EQ(saved.vocabulary, 11);
  EXPECT_EQ(saved.config.model.key_value_heads, 1);
  expect_logits("decoder", *saved.model);
}

TEST(GoldenWeights, AHuggingFaceGpt2GivesItsLogitsWithEveryExactVariant) {
  const SavedModel saved = load_model(kGolden / "gpt2");
  EXPECT_EQ(saved.config.run.task, "text");
  EXPECT_EQ(saved.config.model.gelu, "tanh");
  expect_logits("gpt2", *saved.model);
  for (const char* exact : {"flash", "windowed"}) {
    ModelSetup setup = saved.config.model_setup(saved.vocabulary);
    setup.attention = exact;
    setup.attention_options = {OptionValues()};
    Transformer model(setup, ParameterSet(1));
    const StoredModel stored = open_stored_model(kGolden / "gpt2");
    check_weights(model, stored, /*variants_may_differ=*/true);
    set_weights(model, stored);
    expect_logits("gpt2", model);
  }
}

TEST_F(StoredModels, ExportsWhatItReads) {
  for (const fs::path& from : {kGolden / "gpt2", kGolden / "decoder.safetensors"}) {
    const std::string name = from.stem().string();
    const fs::path file = folder_ / (name + ".safetensors");
    const fs::path again = folder_ / (name + "_again.safetensors");
    export_model(from, file);
    const SavedModel saved = load_model(file);
    EXPECT_EQ(weights_of(*saved.model), weights_of(*load_model(from).model));
    EXPECT_EQ(saved.config.text(), load_model(from).config.text());
    expect_logits(name, *saved.model);
    export_model(file, again);  // and to the bit
    EXPECT_EQ(read_bytes(again), read_bytes(file));
  }
}

TEST_F(StoredModels, ReplaceAnExportOfTheSameTrainingAlone) {
  const fs::path from = folder_ / "trained.safetensors", other = folder_ / "other.safetensors";
  Contents trained = contents(kGolden / "decoder.safetensors");
  trained.metadata["run_id"] = "1";
  write(from, trained);
  trained.metadata["run_id"] = "2";
  write(other, trained);
  const auto refused = [&](const fs::path& file) -> std::string {
    try {
      export_model(from, file);
      return "";
    } catch (const UserError& error) {
      return error.what();
    }
  };
  const fs::path ours = folder_ / "a.safetensors", theirs = folder_ / "b.safetensors";
  EXPECT_EQ(refused(ours), "");
  EXPECT_EQ(refused(ours), "");
  constexpr const char* kNone = "b.safetensors: found a file that is no export of this training";
  write_bytes(theirs, "mine");
  EXPECT_THAT(refused(theirs), HasSubstr(kNone));
  fs::copy(kGolden / "gpt2" / kGpt2Weights, theirs, fs::copy_options::overwrite_existing);
  EXPECT_THAT(refused(theirs), HasSubstr(kNone));
  fs::copy(other, theirs, fs::copy_options::overwrite_existing);
  EXPECT_THAT(refused(theirs), HasSubstr(kNone));
  write_bytes(folder_ / "c.safetensors.tmp", "mine");
  EXPECT_THAT(refused(folder_ / "c.safetensors"), HasSubstr("c.safetensors.tmp: found a file"));
  EXPECT_EQ(read_bytes(folder_ / "c.safetensors.tmp"), "mine");
  EXPECT_THAT(refused(folder_ / "a.pt"), HasSubstr("expected a name that ends in .safetensors"));
  EXPECT_THAT(refused(folder_ / "none" / "a.safetensors"), HasSubstr("cannot be written"));
}

TEST_F(StoredModels, ExportNoPathOfThisMachine) {
  const fs::path from = folder_ / "trained.safetensors", to = folder_ / "out.safetensors";
  Contents trained = contents(kGolden / "decoder.safetensors");
  trained.metadata["config"] += "model.weights = /home/me/secret.h5\n";
  write(from, trained);
  export_model(from, to);
  EXPECT_THAT(contents(to).metadata["config"],
              AllOf(HasSubstr("model.width = 12\n"), Not(HasSubstr("secret"))));
}

TEST_F(StoredModels, RefuseAFileThatIsNotWholeOrOfAnotherModel) {
  const fs::path path = folder_ / "x.safetensors";
  const Contents whole = contents(kGolden / "decoder.safetensors");
  const auto refused = [&](const auto& change) {
    Contents changed = whole;
    change(changed);
    write(path, changed);
    return refusal(path);
  };
  EXPECT_EQ(refused([](Contents&) {}), "");
  EXPECT_THAT(refused([](Contents& c) { c.shapes.erase("head.bias"); }),
              HasSubstr("x.safetensors: found no 'head.bias', expected [11]"));
  EXPECT_THAT(refused([](Contents& c) {
                c.shapes.at("embedding") = {12, 11};
              }),
              HasSubstr("'embedding': found [12,11], expected [11,12], as this model has it"));
  EXPECT_THAT(refused([](Contents& c) {
                c.shapes["more"] = {1};
                c.values["more"] = {0};
              }),
              HasSubstr("found 'more' [1], expected a weight that this model has"));
  EXPECT_THAT(refused([](Contents& c) { c.metadata.erase("config"); }),
              HasSubstr("found no 'config' in its __metadata__, expected a training's checkpoint"));
  EXPECT_THAT(refused([](Contents& c) { c.metadata["lengthwise"] = "2"; }),
              HasSubstr("found format \"2\", expected 1"));
  EXPECT_THAT(refused([](Contents& c) { c.metadata["vocabulary"] = "many"; }),
              HasSubstr("vocabulary: found 'many'"));
  EXPECT_THAT(refused([](Contents& c) { c.metadata["vocabulary"] = "0"; }),
              HasSubstr("vocabulary: found 0, expected a number of tokens"));
  EXPECT_THAT(refused([](Contents& c) { c.metadata["config"] += "model.depth = 3\n"; }),
              HasSubstr("model.depth: unknown key"));
  EXPECT_THAT(refused([](Contents& c) { c.metadata["config"] += "nonsense"; }),
              HasSubstr("config: found 'nonsense', expected lines of key = value"));
  EXPECT_THAT(refused([](Contents& c) { c.metadata["config"] += "model.dropout = 0\n"; }), "");
  const std::string bytes = read_bytes(kGolden / "decoder.safetensors");
  write_bytes(path, bytes.substr(0, bytes.size() - 1));
  EXPECT_THAT(refusal(path), HasSubstr("the file is cut off"));
  EXPECT_THAT(refusal(folder_ / "nothing.safetensors"), HasSubstr("found no such file"));
  EXPECT_THAT(refusal(kGolden / "gpt2" / kGpt2Weights), HasSubstr("found no 'lengthwise'"));
  EXPECT_THAT(refusal(folder_), HasSubstr("found a folder without config.json"));
}

TEST_F(StoredModels, RefuseAnotherArchitectureAndTensorsThatGpt2DoesNotHave) {
  const fs::path folder = gpt2();
  const auto config = nlohmann::json::parse(read_bytes(folder / kGpt2Config));
  const auto of_config = [&](const char* key, const nlohmann::json& value) {
    auto changed = config;
    changed[key] = value;
    write_bytes(folder / kGpt2Config, changed.dump());
    return refusal(folder);
  };
  EXPECT_EQ(of_config("resid_pdrop", 0.3), "");
  EXPECT_THAT(of_config("model_type", "llama"),
              HasSubstr("config.json: model_type: found \"llama\", expected \"gpt2\""));
  EXPECT_THAT(of_config("activation_function", "relu"),
              HasSubstr("activation_function: found \"relu\", expected gelu_new"));
  EXPECT_THAT(of_config("layer_norm_epsilon", 1e-6), HasSubstr("layer_norm_epsilon: found 1e-06"));
  EXPECT_THAT(of_config("scale_attn_by_inverse_layer_idx", true), HasSubstr("found true"));
  EXPECT_THAT(of_config("n_embd", 32.5), HasSubstr("n_embd: found 32.5, expected a whole number"));
  EXPECT_THAT(of_config("n_embd", nullptr), HasSubstr("n_embd: found null"));
  EXPECT_THAT(of_config("n_layer", 2000), HasSubstr("n_layer: found 2000, expected a whole number "
                                                    "from 1 to 1024"));
  EXPECT_THAT(of_config("n_embd", 16), HasSubstr("': found ["));
  EXPECT_THAT(of_config("n_head", 5), HasSubstr("model.heads: found 5"));
  EXPECT_THAT(of_config("n_layer", 3),
              HasSubstr("found no tensor 'transformer.h.2.ln_1.bias', expected one for each "
                        "of 3 layers"));
  EXPECT_THAT(of_config("n_layer", 1), HasSubstr("found tensor \"transformer.h.1."));
  EXPECT_THAT(of_config("n_positions", 100),
              HasSubstr("'position.table': found [24,32], expected [100,32]"));
  EXPECT_THAT(of_config("vocab_size", 300), HasSubstr("'embedding': found [256,32]"));
  write_bytes(folder / kGpt2Config, "{]");
  EXPECT_THAT(refusal(folder), HasSubstr("no JSON object"));
  write_bytes(folder / kGpt2Config, config.dump());

  const Contents whole = contents(kGolden / "gpt2" / kGpt2Weights);
  const auto of_weights = [&](const auto& change) {
    Contents changed;
    // As some versions save it: without the prefix, with masks and the head.
    const size_t prefix = std::string("transformer.").size();
    for (const auto& [name, shape] : whole.shapes) {
      changed.shapes[name.substr(prefix)] = shape;
      changed.values[name.substr(prefix)] = whole.values.at(name);
    }
    changed.shapes["h.0.attn.bias"] = {1};
    changed.values["h.0.attn.bias"] = {1};
    change(changed);
    write(folder / kGpt2Weights, changed);
    return refusal(folder);
  };
  EXPECT_EQ(of_weights([](Contents&) {}), "");
  expect_logits("gpt2", *load_model(folder).model);
  EXPECT_THAT(of_weights([](Contents& c) { c.shapes.erase("ln_f.bias"); }),
              HasSubstr("model.safetensors: found no tensor 'ln_f.bias'"));
  EXPECT_THAT(of_weights([](Contents& c) {
                c.shapes["h.0.attn.c_attn.weight"] = {96, 32};
              }),
              HasSubstr("'h.0.attn.c_attn.weight': found [96,32], expected 3 matrices side by "
                        "side"));
  EXPECT_THAT(of_weights([](Contents& c) {
                c.shapes["h.0.mlp.c_fc.weight"] = {128, 32};
              }),
              HasSubstr("'layers.0.widen.weight': found [128,32], expected [32,128]"));
  fs::remove(folder / kGpt2Weights);
  EXPECT_THAT(refusal(folder), HasSubstr("model.safetensors: found no such file"));
}

}  // namespace
}  // namespace lengthwise
