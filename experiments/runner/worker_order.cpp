#include "experiments/runner/worker_order.h"

#include <nlohmann/json.hpp>

#include "base/check.h"

namespace lengthwise {

std::string to_json(const WorkerOrder& order) {
  nlohmann::json values = nlohmann::json::object();
  for (const auto& [key, value] : order.values) values[key] = value;
  return nlohmann::json{{"values", values},
                        {"id", order.id},
                        {"data_hash", order.data_hash},
                        {"results", order.results.string()},
                        {"memory_limit_bytes", order.memory_limit_bytes},
                        {"time_limit_seconds", order.time_limit_seconds},
                        {"checkpoint_seconds", order.checkpoint_seconds},
                        {"cores", order.cores},
                        {"shares_machine", order.shares_machine},
                        {"parent", order.parent}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

WorkerOrder worker_order_from_json(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    WorkerOrder order;
    for (const auto& [key, value] : json.at("values").items()) {
      order.values.emplace(key, value.get<std::string>());
    }
    json.at("id").get_to(order.id);
    json.at("data_hash").get_to(order.data_hash);
    order.results = json.at("results").get<std::string>();
    json.at("memory_limit_bytes").get_to(order.memory_limit_bytes);
    json.at("time_limit_seconds").get_to(order.time_limit_seconds);
    json.at("checkpoint_seconds").get_to(order.checkpoint_seconds);
    json.at("cores").get_to(order.cores);
    json.at("shares_machine").get_to(order.shares_machine);
    json.at("parent").get_to(order.parent);
    return order;
  } catch (const nlohmann::json::exception& error) {
    user_error("worker: {}; expected an order of `lengthwise run`, which starts workers itself",
               error.what());
  }
}

}  // namespace lengthwise
