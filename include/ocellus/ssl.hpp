// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/ssl/dino_head.hpp>
#include <ocellus/ssl/dino_loss.hpp>
#include <ocellus/ssl/dino_schedule.hpp>
#include <ocellus/ssl/distillation_loss.hpp>
#include <ocellus/ssl/ema_update.hpp>
#include <ocellus/ssl/ibot_loss.hpp>
#include <ocellus/ssl/koleo_loss.hpp>
#include <ocellus/ssl/set_dino_loss.hpp>
#include <ocellus/ssl/set_mean.hpp>
#include <ocellus/ssl/simclr_loss.hpp>
#include <ocellus/ssl/sinkhorn_knopp.hpp>
#include <ocellus/ssl/time_order_loss.hpp>
#include <ocellus/ssl/update_center.hpp>
#include <ocellus/ssl/weights.hpp>
