#include "experiments/runner/stored_model.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <memory>
#include <system_error>

#include "base/check.h"
#include "base/hash.h"
#include "experiments/runner/gpt2_model.h"
#include "io/archive.h"
#include "io/safetensors.h"

namespace lengthwise {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExpected =
    "a training's checkpoint (.h5), a safetensors file that `lengthwise export` wrote, or the "
    "folder of a GPT-2";

template <class Value>
const Value& find(const std::map<std::string, Value>& entries, const std::string& name) {
  const auto found = entries.find(name);
  if (found == entries.end()) user_error("found no '{}', expected a training's checkpoint", name);
  return found->second;
}

// `key = value` lines, as RunConfig::text writes them.
OptionValues values_of(const std::string& text) {
  constexpr std::string_view kBetween = " = ";
  OptionValues values;
  for (const std::string_view line : split_text(text, '\n')) {
    if (line.empty()) continue;
    const size_t at = line.find(kBetween);
    if (at == std::string_view::npos) {
      user_error("config: found '{}', expected lines of key = value", line);
    }
    values.emplace(line.substr(0, at), line.substr(at + kBetween.size()));
  }
  return values;
}

constexpr std::string_view kPrefix = "parameters/";  // of weights in a checkpoint

StoredModel of_checkpoint(const fs::path& path) {
  const auto archive = std::make_shared<Archive>(read_archive(path));
  StoredModel stored;
  stored.values = values_of(find(archive->texts, "config"));
  stored.vocabulary = find(archive->integers, "vocabulary");
  stored.steps = find(archive->integers, "steps");
  stored.run_id = find(archive->texts, "run_id");
  stored.commit = find(archive->texts, "provenance/commit");
  for (const auto& [name, array] : archive->arrays) {
    if (name.starts_with(kPrefix)) stored.shapes[name.substr(kPrefix.size())] = array.shape;
  }
  stored.read = [archive](const std::string& name) {
    return archive->arrays.at(std::string(kPrefix) + name).values;
  };
  return stored;
}

StoredModel of_safetensors(const fs::path& path) {
  const auto file = std::make_shared<SafetensorsFile>(path);
  const std::map<std::string, std::string>& metadata = file->header().metadata;
  const auto text = [&](const char* name) -> const std::string& {
    const auto found = metadata.find(name);
    if (found == metadata.end()) {
      user_error("found no '{}' in its __metadata__, expected {}", name, kExpected);
    }
    return found->second;
  };
  const auto whole_number = [&](const char* name) {
    return parse_integer(name, text(name), {0, std::numeric_limits<int64_t>::max()});
  };
  if (text(StoredNames::kVersion) != kStoredVersion) {
    user_error("found format {:?}, expected {}: another version wrote it",
               text(StoredNames::kVersion), kStoredVersion);
  }
  StoredModel stored;
  stored.values = values_of(text(StoredNames::kConfig));
  stored.vocabulary = whole_number(StoredNames::kVocabulary);
  stored.steps = whole_number(StoredNames::kSteps);
  stored.run_id = text(StoredNames::kRunId);
  stored.commit = text(StoredNames::kCommit);
  for (const auto& [name, tensor] : file->header().tensors) stored.shapes[name] = tensor.shape;
  stored.read = [file](const std::string& name) { return file->values(name); };
  return stored;
}

bool is_safetensors(const fs::path& path) { return path.extension() == ".safetensors"; }

// A layer's attention with what stands around it: all of a layer but its feed-forward part.
bool is_of_attention(std::string_view name) {
  constexpr std::string_view kLayers = "layers.";
  const size_t layers = name.find(kLayers);
  if (layers == std::string_view::npos) return false;
  const size_t dot = name.find('.', layers + kLayers.size());
  if (dot == std::string_view::npos) return false;
  const std::string_view part = name.substr(dot + 1);
  return !part.starts_with("feed_forward_norm.") && !part.starts_with("widen.") &&
         !part.starts_with("narrow.");
}

}  // namespace

StoredModel open_stored_model(const fs::path& path) {
  std::error_code error;  // of what may not be looked at: as good as missing
  const bool is_folder = fs::is_directory(path, error);
  if (is_folder && !fs::exists(path / kGpt2Config, error)) {
    refuse_file(path, fmt::format("a folder without {}", kGpt2Config), kExpected);
  }
  if (!is_folder && !is_safetensors(path)) refuse_what_is_no_file(path, kExpected);
  StoredModel stored;
  const auto naming = [&](const auto& open) {
    try {
      return open(path);
    } catch (const UserError& refusal) {
      const std::string_view what = refusal.what();
      if (what.starts_with(path.string())) throw;
      user_error("{}: {}", path.string(), what);
    }
  };
  stored = is_folder              ? naming(open_gpt2)
           : is_safetensors(path) ? naming(of_safetensors)
                                  : naming(of_checkpoint);
  stored.path = path;
  if (stored.vocabulary < 1 || stored.vocabulary > std::numeric_limits<int32_t>::max()) {
    user_error("{}: vocabulary: found {}, expected a number of tokens", path.string(),
               stored.vocabulary);
  }
  return stored;
}

uint64_t hash_of_stored(const fs::path& path) {
  std::vector<fs::path> files = {path};
  std::error_code error;
  if (fs::is_directory(path, error)) files = {path / kGpt2Config, path / kGpt2Weights};
  uint64_t hash = hash_text("");
  std::vector<char> room(1 << 20);
  for (const fs::path& file : files) {
    std::ifstream bytes(file, std::ios::binary);
    if (!bytes) user_error("{}: cannot be read, expected {}", file.string(), kExpected);
    while (bytes.read(room.data(), std::ssize(room)) || bytes.gcount() > 0) {
      hash = hash_text({room.data(), static_cast<size_t>(bytes.gcount())}, hash);
    }
  }
  return hash;
}

void check_weights(const Transformer& model, const StoredModel& stored, bool variants_may_differ) {
  const auto may_miss = [&](const std::string& name) {
    return variants_may_differ && is_of_attention(name);
  };
  std::map<std::string, Shape> left = stored.shapes;
  for (const Parameter& parameter : model.parameters()) {
    const auto found = left.find(parameter.name);
    if (found == left.end()) {
      if (may_miss(parameter.name)) continue;
      user_error("{}: found no '{}', expected {}, as this model has it", stored.path.string(),
                 parameter.name, to_string(parameter.shape));
    }
    if (found->second != parameter.shape) {
      user_error("{}: '{}': found {}, expected {}, as this model has it", stored.path.string(),
                 parameter.name, to_string(found->second), to_string(parameter.shape));
    }
    left.erase(found);
  }
  for (const auto& [name, shape] : left) {
    if (may_miss(name)) continue;
    user_error("{}: found '{}' {}, expected a weight that this model has", stored.path.string(),
               name, to_string(shape));
  }
}

void set_weights(Transformer& model, const StoredModel& stored) {
  for (const Parameter& parameter : model.parameters()) {
    if (!stored.shapes.contains(parameter.name)) continue;
    const std::vector<float> values = stored.read(parameter.name);
    Var variable = parameter.variable;
    check_equal(std::ssize(values), variable.value().size(), "values of " + parameter.name);
    std::copy(values.begin(), values.end(), variable.value().data());
  }
}

}  // namespace lengthwise
