#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times one training step of the masked autoencoder of benchmarks/mae/train_steps.cpp in PyTorch, and the peak of the process' memory.

    training_step.py [--compiled] [--batch N] [--threads N] [--steps N]

The same model in plain torch: ViT-S/16 at 224 pixels, 75 % of the patches hidden, a decoder 512 wide with 8 blocks, scaled_dot_product_attention, clipping to norm 1
and AdamW (fused). One step warms up, the median of the others counts. Prints one line of JSON.
"""
import argparse
import json
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

SIDE, PATCH, WIDTH, DEPTH, HEADS, DECODER_WIDTH, DECODER_DEPTH, DECODER_HEADS = 224, 16, 384, 12, 6, 512, 8, 16
TOKENS = (SIDE // PATCH) ** 2
KEPT = int(TOKENS * (1 - 0.75))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


class MaskedAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        pixels = 3 * PATCH * PATCH
        self.embed = nn.Linear(pixels, WIDTH)
        self.cls_token, self.mask_token = nn.Parameter(torch.zeros(1, 1, WIDTH)), nn.Parameter(torch.zeros(1, 1, DECODER_WIDTH))
        self.register_buffer("positions", 0.02 * torch.randn(1, TOKENS + 1, WIDTH))
        self.register_buffer("decoder_positions", 0.02 * torch.randn(1, TOKENS + 1, DECODER_WIDTH))
        self.blocks = nn.Sequential(*[Block(WIDTH, HEADS) for _ in range(DEPTH)])
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.decoder_embed = nn.Linear(WIDTH, DECODER_WIDTH)
        self.decoder_blocks = nn.Sequential(*[Block(DECODER_WIDTH, DECODER_HEADS) for _ in range(DECODER_DEPTH)])
        self.decoder_norm = nn.LayerNorm(DECODER_WIDTH, eps=1e-6)
        self.decoder_pred = nn.Linear(DECODER_WIDTH, pixels)

    def forward(self, images, noise):
        batch, across = images.shape[0], SIDE // PATCH
        patches = images.reshape(batch, 3, across, PATCH, across, PATCH).permute(0, 2, 4, 3, 5, 1).reshape(batch, TOKENS, -1)
        shuffle = noise.argsort(dim=1)
        restore, keep = shuffle.argsort(dim=1), shuffle[:, :KEPT]
        mask = (restore >= KEPT).to(images.dtype)
        own = lambda x, index: torch.gather(x, 1, index[:, :, None].expand(-1, -1, x.shape[2]))
        # Only the patches that are seen are embedded.
        x = self.embed(own(patches, keep)) + own(self.positions[:, 1:].expand(batch, -1, -1), keep)
        x = torch.cat([(self.cls_token + self.positions[:, :1]).expand(batch, -1, -1), x], 1)
        x = self.decoder_embed(self.norm(self.blocks(x)))
        hidden = self.mask_token.expand(batch, TOKENS - KEPT, -1)
        x = torch.cat([x[:, :1], own(torch.cat([x[:, 1:], hidden], 1), restore)], 1) + self.decoder_positions
        prediction = self.decoder_pred(self.decoder_norm(self.decoder_blocks(x)))[:, 1:]
        return (((prediction - patches) ** 2).mean(2) * mask).sum() / mask.sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compiled", action="store_true", help="through torch.compile")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    model = MaskedAutoencoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.05, fused=True)
    images, noise = torch.randn(arguments.batch, 3, SIDE, SIDE), torch.rand(arguments.batch, TOKENS)
    forward = torch.compile(model) if arguments.compiled else model

    def step():
        optimizer.zero_grad(set_to_none=True)
        forward(images, noise).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    step()
    seconds = []
    for _ in range(arguments.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"peer": f"PyTorch {torch.__version__}{' compiled' if arguments.compiled else ''}", "seconds": statistics.median(seconds),
                      "peak_bytes": peak, "parameters": sum(p.numel() for p in model.parameters())}))


if __name__ == "__main__":
    main()
