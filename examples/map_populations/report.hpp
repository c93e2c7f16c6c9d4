// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "mapping.hpp"
#include "populations.hpp"
#include "settings.hpp"

namespace ocellus::examples {

/// Writes coupling.csv, mapped.csv, metrics.json and report.html into the output folder, each whole or not at all, the report last.
void write_outputs(Populations const& populations, Mapping const& mapping, Settings const& settings);

}  // namespace ocellus::examples
