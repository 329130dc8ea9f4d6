# ===- perceptrons.py - perceptrons and convolutional networks ------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===-----------------------------------------------------------------------===#
from torch import nn
import torch.nn.functional as F


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
