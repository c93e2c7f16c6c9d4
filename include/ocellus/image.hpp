// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/image/connected_components.hpp>
#include <ocellus/image/crop_objects.hpp>
#include <ocellus/image/distance_transform.hpp>
#include <ocellus/image/expand_labels.hpp>
#include <ocellus/image/gaussian_smooth.hpp>
#include <ocellus/image/keep_objects.hpp>
#include <ocellus/image/local_maxima.hpp>
#include <ocellus/image/object_boxes.hpp>
#include <ocellus/image/object_measurements.hpp>
#include <ocellus/image/otsu_threshold.hpp>
#include <ocellus/image/segment_nuclei.hpp>
#include <ocellus/image/watershed.hpp>
