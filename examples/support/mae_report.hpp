// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "html_report.hpp"
#include "mae_training.hpp"

namespace ocellus::examples {

/// The loss curve, the loss beside two simple predictions, and crops with what the model makes of them, channel by channel.
void add_training(HtmlReport& report, TrainingSettings const& settings, TrainingLog const& log, Reconstruction const& reconstruction,
                  std::vector<std::string> const& channels);

/// "a channel-agnostic masked autoencoder, width 96, ..." for reports.
std::string describe(TrainingSettings const& settings);

}  // namespace ocellus::examples
