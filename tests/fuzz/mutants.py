"""Model files that are changed at random, blindly or knowing what they are made of.

Most changes end with the lengths and the hash made right again, so that what lies behind these
checks is reached. Everything is drawn from one generator: a seed and a count name a file.
"""

import json
import re
import struct
from random import Random

import modelfile

# What stands in place of a number, a text or a word of the header.
VALUES = [
    *(b"0", b"1", b"-1", b"2", b"3", b"7", b"64", b"255", b"256", b"65536", b"-0", b"00", b"+1"),
    *(b"2147483647", b"2147483648", b"4294967296", b"9007199254740992", b"9223372036854775807"),
    *(b"18446744073709551616", b"2305843009213693954", b"340282366920938463463374607431768211455"),
    *(b"340282366920938463463374607431768211456", b"9" * 400, b"-" + b"9" * 39, b"0x10", b"1_0"),
    *(b"0.5", b"1.0", b"1e0", b"-0.0", b"1e308", b"1e309", b"-1e999", b"5e-324", b"0.999999999"),
    *(b"NaN", b"Infinity", b"-Infinity", b"null", b"true", b"false", b"None", b"[]", b"{}"),
    *(b"[[]]", b"[0]", b'["x"]', b'{"a":1}', b'{"a":1,"a":1}', b'""', b'"x"', b'"0"', b'"1"'),
    *(b'"\\u0000"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\xff"', b'"\\x"'),
    *(b'"' + b"a" * 128 + b'"', b'"' + b"a" * 129 + b'"', b"[" * 70 + b"]" * 70, b'"[{"', b"\0"),
    *(b'"relu"', b'"softmax"', b'"log_softmax"', b'"leaky_relu(0.2)"', b'"leaky_relu(nan)"'),
    *(b'"elu(1e400)"', b'"elu(alpha=-1)"', b'"relu(1)"', b'"mine"', b'"mse"', b'"huber(0)"'),
    *(b'"cross_entropy"', b'"gaussian_nll"', b'"binary_cross_entropy"', b'"quantile(1)"'),
    *(b'"layer"', b'"batch"', b'"batch(0)"', b'"batch(1)"', b'"layer(1)"', b'"float32"'),
    *(b'"float64"', b'"float16"', b'"<f4"', b'"object"', b'"uniform(1,0)"', b'"uniform(nan,0)"'),
    *(b'"constant(1)"', b'"constant()"', b'"given"', b'"orthogonal"', b'"params"', b'"slots"'),
    *(b'"history.0"', b'"best"', b'"__class__"', b'"loss"', b'"rows"', b'"blocks"', b'"Adam"'),
    *(
        b'"0000000000000000"',
        b'"ffffffffffffffff"',
        b'"' + b"f" * 32 + b'"',
        b'"' + b"0" * 32 + b'"',
    ),
    *(b'"standardize"', b'"one_hot"', b'"columns"', b'"error"', b'"ignore"', b'"inputs.mean"'),
    *(b'["a","b"]', b'["b","a"]', b"[1,2]", b"[true]", b"[1,true]", b'[[1],["a"]]', b'"targets"'),
    *(b'"PCG64"', b'"MT19937"', b'"../../etc/passwd"', b'"' + "é\U0001f600".encode() + b'"'),
]
NUMBERS = [
    *(0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-300, 5e-324, 1e300, float("nan"), float("inf")),
    *(-float("inf"), 2.0**31, 2.0**53, 2.0**63, -(2.0**63), 1e19, 3.5, 0.999999),
]
INTEGERS = [
    *(0, 1, 2, 3, 4, 23, 24, 25, 31, 32, 63, 64, 65, 255, 256, 4095, 65535, 2**20 - 1, 2**20),
    *(2**20 + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1),
]
TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[\[\]{},:]')


class Seed:
    """A file that mutants are made of, taken apart once."""

    def __init__(self, data: bytes) -> None:
        header_length = struct.unpack_from("<I", data, 12)[0]
        self.data = data
        self.version = data[8]
        self.text = data[24 : 24 + header_length]
        self.header = json.loads(self.text)
        # The arrays with their padding lie alike behind a header of any length.
        self.tail = data[modelfile.padded(24 + header_length) : -32]
        self.spans = [match.span() for match in TOKENS.finditer(self.text)]
        self.values = [s for s in self.spans if self.text[s[0] : s[0] + 1] not in b"[]{},:"]
        arrays = modelfile.read(data)[1]
        self.arrays = list(arrays.values())


def assembled(text: bytes, tail: bytes, version: int) -> bytes:
    """Return a file of a header's text and of arrays with their padding, all lengths right."""
    start = 24 + len(text)
    gap = -start % 64
    whole = start + gap + len(tail) + 32
    prelude = struct.pack("<8sIIQ", modelfile.MAGIC, version, len(text), whole)
    return modelfile.sealed(b"".join((prelude, text, bytes(gap), tail)))


class Mutants:
    """An endless row of changed files.

    Parameters
    ----------
    seeds : list of Seed
        What they are made of.
    number : int
        Seeds the generator.
    """

    def __init__(self, seeds: list[Seed], number: int) -> None:
        self.seeds = seeds
        self.rng = Random(number)
        kinds = {
            self.blind: 35,
            self.blind_sealed: 15,
            self.token: 34,
            self.number: 4,
            self.prelude: 4,
            self.array: 4,
            self.regrown: 2,
            self.spliced: 2,
        }
        # Files of the largest headers take milliseconds each.
        self.rare = [self.large_metadata, self.many_layers, self.many_arrays, self.giant]
        self.kinds = [kind for kind, weight in kinds.items() for _ in range(weight)]

    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1; faster than randrange."""
        return int(self.rng.random() * n)

    def pick(self, items):
        return items[int(self.rng.random() * len(items))]

    def next(self) -> tuple[Seed, bytes]:
        """Return a seed and a file made of it."""
        seed = self.pick(self.seeds)
        kinds = self.kinds if self.rng.random() > 1 / 8192 else self.rare
        return seed, self.pick(kinds)(seed)

    def changed(self, data: bytes, protected: int = 0) -> bytes:
        """Return bytes with one to four blind changes behind the first few."""
        found = bytearray(data)
        for _ in range(1 + self.below(4) * self.below(2)):
            size = len(found) - protected
            if size < 2:
                break
            way, at = self.below(8), protected + self.below(size)
            if way < 3:
                found[at] ^= 1 << self.below(8)
            elif way == 3:
                found[at] = self.below(256)
            elif way == 4:
                del found[at : at + 1 + self.below(9)]
            elif way == 5:
                found[at:at] = self.rng.randbytes(1 + self.below(8))
            elif way == 6:
                other = protected + self.below(size)
                found[at : at + 4] = found[other : other + 1 + self.below(64)]
            else:
                del found[at:]
        return bytes(found)

    def blind(self, seed: Seed) -> bytes:
        """Change bytes, and leave it at that."""
        return self.changed(seed.data)

    def blind_sealed(self, seed: Seed) -> bytes:
        """Change bytes behind the prelude, and make length and hash right."""
        body = bytearray(self.changed(seed.data[:-32], 24))
        struct.pack_into("<Q", body, 16, len(body) + 32)
        return modelfile.sealed(bytes(body))

    def token(self, seed: Seed) -> bytes:
        """Change one to three words of the header."""
        text = seed.text
        for start, stop in sorted(
            (
                self.pick(seed.values if self.below(4) else seed.spans)
                for _ in range(self.below(3) + 1)
            ),
            reverse=True,
        ):
            way = self.below(8)
            if way < 5:
                new = self.pick(VALUES)
            elif way == 5:
                other = self.pick(self.seeds)
                first, last = self.pick(other.values)
                new = other.text[first:last]
            elif way == 6:
                new = b""
            else:
                new = text[start:stop] * 2
            text = text[:start] + new + text[stop:]
        return assembled(text, seed.tail, seed.version)

    def number(self, seed: Seed) -> bytes:
        """Change some numbers of the arrays."""
        place = self.below(len(seed.arrays))
        letter, size = modelfile.ITEMS[seed.header["tensors"][place]["dtype"]]
        array = bytearray(seed.arrays[place])
        if array:
            for _ in range(1 + self.below(3)):
                value, at = self.pick(NUMBERS), self.below(len(array) // size) * size
                value = value if letter == "d" or abs(value) < 1e38 else float("inf")
                struct.pack_into(f"<{letter}", array, at, value)
        arrays = [*seed.arrays[:place], bytes(array), *seed.arrays[place + 1 :]]
        return modelfile.packed(seed.text, arrays, seed.version)

    def prelude(self, seed: Seed) -> bytes:
        """Change what the prelude says."""
        body = bytearray(seed.data[:-32])
        code, place = self.pick([("<I", 8), ("<I", 12), ("<Q", 16)])
        value = self.pick(INTEGERS) if self.below(3) else len(seed.data) + self.below(9) - 4
        struct.pack_into(code, body, place, value % 256 ** struct.calcsize(code))
        return modelfile.sealed(bytes(body))

    def array(self, seed: Seed) -> bytes:
        """Leave arrays out, give them another shape or change places, in file and header alike."""
        arrays, tensors = list(seed.arrays), [dict(t) for t in seed.header["tensors"]]
        at, other = self.below(len(arrays)), self.below(len(arrays))
        way = self.below(5)
        if way == 0:
            del arrays[at], tensors[at]
        elif way == 1:
            arrays[at], arrays[other] = arrays[other], arrays[at]
            tensors[at], tensors[other] = tensors[other], tensors[at]
        elif way == 2:
            arrays.insert(at, arrays[other])
            tensors.insert(at, {**tensors[other], "name": self.pick(["best", "x", "history.9"])})
        else:
            size = modelfile.ITEMS[tensors[at]["dtype"]][1]
            shape = [self.below(9) for _ in range(self.below(3))] if way == 3 else None
            if shape is None:
                shape = list(tensors[at]["shape"])
                shape[-1:] = [max(0, shape[-1] + self.below(3) - 1)] if shape else [1]
            count = 1
            for extent in shape:
                count *= extent
            arrays[at] = (arrays[at] + bytes(count * size))[: count * size]
            tensors[at]["shape"] = shape
        return modelfile.packed({**seed.header, "tensors": tensors}, arrays, seed.version)

    def regrown(self, seed: Seed) -> bytes:
        """Change the number of inputs and lengthen the parameters by as much: it loads."""
        network, tensors = dict(seed.header["network"]), list(seed.header["tensors"])
        n_in = 1 + self.below(40)
        size = modelfile.ITEMS[network["dtype"]][1]
        more = (n_in - network["n_in"]) * network["layers"][0]["units"]
        count = max(0, tensors[0]["shape"][0] + more)
        params = (seed.arrays[0] + bytes(max(0, more) * size))[: count * size]
        network["n_in"] = n_in
        tensors[0] = {**tensors[0], "shape": [count]}
        header = {**seed.header, "network": network, "tensors": tensors}
        return modelfile.packed(header, [params, *seed.arrays[1:]], seed.version)

    def spliced(self, seed: Seed) -> bytes:
        """Put the header of one file before the arrays of another."""
        return assembled(seed.text, self.pick(self.seeds).tail, seed.version)

    def large_metadata(self, seed: Seed) -> bytes:
        """Fill the header up to its limits, or a little past them."""
        room = 2**20 - len(seed.text) - self.below(64)
        item, way = self.pick([b"0", b"{}", b"[[]]", b'""', b"1e5", b'"\\u00e9"']), self.below(4)
        if way == 0:
            filling = b'"' + b"\\n" * (room // 2 - 2) + b'"'
        elif way == 1:
            filling = b"[" * (room // 2) + b"]" * (room // 2)
        elif way == 2:
            filling = b"[" + b",".join([item] * (32_600 // (1 + item.count(b"[")))) + b"]"
        else:
            filling = b"{" + b",".join(b'"%d":%b' % (i, item) for i in range(10_000)) + b"}"
        filling = filling[: room + self.below(2) * 64]
        header = dict(seed.header)
        del header["metadata"]
        text = b'{"metadata":{"a":' + filling + b"}," + modelfile.text_of(header)[1:]
        return assembled(text, seed.tail, seed.version)

    def many_layers(self, seed: Seed) -> bytes:
        """Describe as many layers of one unit as a file may have, or one more."""
        count = 1023 + self.below(3)
        network = dict(seed.header["network"])
        layer = {**network["layers"][-1], "units": 1, "tied_to": None, "transposed": False}
        layer |= {"norm": None, "bias": False, "residual": False, "init": "auto"}
        network |= {"n_in": 1, "layers": [layer] * count}
        size = modelfile.ITEMS[network["dtype"]][1]
        params = {"name": "params", "dtype": network["dtype"], "shape": [count]}
        header = {**seed.header, "network": network, "training": None, "tensors": [params]}
        return modelfile.packed(header, [bytes(count * size)], seed.version)

    def many_arrays(self, seed: Seed) -> bytes:
        """Add as many empty arrays as a file may have, or one more."""
        count = 1024 - len(seed.arrays) + self.below(2)
        more = [{"name": f"a{i}", "dtype": "float32", "shape": [0]} for i in range(count)]
        header = {**seed.header, "tensors": [*seed.header["tensors"], *more]}
        return modelfile.packed(header, seed.arrays, seed.version)

    def giant(self, seed: Seed) -> bytes:
        """Describe a network, and arrays, that no memory could hold."""
        large = self.pick([2**20, 2**31, 2**32, 2**40, 2**61 + 1, 2**63 - 1, 2**64, 2**127])
        header = json.loads(seed.text)
        way = self.below(4)
        if way == 0:
            header["network"]["n_in"] = large
        elif way == 1:
            self.pick(header["network"]["layers"])["units"] = large
        elif way == 2:
            for layer in header["network"]["layers"]:
                layer["units"] = large
        else:
            self.pick(header["tensors"])["shape"] = self.pick([[large], [0, large], [large, 0]])
        return modelfile.packed(header, seed.arrays, seed.version)
