#include "insight/weight_maps.h"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <charconv>
#include <limits>
#include <map>
#include <string>

#include "base/check.h"

namespace lengthwise {
namespace {

using Matrix = Eigen::MatrixXd;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A = Q R, Q with orthonormal columns: R [D,D].
Matrix upper_factor(const Matrix& a) {
  const Eigen::HouseholderQR<Matrix> qr(a);
  return qr.matrixQR().topRows(a.cols()).triangularView<Eigen::Upper>();
}

MapTraits traits_of(const Matrix& left, const Matrix& right) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  if (!left.allFinite() || !right.allFinite()) return {none, none, none, none, none};
  // A B = Q_A (R_A R_B^T) Q_B^T for B^T = Q_B R_B: its singular values are those of the middle.
  const Matrix core = upper_factor(left) * upper_factor(right.transpose()).transpose();
  const Eigen::ArrayXd singular = Eigen::JacobiSVD<Matrix>(core).singularValues();
  MapTraits traits;
  traits.largest = singular(0);
  const double squares = singular.square().sum();  // |M|^2
  traits.participation_ratio = squares * squares / singular.square().square().sum();
  traits.rotation_share = singular.mean() * singular.mean() / singular.square().mean();
  // B A has the eigenvalues of A B that are not 0, and so the trace of its square:
  // |M + M^T|^2 = 2 |M|^2 + 2 tr(M M).
  const Matrix turned = right * left;
  traits.symmetric_share = (1 + (turned * turned).trace() / squares) / 2;
  const Eigen::ArrayXcd eigenvalues = turned.eigenvalues();
  traits.copying_share = eigenvalues.real().sum() / eigenvalues.abs().sum();
  return traits;
}

Matrix as_matrix(const Tensor& tensor) {
  const Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>
      values(tensor.data(), tensor.extent(0), tensor.extent(1));
  return values.cast<double>();
}

struct LayerWeights {
  Matrix query, key, value, output;  // [C,C], [C,G D], [C,G D], [C,C]; empty where there is none
};

// By layer.
std::map<int64_t, LayerWeights> layer_weights(std::span<const Parameter> parameters) {
  std::map<int64_t, LayerWeights> layers;
  const std::string prefix = "layers.";
  for (const Parameter& parameter : parameters) {
    if (!parameter.name.starts_with(prefix)) continue;
    int64_t layer = 0;
    const char* end = parameter.name.data() + parameter.name.size();
    const auto number = std::from_chars(parameter.name.data() + prefix.size(), end, layer);
    const std::string_view name(number.ptr, end);
    for (const auto& [of, member] : {std::pair{".query.weight", &LayerWeights::query},
                                     std::pair{".key.weight", &LayerWeights::key},
                                     std::pair{".value.weight", &LayerWeights::value},
                                     std::pair{".output.weight", &LayerWeights::output}}) {
      if (name == of) layers[layer].*member = as_matrix(parameter.variable.value());
    }
  }
  return layers;
}

}  // namespace

MapTraits traits_of_product(std::span<const double> left, std::span<const double> right,
                            int64_t width, int64_t inner) {
  check(inner <= width && std::ssize(left) == width * inner && std::ssize(right) == width * inner,
        "factors [C,D] and [D,C] with D <= C");
  return traits_of(Eigen::Map<const RowMajor>(left.data(), width, inner),
                   Eigen::Map<const RowMajor>(right.data(), inner, width));
}

std::vector<WeightMap> weight_maps(std::span<const Parameter> parameters, int64_t heads) {
  std::vector<WeightMap> maps;
  for (const auto& [layer, weights] : layer_weights(parameters)) {
    for (int64_t head = 0; head < heads; ++head) {
      const auto block = [&](const Matrix& of, bool shared) -> Matrix {
        const int64_t width = of.rows() / heads;
        const int64_t sharing = shared ? heads / (of.cols() / width) : 1;
        return of.middleCols(head / sharing * width, width);
      };
      if (weights.query.size() > 0 && weights.key.size() > 0) {
        maps.push_back(
            {WeightMapKind::query_key, layer, head,
             traits_of(block(weights.query, false), block(weights.key, true).transpose())});
      }
      if (weights.value.size() > 0 && weights.output.size() > 0) {
        const int64_t width = weights.output.rows() / heads;
        maps.push_back({WeightMapKind::value_output, layer, head,
                        traits_of(block(weights.value, true),
                                  weights.output.middleRows(head * width, width))});
      }
    }
  }
  return maps;
}

}  // namespace lengthwise
