# ===- encoders.py - encoders and towers ----------------------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
import math

import torch
from torch import nn
import torch.nn.functional as F

from encoder_decoders import Attention
from heads import merge_heads, split_heads


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
