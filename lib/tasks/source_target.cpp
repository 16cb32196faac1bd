#include "tasks/source_target.h"

#include <algorithm>

#include "base/check.h"

namespace lengthwise {
namespace {

Batch empty_pairs(int64_t batch, int64_t length) {
  Batch result = empty_batch(batch, length, batch * length);
  result.source_length = length;
  result.source.reserve(static_cast<size_t>(batch * length));
  return result;
}

// Rows that are full need no lengths.
void drop_full_lengths(Batch& batch) {
  const bool full = std::ranges::all_of(
      batch.source_lengths, [&](int64_t length) { return length == batch.source_length; });
  if (full) batch.source_lengths = DataVector<int64_t>();
}

}  // namespace

void SourceTargetTask::check_rows(std::string_view task, int64_t length) {
  if (length < 2) {
    user_error("length: found {}, expected at least 2 for sources and targets of task {}", length,
               task);
  }
}

Batch SourceTargetTask::training_batch(uint64_t seed, int64_t step, int64_t batch,
                                       int64_t length) const {
  check_training(length);
  Batch result = empty_pairs(batch, length);
  for (int64_t row = 0; row < batch; ++row) {
    RandomStream random(seed, Purpose::training, static_cast<uint64_t>(step),
                        static_cast<uint64_t>(row));
    append(example(random, Split::training, 0, length), /*fills=*/false, result);
  }
  drop_full_lengths(result);
  return result;
}

Batch SourceTargetTask::measured_batch(uint64_t seed, int64_t batch, int64_t length) const {
  return validation_batch(seed, length, 0, batch, /*fills=*/true);
}

Batch SourceTargetTask::evaluation_batch(uint64_t seed, int64_t length, int64_t first,
                                         int64_t count) const {
  Batch batch = validation_batch(seed, length, first, count, /*fills=*/false);
  const auto labels = batch.labelled.size();
  for (size_t label = 0; label < labels; ++label) {
    const bool last =
        label + 1 == labels || batch.labelled[label + 1] / length != batch.labelled[label] / length;
    batch.parts.push_back(last ? 1 : 0);
  }
  return batch;
}

Batch SourceTargetTask::validation_batch(uint64_t seed, int64_t length, int64_t first,
                                         int64_t count, bool fills) const {
  check_length(length);
  Batch batch = empty_pairs(count, length);
  for (int64_t row = 0; row < count; ++row) {
    RandomStream random(seed, Purpose::validation, 0, static_cast<uint64_t>(first + row));
    append(example(random, Split::validation, first + row, length), fills, batch);
  }
  drop_full_lengths(batch);
  return batch;
}

void SourceTargetTask::append(const SourceTarget& one, bool fills, Batch& batch) const {
  const auto begin = static_cast<int32_t>(symbols());
  const int32_t end = begin + 1;
  const auto& [source, target] = one;
  check_in_range(std::ssize(source), 0, batch.length, "tokens of a source");
  check_in_range(std::ssize(target), 0, batch.length, "tokens of a target");
  const auto row = static_cast<int64_t>(batch.tokens.size());
  batch.source.insert(batch.source.end(), source.begin(), source.end());
  batch.source.resize(static_cast<size_t>(row + batch.length), end);
  batch.source_lengths.push_back(fills ? batch.length : std::ssize(source) + 1);
  batch.tokens.push_back(begin);
  batch.tokens.insert(batch.tokens.end(), target.begin(), target.end());
  batch.tokens.resize(static_cast<size_t>(row + batch.length), end);
  const int64_t labels = fills ? batch.length : std::ssize(target) + 1;
  for (int64_t i = 0; i < labels; ++i) {
    batch.labelled.push_back(row + i);
    batch.targets.push_back(i < std::ssize(target) ? target[static_cast<size_t>(i)] : end);
  }
}

}  // namespace lengthwise
