# ===- modules.py - the architectures that exporters write ----------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Small modules with the structure, and the tensor idioms, of well-known models:
# what matters for a compiler is which operators an exporter writes and how
# shapes depend on inputs, not how large the layers are. Written from the
# published descriptions; weights are random.
#
# ===-----------------------------------------------------------------------===#
import torch

from decoders import GPT2, Llama  # noqa: F401
from encoder_decoders import T5, Whisper  # noqa: F401
from encoders import Bert, CLIP, ViT, Wav2Vec2  # noqa: F401
from perceptrons import ConvNet, MLP  # noqa: F401
from segments import LocalAttention, UNet, XLNet  # noqa: F401

torch.set_default_dtype(torch.float32)
