// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/explain/agata_pooling.hpp>
#include <ocellus/explain/attention_mil.hpp>
#include <ocellus/explain/attention_rollout.hpp>
#include <ocellus/explain/flow_error.hpp>
#include <ocellus/explain/flow_to_masks.hpp>
#include <ocellus/explain/follow_flows.hpp>
#include <ocellus/explain/grad_cam.hpp>
#include <ocellus/explain/grad_camo.hpp>
#include <ocellus/explain/grad_camo_labels.hpp>
#include <ocellus/explain/masks_to_flows.hpp>
#include <ocellus/explain/perceiver_pooling.hpp>
#include <ocellus/explain/slice_context_pooling.hpp>
#include <ocellus/explain/upsample_map.hpp>
