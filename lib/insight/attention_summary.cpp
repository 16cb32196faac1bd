#include "insight/attention_summary.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "base/check.h"

namespace lengthwise {
namespace {

// Query i's weights as shares; false where it gives none.
bool shares_of(const HeadWeights& head, int64_t i, std::vector<double>& shares) {
  const double* row = head.weights.data() + i * head.keys;
  shares.resize(static_cast<size_t>(head.keys));
  std::transform(row, row + head.keys, shares.begin(), [](double w) { return std::abs(w); });
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (head.visible[static_cast<size_t>(i)] == 0 || total == 0) return false;
  for (double& share : shares) share /= total;
  return true;
}

// What one query adds to the sums.
void add_query(const HeadWeights& head, int64_t i, const std::vector<double>& shares,
               HeadSummary& sums) {
  const double* row = head.weights.data() + i * head.keys;
  double sum = 0;
  for (int64_t j = 0; j < head.keys; ++j) {
    const double p = shares[static_cast<size_t>(j)];
    if (p > 0) sums.entropy -= p * std::log(p);
    sums.distance += p * static_cast<double>(std::abs(i - j));
    if (row[j] < 0) sums.negative += p;
    sum += row[j];
  }
  if (i < head.keys) sums.diagonal += shares[static_cast<size_t>(i)];
  sums.first += shares.front();
  sums.least_sum = std::min(sums.least_sum, sum);
  sums.most_sum = std::max(sums.most_sum, sum);
}

double sum_of_largest(std::vector<double> values, size_t count) {
  count = std::min(count, values.size());
  std::partial_sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count),
                    values.end(), std::greater<>());
  return std::accumulate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(count), 0.0);
}

constexpr double HeadSummary::*kMeans[] = {&HeadSummary::entropy,  &HeadSummary::entropy_share,
                                           &HeadSummary::distance, &HeadSummary::diagonal,
                                           &HeadSummary::first,    &HeadSummary::top1,
                                           &HeadSummary::top5,     &HeadSummary::negative};

}  // namespace

HeadSummary summarise(const HeadWeights& head) {
  check_equal(std::ssize(head.weights), head.queries * head.keys, "weights of a head");
  check_equal(std::ssize(head.visible), head.queries, "queries of a head");
  HeadSummary sums;
  for (const auto member : kMeans) sums.*member = 0;
  sums.least_sum = HUGE_VAL;
  sums.most_sum = -HUGE_VAL;
  std::vector<double> shares, received(static_cast<size_t>(head.keys));
  int64_t counted = 0, choosing = 0;
  for (int64_t i = 0; i < head.queries; ++i) {
    if (!shares_of(head, i, shares)) continue;
    ++counted;
    const double before = sums.entropy;
    add_query(head, i, shares, sums);
    for (size_t j = 0; j < shares.size(); ++j) received[j] += shares[j];
    const int64_t seen = head.visible[static_cast<size_t>(i)];
    if (seen < 2) continue;
    ++choosing;
    sums.entropy_share += (sums.entropy - before) / std::log(static_cast<double>(seen));
  }
  if (counted == 0) return {};
  sums.top1 = sum_of_largest(received, 1);
  sums.top5 = sum_of_largest(received, 5);
  for (const auto member : kMeans) {
    const bool of_choice = member == &HeadSummary::entropy_share;
    sums.*member /= static_cast<double>(of_choice ? choosing : counted);
  }
  return sums;
}

HeadSummary mean_of(std::span<const HeadSummary> summaries) {
  HeadSummary mean;
  for (const auto member : kMeans) {
    double sum = 0, count = 0;
    for (const HeadSummary& summary : summaries) {
      if (std::isnan(summary.*member)) continue;
      sum += summary.*member;
      count += 1;
    }
    mean.*member = sum / count;
  }
  for (const HeadSummary& summary : summaries) {
    mean.least_sum = std::fmin(mean.least_sum, summary.least_sum);
    mean.most_sum = std::fmax(mean.most_sum, summary.most_sum);
  }
  return mean;
}

std::vector<double> roll_out(std::span<const HeadWeights> heads, std::span<const double> before) {
  check(!heads.empty(), "roll_out: a head");
  const int64_t tokens = heads.front().queries;
  check_equal(heads.front().keys, tokens, "roll_out: keys");
  const auto place = [&](int64_t i, int64_t j) { return static_cast<size_t>(i * tokens + j); };
  std::vector<double> rolled(static_cast<size_t>(tokens * tokens)), layer, shares;
  for (int64_t i = 0; i < tokens; ++i) {
    layer.assign(static_cast<size_t>(tokens), 0);
    for (const HeadWeights& head : heads) {
      if (!shares_of(head, i, shares)) continue;
      for (size_t j = 0; j < shares.size(); ++j) layer[j] += shares[j];
    }
    const double total = std::accumulate(layer.begin(), layer.end(), 0.0);
    for (double& weight : layer) weight *= total > 0 ? 0.5 / total : 0;
    layer[static_cast<size_t>(i)] += total > 0 ? 0.5 : 1;
    for (int64_t j = 0; j < tokens; ++j) {
      const double weight = layer[static_cast<size_t>(j)];
      if (before.empty()) rolled[place(i, j)] = weight;
      for (int64_t k = 0; k < tokens && !before.empty() && weight > 0; ++k) {
        rolled[place(i, k)] += weight * before[place(j, k)];
      }
    }
  }
  return rolled;
}

}  // namespace lengthwise
