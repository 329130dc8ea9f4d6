# ===- encoder_decoders.py - encoders with decoders that attend to them ---===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
import math

import torch
from torch import nn
import torch.nn.functional as F

from decoders import RMSNorm, gelu_new
from heads import merge_heads, split_heads


# ===-----------------------------------------------------------------------===#
# Whisper (Radford et al. 2022): Conv1d front, cross-attention, tied output
# ===-----------------------------------------------------------------------===#


class Attention(nn.Module):
    """Attention with own projections; keys and values from `other` if given."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.v, self.o = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.k = nn.Linear(width, width, bias=False)

    def forward(self, x, other=None, mask=None):
        source = x if other is None else other
        q = self.q(x) * ((x.shape[-1] // self.heads) ** -0.5)
        q, k, v = (split_heads(t, self.heads) for t in (q, self.k(source), self.v(source)))
        scores = q @ k.transpose(-1, -2)
        if mask is not None:
            scores = scores + mask
        return self.o(merge_heads(F.softmax(scores, dim=-1) @ v))


def sinusoids(length, channels):
    scale = math.log(10000) / (channels // 2 - 1)
    inverse = torch.exp(-scale * torch.arange(channels // 2))
    angles = torch.arange(length)[:, None] * inverse[None, :]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class WhisperBlock(nn.Module):
    def __init__(self, width, heads, cross):
        super().__init__()
        self.attention, self.norm1 = Attention(width, heads), nn.LayerNorm(width)
        self.cross = Attention(width, heads) if cross else None
        self.norm2 = nn.LayerNorm(width) if cross else None
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norm3 = nn.LayerNorm(width)

    def forward(self, x, encoded=None, mask=None):
        x = x + self.attention(self.norm1(x), mask=mask)
        if self.cross is not None:
            x = x + self.cross(self.norm2(x), encoded)
        return x + self.mlp(self.norm3(x))


class Whisper(nn.Module):
    def __init__(self, mels=16, frames=24, vocabulary=64, width=24, heads=3, layers=1, context=32):
        super().__init__()
        self.conv1 = nn.Conv1d(mels, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.register_buffer("frames", sinusoids(frames, width))
        self.encoder = nn.ModuleList(WhisperBlock(width, heads, False) for _ in range(layers))
        self.norm1 = nn.LayerNorm(width)
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(0.1 * torch.randn(context, width))
        self.decoder = nn.ModuleList(WhisperBlock(width, heads, True) for _ in range(layers))
        self.norm2 = nn.LayerNorm(width)
        self.register_buffer("mask", torch.full((context, context), -math.inf).triu_(1))

    def forward(self, mel, tokens):
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).permute(0, 2, 1)
        x = x + self.frames[: x.shape[1]]
        for block in self.encoder:
            x = block(x)
        encoded = self.norm1(x)
        length = tokens.shape[-1]
        x = self.tokens(tokens) + self.positions[:length]
        for block in self.decoder:
            x = block(x, encoded, self.mask[:length, :length])
        x = self.norm2(x)
        return x @ torch.transpose(self.tokens.weight, 0, 1), encoded


# ===-----------------------------------------------------------------------===#
# T5 (Raffel et al. 2020): relative position buckets, no scaling, gated GELU
# ===-----------------------------------------------------------------------===#


class T5Attention(nn.Module):
    def __init__(self, width, heads, size, buckets=8, distance=20, bias=False, causal=False):
        super().__init__()
        self.heads, self.buckets, self.distance, self.causal = heads, buckets, distance, causal
        self.q, self.k, self.v = (nn.Linear(width, heads * size, bias=False) for _ in range(3))
        self.o = nn.Linear(heads * size, width, bias=False)
        self.relative = nn.Embedding(buckets, heads) if bias else None

    def bucket(self, relative):
        buckets, result = self.buckets, 0
        if not self.causal:
            buckets //= 2
            result = result + (relative > 0).to(torch.long) * buckets
            relative = torch.abs(relative)
        else:
            relative = -torch.min(relative, torch.zeros_like(relative))
        exact = buckets // 2
        large = exact + (
            torch.log(relative.float() / exact) / math.log(self.distance / exact) * (buckets - exact)
        ).to(torch.long)
        large = torch.min(large, torch.full_like(large, buckets - 1))
        return result + torch.where(relative < exact, relative, large)

    def position_bias(self, queries, keys):
        context = torch.arange(queries, dtype=torch.long)[:, None]
        memory = torch.arange(keys, dtype=torch.long)[None, :]
        values = self.relative(self.bucket(memory - context))
        return values.permute([2, 0, 1]).unsqueeze(0)

    def forward(self, x, other=None, bias=None):
        source = x if other is None else other
        batch, length = x.shape[:2]
        q, k, v = (f(t).view(batch, -1, self.heads, f.out_features // self.heads).transpose(1, 2)
                   for f, t in ((self.q, x), (self.k, source), (self.v, source)))
        scores = torch.matmul(q, k.transpose(3, 2))
        if bias is not None:
            scores += bias
        weights = F.softmax(scores.float(), dim=-1).type_as(scores)
        return self.o(torch.matmul(weights, v).transpose(1, 2).contiguous().view(batch, -1, self.o.in_features))


class T5Block(nn.Module):
    def __init__(self, width, heads, size, first, causal):
        super().__init__()
        self.attention = T5Attention(width, heads, size, bias=first, causal=causal)
        self.norm1 = RMSNorm(width)
        self.cross = T5Attention(width, heads, size) if causal else None
        self.norm2 = RMSNorm(width) if causal else None
        self.gate, self.up = (nn.Linear(width, 64, bias=False) for _ in range(2))
        self.down = nn.Linear(64, width, bias=False)
        self.norm3 = RMSNorm(width)

    def forward(self, x, bias, encoded=None, mask=None):
        x = x + self.attention(self.norm1(x), bias=bias)
        if self.cross is not None:
            x = x + self.cross(self.norm2(x), encoded, bias=mask)
        h = self.norm3(x)
        return x + self.down(gelu_new(self.gate(h)) * self.up(h))


class T5(nn.Module):
    def __init__(self, vocabulary=64, width=24, heads=4, size=8, layers=2):
        super().__init__()
        self.width = width
        self.shared = nn.Embedding(vocabulary, width)
        self.encoder = nn.ModuleList(T5Block(width, heads, size, i == 0, False) for i in range(layers))
        self.decoder = nn.ModuleList(T5Block(width, heads, size, i == 0, True) for i in range(layers))
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)

    def forward(self, input_ids, attention_mask, decoder_input_ids):
        lowest = torch.finfo(torch.float32).min
        padding = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * lowest
        x = self.shared(input_ids)
        length = input_ids.shape[1]
        bias = self.encoder[0].attention.position_bias(length, length) + padding
        for block in self.encoder:
            x = block(x, bias)
        encoded = self.norm1(x)
        x = self.shared(decoder_input_ids)
        batch, length = decoder_input_ids.shape
        ids = torch.arange(length)
        causal = ids[None, None, :].repeat(batch, length, 1) <= ids[None, :, None]
        causal = (1.0 - causal[:, None, :, :].to(torch.float32)) * lowest
        bias = self.decoder[0].attention.position_bias(length, length) + causal
        for block in self.decoder:
            x = block(x, bias, encoded, padding)
        x = self.norm2(x) * (self.width**-0.5)
        return F.linear(x, self.shared.weight)
