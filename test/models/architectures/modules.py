# ===- modules.py - the architectures that exporters write -----------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Small modules with the structure, and the tensor idioms, of well-known models:
# what matters for a compiler is which operators an exporter writes and how
# shapes depend on inputs, not how large the layers are. Written from the
# published descriptions; weights are random.
#
# ===-----------------------------------------------------------------------===#
import math

import torch
from torch import nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float32)


def split_heads(x, heads):
    batch, length, width = x.shape
    return x.view(batch, length, heads, width // heads).transpose(1, 2)


def merge_heads(x):
    batch, heads, length, width = x.shape
    return x.transpose(1, 2).contiguous().view(batch, length, heads * width)


# ===-----------------------------------------------------------------------===#
# BERT (Devlin et al. 2019): post-norm encoder, padding mask, token types
# ===-----------------------------------------------------------------------===#


class BertLayer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=1e-12)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, mask):
        q, k, v = (split_heads(f(x), self.heads) for f in (self.query, self.key, self.value))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.size(-1)) + mask
        probabilities = self.dropout(F.softmax(scores, dim=-1))
        x = self.norm1(x + self.out(merge_heads(torch.matmul(probabilities, v))))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Bert(nn.Module):
    def __init__(self, vocabulary=64, width=24, heads=4, layers=2, positions=64):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width)
        self.types = nn.Embedding(2, width)
        self.register_buffer("ids", torch.arange(positions).expand((1, -1)))
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(width, heads, 4 * width) for _ in range(layers))
        self.pooler = nn.Linear(width, width)

    def forward(self, input_ids, attention_mask, token_type_ids):
        length = input_ids.size(1)
        x = self.words(input_ids) + self.types(token_type_ids) + self.positions(self.ids[:, :length])
        x = self.norm(x)
        mask = attention_mask[:, None, None, :].to(x.dtype)
        mask = (1.0 - mask) * torch.finfo(x.dtype).min
        for layer in self.layers:
            x = layer(x, mask)
        return x, torch.tanh(self.pooler(x[:, 0]))


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


# ===-----------------------------------------------------------------------===#
# ViT (Dosovitskiy et al. 2021): patches by a convolution, class token
# ===-----------------------------------------------------------------------===#


class ViT(nn.Module):
    def __init__(self, image=32, patch=8, width=24, heads=4, layers=2, classes=10):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.cls = nn.Parameter(0.1 * torch.randn(1, 1, width))
        self.positions = nn.Parameter(0.1 * torch.randn(1, (image // patch) ** 2 + 1, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, F.gelu, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, pixel_values):
        x = self.patches(pixel_values).flatten(2).transpose(1, 2)
        cls = self.cls.expand(pixel_values.shape[0], -1, -1)
        x = torch.cat((cls, x), dim=1) + self.positions
        return self.head(self.norm(self.encoder(x))[:, 0])


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


# ===-----------------------------------------------------------------------===#
# CLIP (Radford et al. 2021): two towers, features at the end token, cosine
# ===-----------------------------------------------------------------------===#


def quick_gelu(x):
    return x * torch.sigmoid(1.702 * x)


class CLIPBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attention, self.norm1, self.norm2 = Attention(width, heads), nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, mask=None):
        x = x + self.attention(self.norm1(x), mask=mask)
        return x + self.down(quick_gelu(self.up(self.norm2(x))))


class CLIP(nn.Module):
    def __init__(self, vocabulary=64, width=24, heads=4, layers=1, image=32, patch=16, context=16, shared=20):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.text_positions = nn.Embedding(context, width)
        self.text = nn.ModuleList(CLIPBlock(width, heads) for _ in range(layers))
        self.text_norm, self.text_out = nn.LayerNorm(width), nn.Linear(width, shared, bias=False)
        self.patches = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.cls = nn.Parameter(0.1 * torch.randn(width))
        self.image_positions = nn.Embedding((image // patch) ** 2 + 1, width)
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.vision = nn.ModuleList(CLIPBlock(width, heads) for _ in range(layers))
        self.image_out = nn.Linear(width, shared, bias=False)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.register_buffer("text_ids", torch.arange(context).expand((1, -1)))
        self.register_buffer("image_ids", torch.arange((image // patch) ** 2 + 1).expand((1, -1)))

    def encode_text(self, input_ids):
        length = input_ids.shape[-1]
        x = self.tokens(input_ids) + self.text_positions(self.text_ids[:, :length])
        mask = torch.full((length, length), torch.finfo(x.dtype).min).triu(1)[None, None]
        for block in self.text:
            x = block(x, mask)
        x = self.text_norm(x)
        ends = input_ids.to(torch.int).argmax(dim=-1)
        return self.text_out(x[torch.arange(x.shape[0]), ends])

    def encode_image(self, pixel_values):
        batch = pixel_values.shape[0]
        x = self.patches(pixel_values).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(batch, 1, -1), x], dim=1) + self.image_positions(self.image_ids)
        x = self.before(x)
        for block in self.vision:
            x = block(x)
        return self.image_out(self.after(x[:, 0, :]))

    def forward(self, input_ids, pixel_values):
        text, image = self.encode_text(input_ids), self.encode_image(pixel_values)
        text = text / text.norm(p=2, dim=-1, keepdim=True)
        image = image / image.norm(p=2, dim=-1, keepdim=True)
        return torch.matmul(text, image.t()) * self.scale.exp(), text, image


# ===-----------------------------------------------------------------------===#
# Wav2Vec2 (Baevski et al. 2020): convolutional features, grouped position conv
# ===-----------------------------------------------------------------------===#


class Wav2Vec2(nn.Module):
    def __init__(self, width=24, heads=4, layers=2, channels=16, vocabulary=20):
        super().__init__()
        shapes = [(1, 10, 5), (channels, 3, 2), (channels, 3, 2), (channels, 2, 2)]
        self.convs = nn.ModuleList(nn.Conv1d(c, channels, k, stride=s, bias=False) for c, k, s in shapes)
        self.group_norm = nn.GroupNorm(channels, channels)
        self.feature_norm, self.feature_out = nn.LayerNorm(channels), nn.Linear(channels, width)
        self.position = nn.utils.weight_norm(nn.Conv1d(width, width, 16, padding=8, groups=4), name="weight", dim=2)
        self.norm = nn.LayerNorm(width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, F.gelu, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, input_values):
        x = input_values[:, None]
        for i, conv in enumerate(self.convs):
            x = conv(x)
            x = F.gelu(self.group_norm(x) if i == 0 else x)
        x = self.feature_out(self.feature_norm(x.transpose(1, 2)))
        # An even kernel gives one position too many.
        position = F.gelu(self.position(x.transpose(1, 2))[:, :, :-1])
        x = self.norm(x + position.transpose(1, 2))
        return self.head(self.encoder(x))


# ===-----------------------------------------------------------------------===#
# Perceptrons with BatchNormalization, one per activation; a residual ConvNet
# ===-----------------------------------------------------------------------===#

ACTIVATIONS = [
    nn.ReLU(), nn.LeakyReLU(0.1), nn.ELU(), nn.SELU(), nn.CELU(), nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU(),
    nn.Mish(), nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.Softsign(), nn.Hardsigmoid(), nn.Hardswish(), nn.Hardtanh(),
    nn.ReLU6(), nn.PReLU(16), nn.Softmax(dim=-1), nn.LogSoftmax(dim=-1), nn.Tanhshrink(), nn.Hardshrink(0.1),
    nn.Softshrink(0.1), nn.LogSigmoid(), nn.Threshold(0.0, 0.0),
]


class MLP(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        layers = []
        for activation in ACTIVATIONS:
            layers += [nn.Linear(width, width), nn.BatchNorm1d(width), activation]
        self.layers = nn.Sequential(*layers)
        self.glu = nn.Sequential(nn.Linear(width, 2 * width), nn.GLU(), nn.Linear(width, 4))

    def forward(self, x):
        return self.glu(self.layers(x))


class Residual(nn.Module):
    def __init__(self, ins, outs, stride):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(ins, outs, 3, stride, 1, bias=False), nn.BatchNorm2d(outs)
        self.conv2, self.norm2 = nn.Conv2d(outs, outs, 3, 1, 1, bias=False), nn.BatchNorm2d(outs)
        self.skip = nn.Sequential(nn.Conv2d(ins, outs, 1, stride, bias=False), nn.BatchNorm2d(outs))

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.skip(x))


class ConvNet(nn.Module):
    def __init__(self, width=16, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
                                  nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.Sequential(Residual(width, width, 1), Residual(width, 2 * width, 2))
        self.depthwise = nn.Sequential(nn.Conv2d(2 * width, 2 * width, 3, 1, 1, groups=2 * width),
                                       nn.Conv2d(2 * width, 2 * width, 1), nn.ReLU6())
        self.dilated = nn.Conv2d(2 * width, 2 * width, 3, padding=2, dilation=2, groups=2)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, pixel_values):
        x = self.dilated(self.depthwise(self.blocks(self.stem(pixel_values))))
        x = F.avg_pool2d(F.pad(x, (0, 1, 0, 1), mode="reflect"), 2, 2, ceil_mode=True)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))
