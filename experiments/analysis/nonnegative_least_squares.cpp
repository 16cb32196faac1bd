#include "experiments/analysis/nonnegative_least_squares.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace lengthwise {
namespace {

constexpr double kDependent = 1e-10;  // what is left of a column, relative to the column
constexpr double kSteep = 1e-9;       // gradient that still counts, relative to b

double dot(const double* a, const double* b, size_t size) {
  double sum = 0;
  for (size_t i = 0; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

class ActiveSet {
 public:
  ActiveSet(std::span<const double> columns, std::span<const double> b)
      : columns_(columns.data()),
        b_(b),
        rows_(b.size()),
        count_(columns.size() / b.size()),
        x_(count_, 0.0),
        norms_(count_, 0.0),
        slopes_(count_),
        across_(rows_ * count_),
        banned_(count_, 0),
        residual_(b.begin(), b.end()) {
    for (size_t j = 0; j < count_; ++j) {
      for (size_t i = 0; i < rows_; ++i) across_[i * count_ + j] = column(j)[i];
    }
    for (size_t i = 0; i < rows_; ++i) {
      for (size_t j = 0; j < count_; ++j) {
        norms_[j] += across_[i * count_ + j] * across_[i * count_ + j];
      }
    }
    for (double& norm : norms_) norm = std::sqrt(norm);
  }

  std::vector<double> solve() {
    const double enough = kSteep * std::sqrt(dot(b_.data(), b_.data(), rows_));
    // the bound stops what rounding might otherwise turn in a circle
    for (size_t step = 0; step < 3 * count_; ++step) {
      const size_t steepest = find_steepest(enough);
      if (steepest == count_) break;
      active_.push_back(steepest);
      if (!solve_active() || solution_.back() <= 0) {
        active_.pop_back();
        banned_[steepest] = 1;
        continue;
      }
      std::fill(banned_.begin(), banned_.end(), 0);
      move_to_solution();
      update_residual();
    }
    return x_;
  }

 private:
  const double* column(size_t j) const { return columns_ + j * rows_; }

  /// count_ where no coefficient outside the active set would lower the misfit.
  size_t find_steepest(double enough) {
    std::fill(slopes_.begin(), slopes_.end(), 0.0);
    for (size_t i = 0; i < rows_; ++i) {
      const double* row = across_.data() + i * count_;
      for (size_t j = 0; j < count_; ++j) slopes_[j] += row[j] * residual_[i];
    }
    size_t best = count_;
    double steepest = enough;
    for (size_t j = 0; j < count_; ++j) {
      if (slopes_[j] <= steepest * norms_[j] || x_[j] > 0 || banned_[j]) continue;
      steepest = slopes_[j] / norms_[j];
      best = j;
    }
    return best;
  }

  /// Householder reflections of the active columns with b behind them. False where one of them
  /// depends on the others.
  bool solve_active() {
    const size_t size = active_.size();
    if (size > rows_) return false;
    work_.resize(rows_ * (size + 1));
    for (size_t j = 0; j < size; ++j) {
      std::copy_n(column(active_[j]), rows_, work_.data() + j * rows_);
    }
    double* right = work_.data() + size * rows_;
    std::copy(b_.begin(), b_.end(), right);
    for (size_t j = 0; j < size; ++j) {
      double* pivot = work_.data() + j * rows_;
      const double left = std::sqrt(dot(pivot + j, pivot + j, rows_ - j));
      if (left <= kDependent * norms_[active_[j]]) return false;
      const double diagonal = pivot[j] > 0 ? -left : left;
      pivot[j] -= diagonal;
      const double half = dot(pivot + j, pivot + j, rows_ - j) / 2;
      for (size_t l = j + 1; l <= size; ++l) {
        double* other = work_.data() + l * rows_;
        const double factor = dot(pivot + j, other + j, rows_ - j) / half;
        for (size_t i = j; i < rows_; ++i) other[i] -= factor * pivot[i];
      }
      pivot[j] = diagonal;
    }
    solution_.resize(size);
    for (size_t j = size; j-- > 0;) {
      double value = right[j];
      for (size_t l = j + 1; l < size; ++l) value -= work_[l * rows_ + j] * solution_[l];
      solution_[j] = value / work_[j * rows_ + j];
    }
    return true;
  }

  /// As far as no coefficient falls below 0; those that reach it leave the active set.
  void move_to_solution() {
    while (!active_.empty()) {
      double step = 1;
      size_t first = active_.size();
      for (size_t j = 0; j < active_.size(); ++j) {
        if (solution_[j] > 0) continue;
        const double here = x_[active_[j]];
        const double reach = here / (here - solution_[j]);
        if (reach <= step) step = reach, first = j;
      }
      for (size_t j = 0; j < active_.size(); ++j) {
        double& here = x_[active_[j]];
        here += step * (solution_[j] - here);
      }
      if (first == active_.size()) return;
      x_[active_[first]] = 0;
      active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(first));
      if (!active_.empty()) check(solve_active(), "a part of independent columns is independent");
    }
  }

  void update_residual() {
    std::copy(b_.begin(), b_.end(), residual_.begin());
    for (const size_t j : active_) {
      for (size_t i = 0; i < rows_; ++i) residual_[i] -= column(j)[i] * x_[j];
    }
  }

  const double* columns_;
  std::span<const double> b_;
  size_t rows_, count_;
  std::vector<double> x_, norms_, slopes_;
  std::vector<double> across_;  // the columns' values row after row
  std::vector<char> banned_;
  std::vector<double> residual_, work_, solution_;
  std::vector<size_t> active_;
};

}  // namespace

std::vector<double> nonnegative_least_squares(std::span<const double> columns,
                                              std::span<const double> b) {
  check(!b.empty(), "least squares need equations");
  check_equal(columns.size() % b.size(), size_t{0}, "columns are as long as the right side");
  return ActiveSet(columns, b).solve();
}

}  // namespace lengthwise
