# ===- decoders.py - decoders, with and without a cache -------------------===#
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
# GPT-2 (Radford et al. 2019): fused QKV as addmm, causal mask from a buffer
# ===-----------------------------------------------------------------------===#


class Conv1D(nn.Module):
    """A linear layer whose weight is [in, out], as GPT-2 stores it."""

    def __init__(self, outs, ins):
        super().__init__()
        self.outs = outs
        self.weight = nn.Parameter(torch.randn(ins, outs) / math.sqrt(ins))
        self.bias = nn.Parameter(0.1 * torch.randn(outs))

    def forward(self, x):
        shape = x.size()[:-1] + (self.outs,)
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(shape)


def gelu_new(x):
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


class GPT2Block(nn.Module):
    def __init__(self, width, heads, positions):
        super().__init__()
        self.heads, self.width = heads, width
        self.norm1 = nn.LayerNorm(width)
        self.attention = Conv1D(3 * width, width)
        self.project = Conv1D(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = Conv1D(4 * width, width)
        self.down = Conv1D(width, 4 * width)
        causal = torch.tril(torch.ones((positions, positions), dtype=torch.bool))
        self.register_buffer("causal", causal.view(1, 1, positions, positions))

    def forward(self, x, past, mask):
        q, k, v = self.attention(self.norm1(x)).split(self.width, dim=2)
        q, k, v = (split_heads(t, self.heads) for t in (q, k, v))
        if past is not None:
            k = torch.cat((past[0], k), dim=-2)
            v = torch.cat((past[1], v), dim=-2)
        scores = torch.matmul(q, k.transpose(-1, -2)) / (v.size(-1) ** 0.5)
        ql, kl = q.size(-2), k.size(-2)
        causal = self.causal[:, :, kl - ql : kl, :kl]
        lowest = torch.full([], torch.finfo(scores.dtype).min, dtype=scores.dtype)
        scores = torch.where(causal, scores, lowest)
        if mask is not None:
            scores = scores + mask
        a = merge_heads(torch.matmul(F.softmax(scores, dim=-1), v))
        x = x + self.project(a)
        return x + self.down(gelu_new(self.up(self.norm2(x)))), (k, v)


class GPT2(nn.Module):
    def __init__(self, vocabulary=64, width=24, heads=4, layers=2, positions=64, cached=False):
        super().__init__()
        self.cached = cached
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(positions, width)
        self.blocks = nn.ModuleList(GPT2Block(width, heads, positions) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, input_ids, attention_mask=None, *past):
        before = past[0].size(-2) if self.cached else 0
        positions = torch.arange(before, before + input_ids.size(-1), dtype=torch.long).unsqueeze(0)
        x = self.wte(input_ids) + self.wpe(positions)
        mask = None
        if attention_mask is not None:
            mask = attention_mask.view(attention_mask.size(0), -1)[:, None, None, :].to(x.dtype)
            mask = (1.0 - mask) * torch.finfo(x.dtype).min
        present = []
        for i, block in enumerate(self.blocks):
            pair = past[2 * i : 2 * i + 2] if self.cached else None
            x, pair = block(x, pair, mask)
            present += pair
        logits = self.head(self.norm(x))
        return (logits, *present) if self.cached else logits


# ===-----------------------------------------------------------------------===#
# Llama (Touvron et al. 2023): RMSNorm, rotary positions, grouped queries, SwiGLU
# ===-----------------------------------------------------------------------===#


class RMSNorm(nn.Module):
    def __init__(self, width, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(1 + 0.1 * torch.randn(width))
        self.eps = eps

    def forward(self, x):
        dtype = x.dtype
        x = x.to(torch.float32)
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * x.to(dtype)


def rotate_half(x):
    return torch.cat((-x[..., x.shape[-1] // 2 :], x[..., : x.shape[-1] // 2]), dim=-1)


def repeat_kv(x, times):
    batch, heads, length, width = x.shape
    x = x[:, :, None, :, :].expand(batch, heads, times, length, width)
    return x.reshape(batch, heads * times, length, width)


class LlamaBlock(nn.Module):
    def __init__(self, width, heads, kv_heads, inner):
        super().__init__()
        self.heads, self.kv_heads, self.size = heads, kv_heads, width // heads
        self.norm1, self.norm2 = RMSNorm(width), RMSNorm(width)
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, kv_heads * self.size, bias=False)
        self.v = nn.Linear(width, kv_heads * self.size, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, inner, bias=False)
        self.up = nn.Linear(width, inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x, cos, sin, mask, past):
        batch, length, _ = x.shape
        h = self.norm1(x)
        q = self.q(h).view(batch, length, self.heads, self.size).transpose(1, 2)
        k = self.k(h).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
        v = self.v(h).view(batch, length, self.kv_heads, self.size).transpose(1, 2)
        cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
        q, k = (t * cos + rotate_half(t) * sin for t in (q, k))
        if past is not None:
            k = torch.cat([past[0], k], dim=2)
            v = torch.cat([past[1], v], dim=2)
        present = (k, v)
        times = self.heads // self.kv_heads
        k, v = repeat_kv(k, times), repeat_kv(v, times)
        scores = torch.matmul(q, k.transpose(2, 3)) / math.sqrt(self.size) + mask
        scores = F.softmax(scores, dim=-1, dtype=torch.float32).to(q.dtype)
        a = torch.matmul(scores, v).transpose(1, 2).contiguous().reshape(batch, length, -1)
        x = x + self.o(a)
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h)), present


class Llama(nn.Module):
    def __init__(self, vocabulary=64, width=32, heads=4, kv_heads=2, layers=2, cached=False):
        super().__init__()
        self.cached = cached
        size = width // heads
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(LlamaBlock(width, heads, kv_heads, 72) for _ in range(layers))
        self.norm = RMSNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.register_buffer("frequencies", 1.0 / (10000 ** (torch.arange(0, size, 2).float() / size)))

    def rotary(self, position_ids):
        frequencies = self.frequencies[None, :, None].float().expand(position_ids.shape[0], -1, 1)
        angles = (frequencies @ position_ids[:, None, :].float()).transpose(1, 2)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()

    def causal_mask(self, x, attention_mask, before):
        batch, length = x.shape[0], x.shape[1]
        total = attention_mask.shape[-1]
        lowest = torch.finfo(x.dtype).min
        mask = torch.full((length, total), lowest, dtype=x.dtype)
        mask = torch.triu(mask, diagonal=1) if not self.cached else mask
        positions = torch.arange(before, before + length)
        mask = mask * (torch.arange(total) > positions.reshape(-1, 1)).to(x.dtype)
        mask = mask[None, None, :, :].expand(batch, 1, -1, -1)
        padding = attention_mask[:, None, None, :].eq(0.0) * mask.eq(0.0)
        return mask.masked_fill(padding, lowest)

    def forward(self, input_ids, attention_mask, *past):
        before = past[0].shape[2] if self.cached else 0
        x = self.embed(input_ids)
        if self.cached:
            position_ids = attention_mask.long().cumsum(-1) - 1
            position_ids = position_ids.masked_fill(attention_mask == 0, 1)
            position_ids = position_ids[:, before:]
        else:
            position_ids = torch.arange(input_ids.shape[1]).unsqueeze(0)
        cos, sin = self.rotary(position_ids)
        mask = self.causal_mask(x, attention_mask, before)
        present = []
        for i, block in enumerate(self.blocks):
            pair = past[2 * i : 2 * i + 2] if self.cached else None
            x, pair = block(x, cos, sin, mask, pair)
            present += pair
        logits = self.head(self.norm(x)).float()
        return (logits, *present) if self.cached else logits
