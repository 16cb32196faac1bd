#include "experiments/runner/gpt2_model.h"

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "io/safetensors.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int64_t kLargest = 1 << 24, kMostLayers = 1024;

// config.json, field by field.
class Gpt2Config {
 public:
  explicit Gpt2Config(fs::path path) : path_(std::move(path)) {
    refuse_what_is_no_file(path_, "a GPT-2's config");
    std::ifstream file(path_, std::ios::binary);
    json_ = Json::parse(file, nullptr, false);
    if (!json_.is_object()) refuse_file(path_, "no JSON object", "a GPT-2's config");
  }

  int64_t size(const char* name, int64_t most = kLargest) const {
    const Json value = json_.value(name, Json());
    const bool fits = value.is_number_unsigned() && value.get<uint64_t>() >= 1 &&
                      value.get<uint64_t>() <= static_cast<uint64_t>(most);
    if (!fits) refuse(name, value, fmt::format("a whole number from 1 to {}", most));
    return value.get<int64_t>();
  }
  int64_t layers() const { return size("n_layer", kMostLayers); }
  bool has(const char* name) const { return !json_.value(name, Json()).is_null(); }
  /// The one value that our models have.
  void expect(const char* name, const Json& expected) const {
    const Json value = json_.value(name, expected);
    if (value != expected) refuse(name, value, expected.dump());
  }
  std::string gelu() const {
    const Json value = json_.value("activation_function", Json("gelu_new"));
    if (value == "gelu") return "erf";
    if (value != "gelu_new" && value != "gelu_pytorch_tanh") {
      refuse("activation_function", value, "gelu_new, gelu_pytorch_tanh or gelu");
    }
    return "tanh";
  }

 private:
  [[noreturn]] void refuse(const std::string& name, const Json& found,
                           const std::string& expected) const {
    std::string text = found.dump(-1, ' ', true, Json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 60) + "...";
    user_error("{}: {}: found {}, expected {}", path_.string(), name, text, expected);
  }

  fs::path path_;
  Json json_;
};

// Where one of our weights stands in the file: a tensor, or one of three side by side in its
// columns.
struct Origin {
  std::string tensor;
  int64_t part = 0, parts = 1;
};

// c_attn is [C, 3C], or its bias [3C]: queries, keys and values side by side.
std::map<std::string, Origin> origins_of(int64_t layers) {
  std::map<std::string, Origin> origins = {{"embedding", {"wte.weight"}},
                                           {"position.table", {"wpe.weight"}}};
  const auto add_norm = [&](const std::string& ours, const std::string& theirs) {
    origins[ours + ".gain"] = {theirs + ".weight"};
    origins[ours + ".bias"] = {theirs + ".bias"};
  };
  const auto add_linear = [&](const std::string& ours, const std::string& theirs, int64_t part = 0,
                              int64_t parts = 1) {
    for (const char* each : {".weight", ".bias"})
      origins[ours + each] = {theirs + each, part, parts};
  };
  for (int64_t index = 0; index < layers; ++index) {
    const std::string ours = fmt::format("layers.{}.", index), theirs = fmt::format("h.{}.", index);
    add_norm(ours + "attention_norm", theirs + "ln_1");
    add_linear(ours + "query", theirs + "attn.c_attn", 0, 3);
    add_linear(ours + "key", theirs + "attn.c_attn", 1, 3);
    add_linear(ours + "value", theirs + "attn.c_attn", 2, 3);
    add_linear(ours + "output", theirs + "attn.c_proj");
    add_norm(ours + "feed_forward_norm", theirs + "ln_2");
    add_linear(ours + "widen", theirs + "mlp.c_fc");
    add_linear(ours + "narrow", theirs + "mlp.c_proj");
  }
  add_norm("final_norm", "ln_f");
  return origins;
}

// Masks that some versions save, and the head, which is the embedding.
bool is_passed_over(const std::string& name) {
  return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
         name == "lm_head.weight";
}

OptionValues values_of(const Gpt2Config& config) {
  const int64_t width = config.size("n_embd"), vocabulary = config.size("vocab_size"),
                positions = config.size(config.has("n_positions") ? "n_positions" : "n_ctx");
  const int64_t hidden = config.has("n_inner") ? config.size("n_inner") : 4 * width;
  const double ratio = static_cast<double>(hidden) / static_cast<double>(width);
  OptionValues values = {{"attention", "full"},
                         {"length", std::to_string(positions)},
                         {"model.embedding_scale", "one"},
                         {"model.feed_forward", format_number(ratio)},
                         {"model.gelu", config.gelu()},
                         {"model.head", "tied"},
                         {"model.heads", std::to_string(config.size("n_head"))},
                         {"model.kind", "decoder"},
                         {"model.layers", std::to_string(config.layers())},
                         {"model.norm", "pre"},
                         {"model.width", std::to_string(width)},
                         {"position", "learned"},
                         {"position.learned.longest", std::to_string(positions)}};
  // A vocabulary of 256 is bytes.
  if (vocabulary == 256) {
    values["task"] = "text";
  } else {
    values["task"] = "uniform";
    values["task.uniform.vocabulary"] = std::to_string(vocabulary);
  }
  return values;
}

std::vector<float> read_part(const SafetensorsFile& file, const std::string& tensor,
                             const Origin& origin) {
  std::vector<float> values = file.values(tensor);
  if (origin.parts == 1) return values;
  const Shape& shape = file.header().tensors.at(tensor).shape;
  const int64_t whole = shape.back(), width = whole / origin.parts;
  std::vector<float> part;
  part.reserve(values.size() / static_cast<size_t>(origin.parts));
  for (auto row = values.begin(); row != values.end(); row += whole) {
    const auto first = row + origin.part * width;
    part.insert(part.end(), first, first + width);
  }
  return part;
}

}  // namespace

StoredModel open_gpt2(const fs::path& folder) {
  const Gpt2Config config(folder / kGpt2Config);
  config.expect("model_type", "gpt2");
  config.expect("layer_norm_epsilon", 1e-5);
  config.expect("scale_attn_weights", true);
  config.expect("scale_attn_by_inverse_layer_idx", false);
  config.expect("tie_word_embeddings", true);
  config.expect("add_cross_attention", false);
  const auto file = std::make_shared<SafetensorsFile>(folder / kGpt2Weights);
  const auto& tensors = file->header().tensors;
  const std::string prefix = tensors.contains("transformer.wte.weight") ? "transformer." : "";

  StoredModel stored;
  stored.vocabulary = config.size("vocab_size");
  stored.values = values_of(config);
  const auto origins = std::make_shared<std::map<std::string, Origin>>(origins_of(config.layers()));
  std::map<std::string, SafetensorsEntry> left = tensors;
  for (auto& [name, origin] : *origins) {
    origin.tensor = prefix + origin.tensor;
    const auto found = tensors.find(origin.tensor);
    if (found == tensors.end()) {
      user_error("{}: found no tensor '{}', expected one for each of {} layers",
                 file->path().string(), origin.tensor, config.layers());
    }
    Shape shape = found->second.shape;
    if (origin.parts > 1) {
      if (shape.empty() || shape.back() % origin.parts != 0) {
        user_error("{}: tensor '{}': found {}, expected {} matrices side by side",
                   file->path().string(), origin.tensor, to_string(shape), origin.parts);
      }
      shape.back() /= origin.parts;
    }
    stored.shapes[name] = shape;
    left.erase(origin.tensor);
  }
  for (const auto& [name, tensor] : left) {
    if (is_passed_over(name)) continue;
    user_error("{}: found tensor {:?}, expected those of a GPT-2 of {} layers alone",
               file->path().string(), name, config.layers());
  }
  stored.read = [file, origins](const std::string& name) {
    const Origin& origin = origins->at(name);
    return read_part(*file, origin.tensor, origin);
  };
  return stored;
}

}  // namespace lengthwise
