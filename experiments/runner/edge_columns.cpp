#include "experiments/runner/edge_columns.h"

#include <algorithm>

#include "base/check.h"
#include "experiments/runner/attention_columns.h"

namespace lengthwise {
namespace {

constexpr double HeadEvidence::*kEvidenceNumbers[] = {
    &HeadEvidence::weight, &HeadEvidence::distractor_weight, &HeadEvidence::accuracy_without,
    &HeadEvidence::accuracy_without_distractor};

LabelledTokens rows_of(const Batch& batch) {
  return {batch.tokens, batch.batch, batch.length, batch.labelled, batch.targets};
}

// Adds `part`, of so many labels, to sums over labels.
void add_to(Evidence& sums, const Evidence& part, double labels) {
  if (sums.heads.empty()) {
    for (const HeadEvidence& head : part.heads) sums.heads.push_back({head.layer, head.head});
  }
  sums.accuracy += labels * part.accuracy;
  sums.accuracy_without += labels * part.accuracy_without;
  for (size_t i = 0; i < part.heads.size(); ++i) {
    for (const auto member : kEvidenceNumbers) {
      sums.heads[i].*member += labels * part.heads[i].*member;
    }
  }
}

Evidence evidence_from(const Transformer& model, const Task& task, uint64_t seed, int64_t length,
                       int64_t first) {
  const int64_t at_once = evidence_rows_at_once(length);
  Evidence sums;
  double labels = 0;
  for (int64_t done = 0; done < kEvidenceExamples; done += at_once) {
    const Batch batch = task.evaluation_batch(seed, length, first + done,
                                              std::min(at_once, kEvidenceExamples - done));
    check(!batch.evidence.empty(), "evidence of a task that knows none");
    const auto count = static_cast<double>(batch.labelled.size());
    add_to(sums, evidence_of(model, rows_of(batch), batch.evidence, batch.distractors), count);
    labels += count;
  }
  Evidence means;
  add_to(means, sums, 1 / labels);
  return means;
}

// [layers, heads] of one value of each head that is there.
template <class Head, class Value>
void put_heads(const std::vector<Head>& heads, int64_t layers, int64_t width, const Value& value,
               Column::Numbers& values) {
  const size_t first = values.size();
  values.resize(first + static_cast<size_t>(layers * width), kAbsent);
  for (const Head& head : heads) {
    values[first + static_cast<size_t>(head.layer * width + head.head)] = value(head);
  }
}

}  // namespace

int64_t add_head_numbers(TableBuilder& table, int64_t heads) {
  const auto there = table.table.dimensions.find("head");
  if (there != table.table.dimensions.end()) return there->second;
  table.count_coordinate("head", heads, kHeadName);
  return heads;
}

EvidenceAtLength evidence_at(const Transformer& model, const Task& task, uint64_t seed,
                             int64_t length) {
  return {length, evidence_from(model, task, seed, length, 0),
          evidence_from(model, task, seed, length, kEvidenceExamples)};
}

RemovalAtLength removal_at(const Transformer& model, const Task& task, uint64_t seed,
                           int64_t length) {
  const Batch batch = task.evaluation_batch(seed, length, 0, kRemovalExamples);
  return {length, removal_of(model, rows_of(batch))};
}

void add_evidence(TableBuilder& table, std::vector<EvidenceAtLength> lengths, int64_t model_heads) {
  if (lengths.empty()) return;
  lengths = by_length(std::move(lengths));
  table.text_coordinate("split", {"choosing", "reporting"},
                        "validation examples on which heads are chosen, and others");
  const int64_t heads = add_head_numbers(table, model_heads);
  const int64_t layers = table.table.dimensions.at("layer");
  const auto of_heads = [&](const std::string& name, double HeadEvidence::*member,
                            const std::string& long_name) {
    Column::Numbers values;
    for (const EvidenceAtLength& at : lengths) {
      for (const Evidence* split : {&at.choosing, &at.reporting}) {
        put_heads(
            split->heads, layers, heads, [&](const auto& head) { return head.*member; }, values);
      }
    }
    table.numbers(name, {"test_length", "split", "layer", "head"}, std::move(values), "1",
                  long_name);
  };
  const auto of_all = [&](const std::string& name, double Evidence::*member,
                          const std::string& long_name) {
    Column::Numbers values;
    for (const EvidenceAtLength& at : lengths) {
      for (const Evidence* split : {&at.choosing, &at.reporting}) values.push_back(split->*member);
    }
    table.numbers(name, {"test_length", "split"}, std::move(values), "1", long_name);
  };
  of_heads("evidence_weight", &HeadEvidence::weight,
           "weight that a label's query gives the token at which its answer is to be read");
  of_heads("distractor_weight", &HeadEvidence::distractor_weight,
           "weight that it gives one like that token which is not the answer");
  of_heads("accuracy_without_evidence", &HeadEvidence::accuracy_without,
           "share of labels predicted right where this head is kept from that token");
  of_heads("accuracy_without_distractor", &HeadEvidence::accuracy_without_distractor,
           "share of labels predicted right where this head is kept from the other");
  of_all("evidence_accuracy", &Evidence::accuracy, "share of these labels predicted right");
  of_all("accuracy_without_evidence_anywhere", &Evidence::accuracy_without,
         "share of labels predicted right where every head is kept from that token");
}

void add_removal(TableBuilder& table, std::vector<RemovalAtLength> lengths, int64_t model_heads) {
  if (lengths.empty()) return;
  lengths = by_length(std::move(lengths));
  const int64_t heads = add_head_numbers(table, model_heads);
  table.count_coordinate("weight_bin", HeadRemoval::kBins, "tenth of the weights from 0 to 1");
  const int64_t layers = table.table.dimensions.at("layer");
  Column::Numbers correlations, effects;
  for (const RemovalAtLength& at : lengths) {
    put_heads(
        at.heads, layers, heads, [](const auto& head) { return head.rank_correlation; },
        correlations);
    const size_t first = effects.size();
    effects.resize(first + static_cast<size_t>(layers * heads) * HeadRemoval::kBins, kAbsent);
    for (const HeadRemoval& head : at.heads) {
      std::copy(head.effect.begin(), head.effect.end(),
                effects.begin() + static_cast<int64_t>(first) +
                    (head.layer * heads + head.head) * int64_t{HeadRemoval::kBins});
    }
  }
  table.numbers("removal_correlation", {"test_length", "layer", "head"}, std::move(correlations),
                "1",
                "rank correlation of a key's weight and what keeping it away does to the loss");
  table.numbers("removal_effect", {"test_length", "layer", "head", "weight_bin"},
                std::move(effects), "1",
                "change of a label's loss when a key of such weight is kept from it, nats, mean of "
                "its size");
}

}  // namespace lengthwise
