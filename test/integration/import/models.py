#===- models.py - small models as front ends write them -------------------===#
#
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Each model is a product of [3, 64] with a weight, [8, 64], or one for each
# format, and what its front end puts around it, with an input and the outputs
# that the definition of the format gives in double precision. No MLIR, no NumPy.
#
#===-----------------------------------------------------------------------===#
"""Usage: models.py FOLDER

Writes NAME.mlir, NAME.x.npy and, for each output, NAME.yI.npy for each model."""

import math
import pathlib
import random
import struct
import sys

M, N, K, BLOCK = 3, 8, 64, 32
GROUPS = K // BLOCK


def rounded(value):
    """The f32 nearest to a number."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def numbers(random, rows, columns, scale=1.0):
    return [[rounded(random.gauss(0, scale)) for _ in range(columns)]
            for _ in range(rows)]


def flat(values):
    if not isinstance(values, list):
        return [values]
    return [number for part in values for number in flat(part)]


def shape(values):
    return [len(values)] + shape(values[0]) if isinstance(values, list) else []


def write_npy(path, values):
    extents = ", ".join(str(extent) for extent in shape(values))
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({extents}), }}"
    header = header.ljust(117) + "\n"
    data = flat(values)
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        file.write(header.encode() + struct.pack(f"<{len(data)}f", *data))


def dense(values, element):
    """A constant: type and elements."""
    extents = "x".join(str(extent) for extent in shape(values))
    text = str(values) if element[0] == "i" else \
        str(values).replace("e-0", "e-")
    return f"dense<{text}> : tensor<{extents}x{element}>"


def product(inputs, weight):
    return [[sum(a * b for a, b in zip(x, w)) for w in weight] for x in inputs]


def blocks(rows):
    """[rows, K] as [rows, K / BLOCK, BLOCK]."""
    return [[row[g * BLOCK:(g + 1) * BLOCK] for g in range(GROUPS)] for row in rows]


def torch_float(random):
    """linalg.matmul with the transpose of [N, K], a bias, and GELU."""
    x, w = numbers(random, M, K), numbers(random, N, K, 0.1)
    bias = numbers(random, 1, N)[0]
    y = [[(v + b) / 2 * (1 + math.erf((v + b) / math.sqrt(2)))
          for v, b in zip(row, bias)] for row in product(x, w)]
    text = f"""
#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d1)>
ml_program.global private @fc.weight({dense(w, "f32")}) : tensor<{N}x{K}xf32>
func.func @main(%x: tensor<{M}x{K}xf32>) -> tensor<{M}x{N}xf32> {{
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %sqrt2 = arith.constant 1.41421356 : f32
  %w = ml_program.global_load_const @fc.weight : tensor<{N}x{K}xf32>
  %b = arith.constant {dense(bias, "f32")}
  %e = tensor.empty() : tensor<{K}x{N}xf32>
  %t = linalg.transpose ins(%w : tensor<{N}x{K}xf32>) outs(%e : tensor<{K}x{N}xf32>) permutation = [1, 0]
  %ye = tensor.empty() : tensor<{M}x{N}xf32>
  %yz = linalg.fill ins(%zero : f32) outs(%ye : tensor<{M}x{N}xf32>) -> tensor<{M}x{N}xf32>
  %y = linalg.matmul ins(%x, %t : tensor<{M}x{K}xf32>, tensor<{K}x{N}xf32>) outs(%yz : tensor<{M}x{N}xf32>) -> tensor<{M}x{N}xf32>
  %s = linalg.generic {{indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}} ins(%y, %b : tensor<{M}x{N}xf32>, tensor<{N}xf32>) outs(%ye : tensor<{M}x{N}xf32>) {{
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %0 = arith.addf %in, %bias : f32
    linalg.yield %0 : f32
  }} -> tensor<{M}x{N}xf32>
  %g = linalg.generic {{indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}} ins(%s : tensor<{M}x{N}xf32>) outs(%ye : tensor<{M}x{N}xf32>) {{
  ^bb0(%in: f32, %out: f32):
    %0 = arith.divf %in, %sqrt2 : f32
    %1 = math.erf %0 : f32
    %2 = arith.addf %1, %one : f32
    %3 = arith.mulf %2, %half : f32
    %4 = arith.mulf %in, %3 : f32
    linalg.yield %4 : f32
  }} -> tensor<{M}x{N}xf32>
  return %g : tensor<{M}x{N}xf32>
}}
"""
    return text, x, y


def torch_group(random):
    """quant.matmul_rhs_group_quant, as torch-mlir lowers it."""
    x = numbers(random, M, K)
    codes = [[random.randrange(16) for _ in range(K)] for _ in range(N)]
    scales = [[[random.randrange(1, 64) / 256] for _ in range(GROUPS)] for _ in range(N)]
    points = [[[float(random.randrange(16))] for _ in range(GROUPS)] for _ in range(N)]
    w = [flat([[(c - points[n][g][0]) * scales[n][g][0] for c in block]
               for g, block in enumerate(row)]) for n, row in enumerate(blocks(codes))]
    grouped = f"tensor<{N}x{GROUPS}x{BLOCK}x"
    text = f"""
#id = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#group = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#lhs = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
#rhs = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3)>
#out = affine_map<(d0, d1, d2, d3) -> (d0, d1)>
func.func @main(%x: tensor<{M}x{K}xf32>) -> tensor<{M}x{N}xf32> {{
  %zero = arith.constant 0.0 : f32
  %q = arith.constant {dense([[c - 16 if c > 7 else c for c in row] for row in codes], "i4")}
  %s = arith.constant {dense(scales, "f32")}
  %z = arith.constant {dense(points, "f32")}
  %xg = tensor.expand_shape %x [[0], [1, 2]] output_shape [{M}, {GROUPS}, {BLOCK}] : tensor<{M}x{K}xf32> into tensor<{M}x{GROUPS}x{BLOCK}xf32>
  %qg = tensor.expand_shape %q [[0], [1, 2]] output_shape [{N}, {GROUPS}, {BLOCK}] : tensor<{N}x{K}xi4> into {grouped}i4>
  %e = tensor.empty() : {grouped}f32>
  %w = linalg.generic {{indexing_maps = [#id, #group, #group, #id], iterator_types = ["parallel", "parallel", "parallel"]}} ins(%qg, %s, %z : {grouped}i4>, tensor<{N}x{GROUPS}x1xf32>, tensor<{N}x{GROUPS}x1xf32>) outs(%e : {grouped}f32>) {{
  ^bb0(%in: i4, %scale: f32, %point: f32, %unused: f32):
    %0 = arith.extui %in : i4 to i32
    %1 = arith.uitofp %0 : i32 to f32
    %2 = arith.subf %1, %point : f32
    %3 = arith.mulf %2, %scale : f32
    linalg.yield %3 : f32
  }} -> {grouped}f32>
  %ye = tensor.empty() : tensor<{M}x{N}xf32>
  %yz = linalg.fill ins(%zero : f32) outs(%ye : tensor<{M}x{N}xf32>) -> tensor<{M}x{N}xf32>
  %y = linalg.generic {{indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}} ins(%xg, %w : tensor<{M}x{GROUPS}x{BLOCK}xf32>, {grouped}f32>) outs(%yz : tensor<{M}x{N}xf32>) {{
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %sum : f32
    linalg.yield %1 : f32
  }} -> tensor<{M}x{N}xf32>
  return %y : tensor<{M}x{N}xf32>
}}
"""
    return text, x, product(x, w)


def tosa(random):
    """tosa.matmul with a constant [1, K, N], tosa.add and tosa.clamp."""
    x, w = numbers(random, M, K), numbers(random, K, N, 0.1)
    bias = numbers(random, 1, N)[0]
    y = product(x, [list(column) for column in zip(*w)])
    y = [[max(v + b, 0) for v, b in zip(row, bias)] for row in y]
    text = f"""
func.func @main(%x: tensor<1x{M}x{K}xf32>) -> tensor<1x{M}x{N}xf32> {{
  %zero = "tosa.const"() {{values = dense<0.0> : tensor<1xf32>}} : () -> tensor<1xf32>
  %w = "tosa.const"() {{values = {dense([w], "f32")}}} : () -> tensor<1x{K}x{N}xf32>
  %b = "tosa.const"() {{values = {dense([[bias]], "f32")}}} : () -> tensor<1x1x{N}xf32>
  %y = tosa.matmul %x, %w, %zero, %zero : (tensor<1x{M}x{K}xf32>, tensor<1x{K}x{N}xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x{M}x{N}xf32>
  %s = tosa.add %y, %b : (tensor<1x{M}x{N}xf32>, tensor<1x1x{N}xf32>) -> tensor<1x{M}x{N}xf32>
  %r = tosa.clamp %s {{min_val = 0.0 : f32, max_val = 3.4028235e38 : f32}} : (tensor<1x{M}x{N}xf32>) -> tensor<1x{M}x{N}xf32>
  return %r : tensor<1x{M}x{N}xf32>
}}
"""
    return text, [x], [y]


# Element type: largest number, smallest exponent, bits of the mantissa.
ELEMENTS = {
    "f4E2M1FN": (6, 0, 1),
    "f6E2M3FN": (7.5, 0, 3),
    "f6E3M2FN": (28, -2, 2),
    "f8E4M3FN": (448, -6, 3),
    "f8E5M2": (57344, -14, 2),
    "!tosa.mxint8": (127 / 64, 0, 6),
}


def to_blocks(block, element):
    """The block's scale, a power of two, and its numbers over it, rounded."""
    largest, exponent, mantissa = ELEMENTS[element]
    scale = 2.0 ** math.ceil(math.log2(max(abs(v) for v in block) / largest))

    def nearest(v):
        leading = math.floor(math.log2(abs(v))) if v else exponent
        quantum = 2.0 ** (max(leading, exponent) - mantissa)
        return round(v / quantum) * quantum  # half to even
    return scale, [nearest(v / scale) for v in block]


def block_scaled(rows, element):
    """Data, scales and the values of both."""
    pairs = [[to_blocks(block, element) for block in row] for row in blocks(rows)]
    return ([flat([data for _, data in row]) for row in pairs],
            [[scale for scale, _ in row] for row in pairs],
            [flat([[scale * v for v in data] for scale, data in row]) for row in pairs])


def tosa_block_scaled(random):
    """Products of block-scaled weights and activations, one of each format."""
    x = numbers(random, M, K, 3)
    lines, results, outputs, resources = [], [], [], []
    for i, element in enumerate(ELEMENTS):
        data, scales, w = block_scaled(numbers(random, N, K, 0.1), element)
        outputs.append([product(block_scaled(x, element)[2], w)])
        values = dense([data], element)
        if element == "!tosa.mxint8":
            # No text form for numbers: bytes, and four for their alignment.
            raw = bytes(int(v * 64) & 255 for v in flat(data))
            resources.append(f'mx: "0x01000000{raw.hex()}"')
            values = f"dense_resource<mx> : tensor<1x{N}x{K}x{element}>"
        types = [f"tensor<1x{rows}x{columns}x{type}>" for rows, columns, type in (
            (M, K, element), (M, GROUPS, "f8E8M0FNU"), (N, K, element), (N, GROUPS, "f8E8M0FNU"))]
        lines += [
            f'%w{i} = "tosa.const"() {{values = {values}}} : () -> {types[2]}',
            f'%s{i} = "tosa.const"() {{values = {dense([scales], "f8E8M0FNU")}}} : () -> {types[3]}',
            f"%a{i}, %t{i} = tosa.cast_to_block_scaled %x {{block_size = BLOCK_SIZE_32}} : "
            f"(tensor<1x{M}x{K}xf32>) -> ({types[0]}, {types[1]})",
            f"%y{i} = tosa.matmul_t_block_scaled %a{i}, %t{i}, %w{i}, %s{i} {{block_size = BLOCK_SIZE_32}} : "
            f"({', '.join(types)}) -> tensor<1x{M}x{N}xf32>"]
        results.append(f"%y{i}")
    types = ", ".join([f"tensor<1x{M}x{N}xf32>"] * len(results))
    body = "\n  ".join(lines)
    text = f"""
func.func @main(%x: tensor<1x{M}x{K}xf32>) -> ({types}) {{
  {body}
  return {", ".join(results)} : {types}
}}
{{-#
  dialect_resources: {{ builtin: {{ {", ".join(resources)} }} }}
#-}}
"""
    return text, [x], *outputs


def quant(random):
    """An int8 activation per tensor and an i4 weight in blocks of 32."""
    x = numbers(random, M, K)
    codes = [[random.randrange(-8, 8) for _ in range(K)] for _ in range(N)]
    scales = [[random.randrange(1, 64) / 256 for _ in range(GROUPS)] for _ in range(N)]
    points = [[random.randrange(-8, 8) for _ in range(GROUPS)] for _ in range(N)]
    w = [flat([[(c - points[n][g]) * scales[n][g] for c in block]
               for g, block in enumerate(row)]) for n, row in enumerate(blocks(codes))]
    step, zero = 0.03125, 3
    xq = [[(min(max(round(v / step + zero), -128), 127) - zero) * step for v in row]
          for row in x]
    pairs = ", ".join("{" + ", ".join(f"{s}:{z}" for s, z in zip(*row)) + "}"
                      for row in zip(scales, points))
    weight = f"!quant.uniform<i4:f32:{{0:1, 1:{BLOCK}}}, {{{pairs}}}>"
    input = f"!quant.uniform<i8:f32, {step}:{zero}>"
    text = f"""
func.func @main(%x: tensor<{M}x{K}xf32>) -> tensor<{M}x{N}xf32> {{
  %zero = arith.constant 0.0 : f32
  %c = arith.constant {dense(codes, "i4")}
  %q = quant.scast %c : tensor<{N}x{K}xi4> to tensor<{N}x{K}x{weight}>
  %w = quant.dcast %q : tensor<{N}x{K}x{weight}> to tensor<{N}x{K}xf32>
  %xq = quant.qcast %x : tensor<{M}x{K}xf32> to tensor<{M}x{K}x{input}>
  %xd = quant.dcast %xq : tensor<{M}x{K}x{input}> to tensor<{M}x{K}xf32>
  %e = tensor.empty() : tensor<{K}x{N}xf32>
  %t = linalg.transpose ins(%w : tensor<{N}x{K}xf32>) outs(%e : tensor<{K}x{N}xf32>) permutation = [1, 0]
  %ye = tensor.empty() : tensor<{M}x{N}xf32>
  %yz = linalg.fill ins(%zero : f32) outs(%ye : tensor<{M}x{N}xf32>) -> tensor<{M}x{N}xf32>
  %y = linalg.matmul ins(%xd, %t : tensor<{M}x{K}xf32>, tensor<{K}x{N}xf32>) outs(%yz : tensor<{M}x{N}xf32>) -> tensor<{M}x{N}xf32>
  return %y : tensor<{M}x{N}xf32>
}}
"""
    return text, x, product(xq, w)


def main():
    folder = pathlib.Path(sys.argv[1])
    for make in (torch_float, torch_group, tosa, tosa_block_scaled, quant):
        text, x, *outputs = make(random.Random(make.__name__))
        name = make.__name__.replace("_", "-")
        (folder / f"{name}.mlir").write_text(text)
        write_npy(folder / f"{name}.x.npy", x)
        for i, y in enumerate(outputs):
            write_npy(folder / f"{name}.y{i}.npy", y)


main()
