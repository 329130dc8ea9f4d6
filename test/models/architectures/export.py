# ===- export.py - exports every architecture with torch.onnx ---------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: /usr/bin/python3 export.py FOLDER [NAME[@OPSET]...]
#
# Writes, for each case, FOLDER/NAME.onnx and FOLDER/NAME.safetensors, which holds
# sets of inputs and torch's outputs as SET/in/NAME and SET/out/NAME. Sets differ
# in batch and length, so that a dynamic dimension is run with several values.
# Needs python3-torch and python3-onnx of Debian 12 (torch 1.13: opset 11 to 17).
#
# ===-----------------------------------------------------------------------===#
import json
import os
import struct
import sys
import warnings

import numpy as np
import torch

import modules as m

warnings.filterwarnings("ignore")
torch.set_num_threads(1)


def ids(*shape, vocabulary=64):
    return torch.randint(0, vocabulary, shape)


def mask(batch, length):
    """Ones, with one row padded at its end."""
    result = torch.ones(batch, length, dtype=torch.long)
    result[-1, max(1, length - 2) :] = 0
    return result


def cache(batch, heads, length, size, count):
    return [torch.randn(batch, heads, length, size) for _ in range(count)]


def names(prefix, layers):
    return [f"{prefix}.{i}.{kind}" for i in range(layers) for kind in ("key", "value")]


class Case:
    """One exported file: a module, its interface, and sets of inputs."""

    def __init__(self, module, inputs, outputs, axes, sets, opset, **options):
        self.module, self.inputs, self.outputs, self.axes = module, inputs, outputs, axes
        self.sets, self.opset, self.options = sets, opset, options


def language_axes(inputs, past_inputs, present):
    axes = {name: {0: "batch", 1: "seq"} for name in inputs}
    axes["logits"] = {0: "batch", 1: "seq"}
    for name in past_inputs:
        axes[name] = {0: "batch", 2: "past_seq"}
    for name in present:
        axes[name] = {0: "batch", 2: "past_seq + seq"}
    if past_inputs:
        axes["attention_mask"] = {0: "batch", 1: "past_seq + seq"}
    return axes


def decoder_case(kind, opset, cached, **options):
    module = kind(cached=cached, **options)
    heads, size = (2, 8) if kind is m.Llama else (4, 6)
    inputs, outputs = ["input_ids", "attention_mask"], ["logits"]
    if not cached:
        sets = [(ids(b, s), mask(b, s)) for b, s in ((1, 7), (2, 5), (1, 1))]
        return Case(module, inputs, outputs, language_axes(inputs, [], []), sets, opset)
    past, present = names("past_key_values", 2), names("present", 2)
    axes = language_axes(inputs, past, present)
    sets = []
    for b, s, p in ((1, 1, 6), (2, 3, 4)):
        sets.append((ids(b, s), torch.ones(b, p + s, dtype=torch.long), *cache(b, heads, p, size, 4)))
    return Case(module, inputs + past, outputs + present, axes, sets, opset)


def cases():
    yield "bert", lambda opset=14: Case(
        m.Bert(), ["input_ids", "attention_mask", "token_type_ids"], ["last_hidden_state", "pooler_output"],
        {**{n: {0: "batch", 1: "seq"} for n in ("input_ids", "attention_mask", "token_type_ids", "last_hidden_state")},
         "pooler_output": {0: "batch"}},
        [(ids(b, s), mask(b, s), ids(b, s, vocabulary=2)) for b, s in ((1, 9), (3, 4))], opset)
    yield "gpt2", lambda opset=13: decoder_case(m.GPT2, opset, False)
    yield "gpt2-past", lambda opset=11: decoder_case(m.GPT2, opset, True)
    yield "llama", lambda opset=14: decoder_case(m.Llama, opset, False)
    yield "llama-past", lambda opset=15: decoder_case(m.Llama, opset, True)
    yield "vit", lambda opset=12: Case(
        m.ViT(), ["pixel_values"], ["logits"], {"pixel_values": {0: "batch"}, "logits": {0: "batch"}},
        [(torch.randn(b, 3, 32, 32),) for b in (1, 2)], opset)
    yield "whisper", lambda opset=17: Case(
        m.Whisper(), ["mel", "tokens"], ["logits", "encoded"],
        {"mel": {0: "batch", 2: "frames"}, "tokens": {0: "batch", 1: "length"},
         "logits": {0: "batch", 1: "length"}, "encoded": {0: "batch", 1: "half"}},
        [(torch.randn(b, 16, f), ids(b, s)) for b, f, s in ((1, 48, 5), (2, 30, 3))], opset)
    yield "t5", lambda opset=13: Case(
        m.T5(), ["input_ids", "attention_mask", "decoder_input_ids"], ["logits"],
        {"input_ids": {0: "batch", 1: "seq"}, "attention_mask": {0: "batch", 1: "seq"},
         "decoder_input_ids": {0: "batch", 1: "decoder_seq"}, "logits": {0: "batch", 1: "decoder_seq"}},
        [(ids(b, s), mask(b, s), ids(b, d)) for b, s, d in ((1, 30, 6), (2, 7, 12))], opset)
    yield "clip", lambda opset=14: Case(
        m.CLIP(), ["input_ids", "pixel_values"], ["logits_per_text", "text_embeds", "image_embeds"],
        {"input_ids": {0: "texts", 1: "seq"}, "pixel_values": {0: "images"}, "text_embeds": {0: "texts"},
         "logits_per_text": {0: "texts", 1: "images"}, "image_embeds": {0: "images"}},
        [(ids(t, s), torch.randn(i, 3, 32, 32)) for t, s, i in ((1, 7, 1), (3, 5, 2))], opset)
    yield "wav2vec2", lambda opset=14: Case(
        m.Wav2Vec2(), ["input_values"], ["logits"],
        {"input_values": {0: "batch", 1: "samples"}, "logits": {0: "batch", 1: "frames"}},
        [(torch.randn(b, n),) for b, n in ((1, 1200), (2, 803))], opset)
    yield "mlp", lambda opset=16: Case(
        m.MLP(), ["x"], ["y"], {"x": {0: "batch"}, "y": {0: "batch"}},
        [(torch.randn(b, 16),) for b in (1, 5)], opset, do_constant_folding=False)
    yield "convnet", lambda opset=11: Case(
        m.ConvNet(), ["pixel_values"], ["logits"],
        {"pixel_values": {0: "batch", 2: "height", 3: "width"}, "logits": {0: "batch"}},
        [(torch.randn(b, 3, h, w),) for b, h, w in ((1, 32, 32), (2, 40, 28))], opset)
    tokens = {0: "batch", 1: "seq"}
    yield "local", lambda opset=14: Case(
        m.LocalAttention(), ["input_ids", "attention_mask"], ["hidden"],
        {"input_ids": tokens, "attention_mask": tokens, "hidden": tokens},
        [(ids(b, s), mask(b, s)) for b, s in ((1, 12), (2, 8), (1, 4))], opset)
    yield "xlnet", lambda opset=14: Case(
        m.XLNet(), ["input_ids"], ["hidden"], {"input_ids": tokens, "hidden": tokens},
        [(ids(b, s),) for b, s in ((1, 7), (2, 5))], opset)
    yield "unet", lambda opset=14: Case(
        m.UNet(), ["pixels"], ["classes"],
        {name: {0: "batch", 2: "height", 3: "width"} for name in ("pixels", "classes")},
        [(torch.randn(b, 1, h, w),) for b, h, w in ((1, 16, 15), (2, 13, 18))], opset)


TYPES = {"float32": "F32", "int64": "I64"}


def write_safetensors(path, arrays):
    """Tensors with wide elements first, so that each is aligned."""
    header, data = {}, b""
    for name, array in sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])):
        array = np.ascontiguousarray(array)
        header[name] = {"dtype": TYPES[str(array.dtype)], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 64)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def settle(module):
    """Statistics and scales as after some training, so that none is trivial."""
    for child in module.modules():
        if isinstance(child, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            child.running_mean.normal_(0, 0.2)
            child.running_var.uniform_(0.5, 1.5)
        if isinstance(child, (torch.nn.LayerNorm, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d, torch.nn.GroupNorm)):
            child.weight.data.uniform_(0.7, 1.3)
            child.bias.data.normal_(0, 0.1)
    return module.eval()


def scale_outputs(module, inputs):
    """Outputs of unit scale, so that an absolute difference means the same in every architecture."""
    first = module(*inputs)
    first = first[0] if isinstance(first, (tuple, list)) else first
    heads = [child for kind in (torch.nn.Conv2d, torch.nn.Linear) for child in module.modules() if isinstance(child, kind)]
    deviation = first.std().item()
    if deviation < 0.5:
        for parameter in heads[-1].parameters():
            parameter.data /= deviation


def export(folder, name, case):
    module = settle(case.module)
    with torch.no_grad():
        scale_outputs(module, case.sets[0])
    path = os.path.join(folder, name + ".onnx")
    # Without gradients torch takes fused layers that it cannot export.
    torch.onnx.export(module, case.sets[-1 if len(case.sets) < 3 else 1], path, input_names=case.inputs,
                      output_names=case.outputs, dynamic_axes=case.axes, opset_version=case.opset, **case.options)
    arrays = {}
    for number, inputs in enumerate(case.sets):
        outputs = module(*inputs)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        arrays |= {f"{number}/in/{n}": t.numpy() for n, t in zip(case.inputs, inputs)}
        arrays |= {f"{number}/out/{n}": t.detach().numpy() for n, t in zip(case.outputs, outputs)}
    write_safetensors(os.path.join(folder, name + ".safetensors"), arrays)


def main():
    folder, chosen = sys.argv[1], sys.argv[2:]
    os.makedirs(folder, exist_ok=True)
    for name, make in cases():
        base, _, opset = next((c for c in chosen if c.partition("@")[0] == name), "").partition("@")
        if chosen and not base:
            continue
        torch.manual_seed(7)
        case = make(int(opset)) if opset else make()
        export(folder, name + (f"@{opset}" if opset else ""), case)
        print(name, "opset", case.opset, os.path.getsize(os.path.join(folder, name + (f"@{opset}" if opset else "") + ".onnx")))


main()
