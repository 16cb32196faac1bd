"""Writes tests/golden.h5: what PyTorch computes, in double, on inputs that are floats.

For the maintainer, when a case is added; the tests need only the file. The same torch writes the
same bytes. Weights bear the names that they have in lengthwise's models, matrices as [in, out].
"""

import math
import sys
import zlib
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn
from torch.nn import functional

BARE = "This is a netCDF dimension but not a netCDF variable. %10d"


class Vectors:
    """Named arrays, each kept as floats."""

    def __init__(self):
        self.arrays = {}

    def add(self, case: str, **tensors):
        self.add_all(case, tensors)

    def add_all(self, case: str, tensors: dict):
        for name, tensor in tensors.items():
            assert f"{case}.{name}" not in self.arrays
            self.arrays[f"{case}.{name}"] = np.asarray(tensor.detach().numpy(), dtype=np.float32)

    def write(self, path: Path):
        """One row per array; their values stand one after the other in a variable of their own."""
        names, axes = list(self.arrays), max(a.ndim for a in self.arrays.values())
        shapes = [list(a.shape) + [0] * (axes - a.ndim) for a in self.arrays.values()]
        values = np.concatenate([a.ravel() for a in self.arrays.values()])
        with h5py.File(path, "w") as file:
            file.attrs["title"] = "outputs and gradients of PyTorch, to hold lengthwise to"
            file.attrs["torch_version"] = str(torch.__version__)
            for name, extent in {"run": len(names), "axis": axes}.items():
                file.create_dataset(name, (extent,), ">f4").make_scale(BARE % extent)
            file.create_dataset("value", data=values, dtype="<f4").make_scale("value")
            file.create_dataset("name", data=names, dtype=h5py.string_dtype())
            file.create_dataset("shape", data=shapes, dtype="<i8")
            for column, dimensions in {"name": ["run"], "shape": ["run", "axis"]}.items():
                for axis, dimension in enumerate(dimensions):
                    file[column].dims[axis].attach_scale(file[dimension])
            file["shape"].attrs["long_name"] = "extents of the array, 0 past its last axis"
            file["value"].attrs["long_name"] = "values of all arrays in row-major order"


def seed(case: str):
    """A case's draws are its own: another case does not change them."""
    torch.manual_seed(zlib.crc32(case.encode()))


def draw(*shape, mean=0.0, deviation=1.0):
    """Normal values that are floats, as a double that gathers its gradient."""
    values = torch.randn(*shape, dtype=torch.float32) * deviation + mean
    return values.double().requires_grad_()


def redraw(module: nn.Module, deviation: float):
    """Every parameter anew: nothing stays 0 or 1 and hides an error."""
    for name, parameter in module.named_parameters():
        is_gain = "norm" in name and name.endswith("weight")
        parameter.data = draw(*parameter.shape, mean=float(is_gain), deviation=deviation).data


def backward(output: torch.Tensor) -> torch.Tensor:
    """Gradients of all that `output` was made of, for a random slope of it, which is returned."""
    slope = draw(*output.shape).detach()
    (output * slope).sum().backward()
    return slope


def alibi_slopes(heads: int) -> list:
    """As in the code published with the paper, for any number of heads."""
    if math.log2(heads).is_integer():
        start = 2 ** (-(2 ** -(math.log2(heads) - 3)))
        return [start * start**i for i in range(heads)]
    closest = 2 ** math.floor(math.log2(heads))
    return alibi_slopes(closest) + alibi_slopes(2 * closest)[0::2][: heads - closest]


def attention(vectors: Vectors, case: str, queries: int, keys: int, heads: int, groups: int,
              causal: bool, biased: bool = False):
    seed(case)
    batch, width = 2, 5
    q, k, v = draw(batch, queries, heads, width), *(
        draw(batch, keys, groups, width) for _ in range(2))
    by_head = [x.repeat_interleave(heads // x.shape[2], dim=2).transpose(1, 2) for x in (q, k, v)]
    bias = None
    if biased:
        distance = (torch.arange(keys)[None, :] - torch.arange(queries)[:, None]).abs()
        bias = -torch.tensor(alibi_slopes(heads))[:, None, None] * distance
        ahead = torch.ones(queries, keys, dtype=torch.bool).triu(1)
        bias = bias.masked_fill(ahead, -math.inf) if causal else bias
    output, _ = functional._scaled_dot_product_attention(
        *by_head, attn_mask=bias, is_causal=causal and not biased)
    output = output.transpose(1, 2)
    slope = backward(output)
    vectors.add(case, q=q, k=k, v=v, output=output, slope=slope)
    vectors.add(f"{case}.gradient", q=q.grad, k=k.grad, v=v.grad)


def optimizer_of(parameters: list) -> torch.optim.AdamW:
    """As lengthwise has it: matrices decay, gains and biases do not."""
    return torch.optim.AdamW([{"params": [p for p in parameters if p.ndim == 2],
                               "weight_decay": 0.1},
                              {"params": [p for p in parameters if p.ndim == 1],
                               "weight_decay": 0.0}], lr=1e-2, betas=(0.9, 0.98), eps=1e-8)


def operations(vectors: Vectors):
    seed("operations")
    # The second is so small that epsilon shows.
    for case, deviation in {"layer_norm": 3, "layer_norm_of_little": 3e-3}.items():
        x, gain, bias = draw(7, 33, mean=deviation, deviation=deviation), draw(33), draw(33)
        output = functional.layer_norm(x, (33,), gain, bias)
        vectors.add(case, x=x, gain=gain, bias=bias, output=output, slope=backward(output))
        vectors.add(f"{case}.gradient", x=x.grad, gain=gain.grad, bias=bias.grad)

    # Apart, so that errors near zero are not measured by what is far.
    for case, deviation in {"gelu": 1, "gelu_far": 6}.items():
        x = draw(150, deviation=deviation)
        output = functional.gelu(x)
        vectors.add(case, x=x, output=output, slope=backward(output))
        vectors.add(f"{case}.gradient", x=x.grad)

    for percent in (0, 10):
        case, logits = f"cross_entropy_{percent}", draw(6, 11, deviation=3)
        targets = torch.randint(11, (6,))
        loss = functional.cross_entropy(logits, targets, label_smoothing=percent / 100)
        loss.backward()
        vectors.add(case, logits=logits, targets=targets, loss=loss.reshape(1))
        vectors.add(f"{case}.gradient", logits=logits.grad)


def adamw(vectors: Vectors):
    seed("adamw")
    steps, parameters = 10, {"matrix": draw(4, 6), "bias": draw(6)}
    vectors.add_all("adamw.before", parameters)
    sizes = torch.tensor([1e-9, 1e-8, 1e-6, 1e-3, 1, 1e2])  # about epsilon, and far above
    gradients = {name: (draw(steps, *p.shape) * sizes).detach().float().double()
                 for name, p in parameters.items()}
    after = {name: [] for name in parameters}
    optimizer = optimizer_of(list(parameters.values()))
    for step in range(steps):
        for name, parameter in parameters.items():
            parameter.grad = gradients[name][step]
        optimizer.step()
        for name, parameter in parameters.items():
            after[name].append(parameter.detach().clone())
    vectors.add_all("adamw.gradient", gradients)
    vectors.add_all("adamw.after", {name: torch.stack(each) for name, each in after.items()})


class AttentionLayer(nn.Module):
    """Post-norm nn.MultiheadAttention without a feed-forward layer."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm1 = nn.LayerNorm(width)

    def forward(self, x, src_mask=None, src_key_padding_mask=None):
        mixed, _ = self.self_attn(x, x, x, key_padding_mask=src_key_padding_mask,
                                  attn_mask=src_mask)
        return self.norm1(x + mixed)


class Names(dict):
    """pick(parameter), the parameter or its gradient, by lengthwise's names."""

    def __init__(self, pick):
        super().__init__()
        self.pick = pick

    def put(self, name: str, module: nn.Module, first: str = "weight"):
        weight = self.pick(module.weight)
        self[f"{name}.{first}"] = weight.T if weight.ndim == 2 else weight
        self[f"{name}.bias"] = self.pick(module.bias)

    def put_norm(self, name: str, module: nn.Module):
        if module is not None:
            self.put(name, module, "gain")

    def put_attention(self, at: str, mix: nn.MultiheadAttention):
        weights = self.pick(mix.in_proj_weight).chunk(3)
        biases = self.pick(mix.in_proj_bias).chunk(3)
        for name, weight, bias in zip(("query", "key", "value"), weights, biases):
            self[f"{at}{name}.weight"], self[f"{at}{name}.bias"] = weight.T, bias
        self.put(f"{at}output", mix.out_proj)

    def put_layer(self, at: str, layer: nn.Module):
        self.put_attention(at, layer.self_attn)
        self.put_norm(f"{at}attention_norm", layer.norm1)
        last_norm = layer.norm2 if hasattr(layer, "norm2") else None
        if hasattr(layer, "multihead_attn"):
            self.put_attention(f"{at}cross_", layer.multihead_attn)
            self.put_norm(f"{at}cross_norm", layer.norm2)
            last_norm = layer.norm3
        if hasattr(layer, "linear1"):
            self.put_norm(f"{at}feed_forward_norm", last_norm)
            self.put(f"{at}widen", layer.linear1)
            self.put(f"{at}narrow", layer.linear2)

    def put_layers(self, prefix: str, layers):
        for index, layer in enumerate(layers):
            self.put_layer(f"{prefix}layers.{index}.", layer)


class Model(nn.Module):
    """Layers of torch between an embedding and a head, free or tied as lengthwise has them."""

    def __init__(self, vocabulary: int, layers: list, norm_first: bool, positions: int = 0):
        super().__init__()
        self.width = layers[0].self_attn.embed_dim
        self.embedding = nn.Embedding(vocabulary, self.width)
        self.table = nn.Parameter(torch.zeros(positions, self.width)) if positions else None
        self.layers = nn.ModuleList(layers)
        self.final_norm = nn.LayerNorm(self.width) if norm_first else None
        self.head = None if positions else nn.Linear(self.width, vocabulary)

    def forward(self, tokens, **masks):
        x = self.embedding(tokens)
        if self.table is not None:
            x = x * math.sqrt(self.width) + self.table[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, **masks)
        x = self.final_norm(x) if self.final_norm else x
        return self.head(x) if self.head else x @ self.embedding.weight.T

    def named(self, pick) -> dict:
        names = Names(pick)
        names["embedding"] = pick(self.embedding.weight)
        if self.table is not None:
            names["position.table"] = pick(self.table)
        names.put_layers("", self.layers)
        names.put_norm("final_norm", self.final_norm)
        if self.head:
            names.put("head", self.head)
        return names


class Translator(nn.Module):
    """nn.Transformer between one embedding and a head, free or tied; post-norm it ends without the
    norms of the whole encoder and decoder, which nn.Transformer adds of its own accord."""

    def __init__(self, vocabulary: int, width: int, heads: int, hidden: int, norm_first: bool):
        super().__init__()
        sizes = dict(d_model=width, nhead=heads, dim_feedforward=hidden, dropout=0.0,
                     activation="gelu", batch_first=True, norm_first=norm_first)
        whole = {}
        if not norm_first:
            whole = dict(
                custom_encoder=nn.TransformerEncoder(nn.TransformerEncoderLayer(**sizes), 2),
                custom_decoder=nn.TransformerDecoder(nn.TransformerDecoderLayer(**sizes), 2))
        self.embedding = nn.Embedding(vocabulary, width)
        self.transformer = nn.Transformer(**sizes, num_encoder_layers=2, num_decoder_layers=2,
                                          **whole)
        self.head = None if norm_first else nn.Linear(width, vocabulary)

    def forward(self, source, padding, target):
        ahead = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
        x = self.transformer(self.embedding(source), self.embedding(target), tgt_mask=ahead,
                             src_key_padding_mask=padding, memory_key_padding_mask=padding)
        return self.head(x) if self.head else x @ self.embedding.weight.T

    def named(self, pick) -> dict:
        names, encoder, decoder = Names(pick), self.transformer.encoder, self.transformer.decoder
        names["embedding"] = pick(self.embedding.weight)
        names.put_layers("encoder.", encoder.layers)
        names.put_norm("encoder.final_norm", encoder.norm)
        names.put_layers("", decoder.layers)
        names.put_norm("final_norm", decoder.norm)
        if self.head:
            names.put("head", self.head)
        return names


def encoder_layers(count: int, width: int, heads: int, hidden: int, norm_first: bool) -> list:
    return [nn.TransformerEncoderLayer(width, heads, hidden, dropout=0.0, activation="gelu",
                                       batch_first=True, norm_first=norm_first)
            for _ in range(count)]


def encoder(vectors: Vectors, case: str, layers: list, norm_first: bool):
    """Padded rows; every token is another, so that the embedding's gradient is the input's."""
    seed(case)
    lengths, longest = torch.tensor([7, 4, 1]), 7
    tokens = torch.randperm(len(lengths) * longest).reshape(len(lengths), longest)
    model = Model(tokens.numel(), layers, norm_first)
    redraw(model, 0.4)
    padding = torch.arange(longest)[None, :] >= lengths[:, None]
    logits = model(tokens, src_key_padding_mask=padding)[~padding]
    slope = backward(logits)
    vectors.add_all(case, model.named(lambda p: p))
    vectors.add(case, tokens=tokens, row_lengths=lengths, output=logits, slope=slope)
    vectors.add_all(f"{case}.gradient", model.named(lambda p: p.grad))


def encoder_decoder(vectors: Vectors, case: str, norm_first: bool):
    """Padded sources; source and target share the embedding, and pre-norm the head does too."""
    seed(case)
    vocabulary, lengths, longest = 11, torch.tensor([7, 4, 1]), 7
    source = torch.randint(vocabulary, (len(lengths), longest))
    target = torch.randint(vocabulary, (len(lengths), 5))
    model = Translator(vocabulary, 12, 3, 18, norm_first)
    redraw(model, 0.4)
    padding = torch.arange(longest)[None, :] >= lengths[:, None]
    logits = model(source, padding, target).reshape(-1, vocabulary)
    slope = backward(logits)
    vectors.add_all(case, model.named(lambda p: p))
    vectors.add(case, source=source, row_lengths=lengths, tokens=target, output=logits,
                slope=slope)
    vectors.add_all(f"{case}.gradient", model.named(lambda p: p.grad))


def gpt(vectors: Vectors):
    case, batch, length, vocabulary = "gpt", 3, 9, 13
    seed(case)
    model = Model(vocabulary, encoder_layers(2, 16, 4, 32, norm_first=True), True, positions=10)
    redraw(model, 0.2)
    vectors.add_all(case, model.named(lambda p: p))
    tokens, targets = torch.randint(vocabulary, (2, batch, length))
    mask = nn.Transformer.generate_square_subsequent_mask(length).double()
    optimizer = optimizer_of(list(model.parameters()))
    losses = []
    for step in range(10):
        optimizer.zero_grad()
        logits = model(tokens, src_mask=mask)
        loss = functional.cross_entropy(logits.reshape(-1, vocabulary), targets.reshape(-1))
        loss.backward()
        losses.append(loss.detach())
        if step == 0:
            vectors.add_all(f"{case}.gradient", model.named(lambda p: p.grad))
        optimizer.step()
    vectors.add(case, tokens=tokens, targets=targets, losses=torch.stack(losses))
    vectors.add_all(f"{case}.after", model.named(lambda p: p))


def recurrence(vectors: Vectors):
    """nn.GRU; more rows than lengthwise takes through the steps in one task."""
    case, rows, length, width = "gru", 18, 5, 7
    seed(case)
    model, x = nn.GRU(width, width, batch_first=True), draw(rows, length, width)
    redraw(model, 0.6)
    output, _ = model(x)
    slope = backward(output)

    def named(pick) -> dict:
        parts = {"input": (model.weight_ih_l0, model.bias_ih_l0),
                 "hidden": (model.weight_hh_l0, model.bias_hh_l0)}
        return {f"{part}.{name}": value for part, (weight, bias) in parts.items()
                for name, value in [("weight", pick(weight).T), ("bias", pick(bias))]}

    vectors.add_all(case, named(lambda p: p))
    vectors.add(case, x=x, output=output, slope=slope)
    vectors.add_all(f"{case}.gradient", named(lambda p: p.grad))
    vectors.add(f"{case}.gradient", x=x.grad)


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    vectors = Vectors()
    attention(vectors, "attention.causal", 9, 9, 3, 3, causal=True)
    attention(vectors, "attention.cross", 4, 9, 3, 3, causal=False)
    attention(vectors, "attention.grouped", 7, 7, 6, 2, causal=True)
    attention(vectors, "attention.alibi", 7, 7, 6, 6, causal=True, biased=True)
    attention(vectors, "attention.alibi_both_ways", 7, 7, 6, 3, causal=False, biased=True)
    operations(vectors)
    adamw(vectors)
    encoder(vectors, "multihead", [AttentionLayer(12, 3)], norm_first=False)
    encoder(vectors, "encoder_pre", encoder_layers(2, 12, 3, 18, True), norm_first=True)
    encoder(vectors, "encoder_post", encoder_layers(2, 12, 3, 18, False), norm_first=False)
    gpt(vectors)
    encoder_decoder(vectors, "encoder_decoder_pre", norm_first=True)
    encoder_decoder(vectors, "encoder_decoder_post", norm_first=False)
    recurrence(vectors)
    path = Path(sys.argv[1])
    vectors.write(path)
    for name, array in vectors.arrays.items():
        print(f"{name} {list(array.shape)}")
    print(f"{path}: {len(vectors.arrays)} arrays, {path.stat().st_size} bytes, "
          f"torch {torch.__version__}")


if __name__ == "__main__":
    main()
