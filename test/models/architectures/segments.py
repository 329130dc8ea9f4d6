# ===- segments.py - architectures whose shapes take arithmetic -------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
import math

import torch
from torch import nn
import torch.nn.functional as F

from heads import merge_heads, split_heads


# ===-----------------------------------------------------------------------===#
# Local attention (Beltagy et al. 2020): blocks of queries see their neighbours
# ===-----------------------------------------------------------------------===#


class LocalAttention(nn.Module):
    """The length must be a multiple of the block's."""

    def __init__(self, width=24, heads=4, block=4, vocabulary=64):
        super().__init__()
        self.heads, self.block = heads, block
        self.words = nn.Embedding(vocabulary, width)
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, input_ids, attention_mask):
        x = self.words(input_ids)
        batch, length, width = x.shape
        q, k, v = (split_heads(t, self.heads) for t in self.project(x).chunk(3, dim=-1))
        size, block, blocks = width // self.heads, self.block, length // self.block
        q = q.reshape(batch, self.heads, blocks, block, size)
        # Keys of the block before, the block itself and the one behind.
        k, v = (F.pad(t, (0, 0, block, block)) for t in (k, v))
        k, v = (torch.cat([t[:, :, i : i + length].reshape(batch, self.heads, blocks, block, size)
                           for i in (0, block, 2 * block)], dim=3) for t in (k, v))
        mask = F.pad(attention_mask.to(x.dtype), (block, block))
        mask = torch.cat([mask[:, i : i + length].reshape(batch, 1, blocks, 1, block)
                          for i in (0, block, 2 * block)], dim=4)
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(size) + (1.0 - mask) * -10000.0
        a = torch.matmul(F.softmax(scores, dim=-1), v).reshape(batch, self.heads, length, size)
        return self.norm(x + self.out(merge_heads(a)))


# ===-----------------------------------------------------------------------===#
# XLNet (Yang et al. 2019): relative positions by a shift, einsum throughout
# ===-----------------------------------------------------------------------===#


class XLNet(nn.Module):
    def __init__(self, width=24, heads=4, vocabulary=64):
        super().__init__()
        size = width // heads
        self.width, self.scale = width, 1 / math.sqrt(size)
        self.words = nn.Embedding(vocabulary, width)
        self.q, self.k, self.v, self.o, self.r = (
            nn.Parameter(torch.randn(width, heads, size) / math.sqrt(width)) for _ in range(5))
        self.word_bias, self.place_bias = (nn.Parameter(0.1 * torch.randn(heads, size)) for _ in range(2))
        self.norm = nn.LayerNorm(width)

    def shift(self, x, keys):
        batch, heads, queries, places = x.shape
        x = x.reshape(batch, heads, places, queries)[:, :, 1:, :]
        x = x.reshape(batch, heads, queries, places - 1)
        return torch.index_select(x, 3, torch.arange(keys, dtype=torch.long))

    def forward(self, input_ids):
        x = self.words(input_ids).transpose(0, 1)
        length = x.shape[0]
        places = torch.arange(length, -length, -1.0)
        frequencies = 1 / torch.pow(10000, torch.arange(0, self.width, 2.0) / self.width)
        angles = torch.einsum("i,d->id", places, frequencies)
        angles = torch.cat([torch.sin(angles), torch.cos(angles)], dim=-1)[:, None, :].expand(-1, x.shape[1], -1)
        q, k, v = (torch.einsum("ibh,hnd->ibnd", x, w) for w in (self.q, self.k, self.v))
        r = torch.einsum("ibh,hnd->ibnd", angles, self.r)
        words = torch.einsum("ibnd,jbnd->bnij", q + self.word_bias, k)
        distances = torch.einsum("ibnd,jbnd->bnij", q + self.place_bias, r)
        scores = (words + self.shift(distances, words.shape[3])) * self.scale
        a = torch.einsum("bnij,jbnd->ibnd", F.softmax(scores, dim=3), v)
        return self.norm(x + torch.einsum("ibnd,hnd->ibh", a, self.o)).permute(1, 0, 2)


# ===-----------------------------------------------------------------------===#
# U-Net (Ronneberger et al. 2015): what is upsampled is padded to what was pooled
# ===-----------------------------------------------------------------------===#


class UNet(nn.Module):
    def __init__(self, width=8, classes=3):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.down2 = nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU())
        self.grouped = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.head = nn.Conv2d(2 * width, classes, 1)

    def forward(self, pixels):
        a = self.down1(pixels)
        b = F.relu(self.grouped(self.down2(F.max_pool2d(a, 2))))
        u = self.up(b)
        dy, dx = a.size(2) - u.size(2), a.size(3) - u.size(3)
        u = F.pad(u, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        return self.head(torch.cat([a, u], dim=1))
