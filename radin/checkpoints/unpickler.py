"""Reads the pickles of PyTorch's files as data: an interpreter that calls nothing that a file names.

The instructions, and the names that may stand in a pickle, are those of `torch.load(weights_only=True)`, so nothing is
accepted here that it refuses. A tensor becomes a description of where its elements lie; no element is read. Work and
memory are bounded before they are spent: each instruction is charged what it may take. One method does what one
instruction asks for.
"""

from __future__ import annotations

import io
import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Callable
from pickle import decode_long
from typing import Any

from radin.checkpoints.allowance import STEP, Allowance, Damaged
from radin.checkpoints.rebuilding import (
    CALLS,
    MARKERS,
    NUMPY_RECONSTRUCT,
    STAND_INS,
    Named,
    NotLoadable,
    NumpyArray,
    NumpyType,
    Setting,
)
from radin.checkpoints.stored import STORAGES, Storage

#: Steps that a call is charged, and one that describes a tensor; found by measuring.
CALL, REBUILD = 4, 24

#: Steps that a reference to a storage is charged.
STORAGE = 16

#: Containers within containers that are read while they are made; networks have fewer than fifty.
DEEPEST = 1_000

#: Bits of the largest whole number that is a key: of longer ones many have one hash.
WIDEST_KEY = 64

#: The attribute in which PyTorch's state dicts keep the versions of modules.
MODULES = "_metadata"

#: Protocols of pickles that PyTorch's own reader knows by halves; it writes 2.
OTHER_PROTOCOLS = (3, 4, 5)

_TWO, _FOUR, _SIGNED, _DOUBLE = (struct.Struct(code) for code in ("<H", "<I", "<i", ">d"))

_BY_NAME = {f"{one.__module__}.{one.__qualname__}": one for one in STAND_INS}


class RunsCode(Exception):
    """A pickle names something that is no data; the message is its name."""


class OtherProtocol(Damaged):
    """A pickle is of a protocol that PyTorch does not write by default; the message says which."""


class Unpickler:
    """Interprets one pickle.

    Arguments:
        file: the pickle, from its current position on.
        size: bytes that the file has; no instruction may ask for more.
        allowance: that the instructions are charged to.
        load: makes a storage of a persistent id.
    """

    def __init__(
        self, file: io.BufferedIOBase, size: int, allowance: Allowance, load: Callable[[Any], Storage]
    ) -> None:
        self._file = file
        self._size = size
        self._allowance = allowance
        self._load = load
        self._memo: dict[int, Any] = {}
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []
        self._names: dict[tuple[bytes, bytes], Any] = {}
        self._protocol = 0

    def value(self) -> Any:
        """The content of the pickle: dicts, lists, tuples, numbers, text, tensors' descriptions, and stand-ins.

        Raises:
            OtherProtocol: it has an instruction of another protocol.
            Damaged: it is cut off, makes no sense, or takes more than it may.
            RunsCode: it names something that is neither a tensor nor plain data.
        """
        try:
            return self._run()
        except NotLoadable as error:
            raise Damaged(str(error)[:120]) from error
        except (IndexError, KeyError, ValueError, TypeError, struct.error, OverflowError) as error:
            raise Damaged(f"{type(error).__name__}: {error}"[:120]) from error

    def _read(self, count: int) -> bytes:
        if count > 512 and count > self._size - self._file.tell():
            raise Damaged("it is cut off")
        self._allowance.left -= 2 * count
        data = self._file.read(count)
        if len(data) != count:
            raise Damaged("it is cut off")
        return data

    def _run(self) -> Any:
        read, allowance = self._file.read, self._allowance
        while (op := read(1)) != b".":
            instruction = INSTRUCTIONS.get(op)
            if instruction is None:
                raise self._unknown(op)
            allowance.left -= STEP
            if allowance.left < 0:
                allowance.spend(0)
            instruction(self)
        return self._stack.pop()

    def _unknown(self, op: bytes) -> Damaged:
        if not op:
            return Damaged("it is cut off")
        if self._protocol in OTHER_PROTOCOLS:
            return OtherProtocol(str(self._protocol))
        if self._protocol == 0 and op in b"012dFgiIlLopPSV":
            return OtherProtocol("0 or 1")
        return Damaged(f"byte {op!r} is no instruction")

    # Constants and numbers

    def _none(self) -> None:
        self._stack.append(None)

    def _true(self) -> None:
        self._stack.append(True)

    def _false(self) -> None:
        self._stack.append(False)

    def _byte(self) -> None:
        self._stack.append(self._read(1)[0])

    def _two_bytes(self) -> None:
        self._stack.append(_TWO.unpack(self._read(2))[0])

    def _four_bytes(self) -> None:
        self._stack.append(_SIGNED.unpack(self._read(4))[0])

    def _long(self) -> None:
        self._stack.append(decode_long(self._read(self._read(1)[0])))

    def _double(self) -> None:
        self._stack.append(_DOUBLE.unpack(self._read(8))[0])

    # Text

    def _text(self) -> None:
        self._stack.append(str(self._read(_FOUR.unpack(self._read(4))[0]), "utf-8", "surrogatepass"))

    def _short_text(self) -> None:
        self._stack.append(self._read(self._read(1)[0]).decode())

    # The memo: what a pickle refers to again

    def _keep(self) -> None:
        self._allowance.left -= STEP
        self._memo[self._read(1)[0]] = self._stack[-1]

    def _keep_far(self) -> None:
        self._allowance.left -= STEP
        self._memo[_FOUR.unpack(self._read(4))[0]] = self._stack[-1]

    def _again(self) -> None:
        self._stack.append(self._memo[self._read(1)[0]])

    def _again_far(self) -> None:
        self._stack.append(self._memo[_FOUR.unpack(self._read(4))[0]])

    # Containers

    def _mark(self) -> None:
        self._allowance.left -= 3 * STEP
        if len(self._outer) >= DEEPEST:
            raise Damaged(f"it is nested more than {DEEPEST:,} deep")
        self._outer.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        """The values put on the stack since the last mark, which is removed with them."""
        values, self._stack = self._stack, self._outer.pop()
        return values

    def _tuple(self) -> None:
        values = tuple(self._since_mark())
        self._stack.append(values)

    def _empty_tuple(self) -> None:
        self._stack.append(())

    def _tuple_of_one(self) -> None:
        self._allowance.left -= 3 * STEP
        self._stack[-1] = (self._stack[-1],)

    def _tuple_of_two(self) -> None:
        self._stack[-2:] = [(self._stack[-2], self._stack[-1])]

    def _tuple_of_three(self) -> None:
        self._stack[-3:] = [(self._stack[-3], self._stack[-2], self._stack[-1])]

    def _empty_dict(self) -> None:
        self._allowance.left -= 3 * STEP
        self._stack.append({})

    def _empty_list(self) -> None:
        self._allowance.left -= 3 * STEP
        self._stack.append([])

    def _empty_set(self) -> None:
        self._allowance.left -= 2 * STEP
        self._stack.append(Setting())

    def _set_items(self) -> None:
        items = self._since_mark()
        for i in range(0, len(items), 2):
            self._set(self._stack[-1], items[i], items[i + 1])

    def _set_item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._set(self._stack[-1], key, value)

    def _append_items(self) -> None:
        items = self._since_mark()
        self._list(self._stack[-1]).extend(items)

    def _append_item(self) -> None:
        item = self._stack.pop()
        self._list(self._stack[-1]).append(item)

    # Names, calls and objects

    def _name(self) -> None:
        key = self._line(), self._line()
        if key not in self._names:
            self._names[key] = self._find(key[0].decode(), key[1].decode())
        self._stack.append(self._names[key])

    def _storage(self) -> None:
        self._allowance.left -= STORAGE * STEP
        self._stack.append(self._load(self._stack.pop()))

    def _reduce(self) -> None:
        arguments = self._stack.pop()
        self._stack[-1] = self._call(self._stack[-1], arguments)

    def _new_object(self) -> None:
        arguments = self._stack.pop()
        self._stack[-1] = self._new(self._stack[-1], arguments)

    def _give_state(self) -> None:
        state = self._stack.pop()
        self._build(self._stack[-1], state)

    def _note_protocol(self) -> None:
        self._protocol = self._read(1)[0]

    def _line(self) -> bytes:
        line = self._file.readline(1_000)
        if not line.endswith(b"\n"):
            raise Damaged("it is cut off")
        self._allowance.left -= STEP
        return line[:-1]

    def _find(self, module: str, name: str) -> Any:
        """The inert thing that stands for a name."""
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        module = IMPORT_MAPPING.get(module, module)
        path = f"{module}.{name}"
        if path in _BY_NAME:
            return _BY_NAME[path]
        if path in CALLS or path in MARKERS:
            return Named(path)
        if module in ("torch", "torch.cuda", "torch.storage") and name in (*STORAGES, "UntypedStorage"):
            return Named(f"storage {STORAGES.get(name, 'untyped')}")
        raise RunsCode(path)

    def _call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(arguments, tuple):
            raise NotLoadable("a call without arguments")
        rebuilds = isinstance(function, Named) and function.path.startswith("torch._")
        self._allowance.spend((REBUILD if rebuilds else CALL) * STEP + _length(arguments))
        if isinstance(function, Named) and function.path in CALLS:
            return CALLS[function.path](*arguments)
        return self._new(function, arguments)

    def _new(self, kind: Any, arguments: Any) -> Any:
        if not isinstance(arguments, tuple):
            raise NotLoadable("an object without arguments")
        self._allowance.left -= 2 * STEP
        if kind in STAND_INS:
            made = f"{kind.__module__}.{kind.__qualname__}"
            if made == "numpy.dtype":
                return NumpyType(*arguments)
            return NumpyArray() if made in NUMPY_RECONSTRUCT else kind(*arguments)
        raise NotLoadable("an object of a kind that is not known")

    def _build(self, made: Any, state: Any) -> None:
        self._allowance.spend(CALL * STEP + _length(state))
        if isinstance(made, OrderedDict) and isinstance(state, dict):  # attributes of an OrderedDict, such as _metadata
            if not all(isinstance(key, str) for key in state):
                raise NotLoadable("attributes without names")
            if isinstance(state.get(MODULES), dict):
                setattr(made, MODULES, state[MODULES])
        elif isinstance(made, Setting):
            made.__setstate__(state)
        else:
            raise NotLoadable("a state for what has none")

    def _set(self, target: Any, key: Any, value: Any) -> None:
        if not isinstance(target, dict):
            raise NotLoadable("an entry of what is no dict")
        self._allowance.left -= 2 * STEP
        if isinstance(key, str | bytes):
            self._allowance.left -= _length(key)
        elif isinstance(
            key, tuple | float | complex
        ):  # whose hashes can be chosen to be equal, which takes a search each
            self._allowance.spend(_length(key) + STEP * len(target))
        elif isinstance(key, int) and key.bit_length() > WIDEST_KEY:
            raise NotLoadable("a key that is a huge number")
        if not _is_flat(key):
            raise NotLoadable("a key that is neither a number, text, nor a tuple of such")
        target[key] = value

    def _list(self, target: Any) -> list[Any]:
        if type(target) is not list:
            raise NotLoadable("an item of what is no list")
        return target


#: What each instruction does, by its byte. All others belong to protocols that PyTorch does not write.
INSTRUCTIONS: dict[bytes, Callable[[Unpickler], None]] = {
    b"N": Unpickler._none,
    b"\x88": Unpickler._true,
    b"\x89": Unpickler._false,
    b"K": Unpickler._byte,
    b"M": Unpickler._two_bytes,
    b"J": Unpickler._four_bytes,
    b"\x8a": Unpickler._long,
    b"G": Unpickler._double,
    b"X": Unpickler._text,
    b"U": Unpickler._short_text,
    b"q": Unpickler._keep,
    b"r": Unpickler._keep_far,
    b"h": Unpickler._again,
    b"j": Unpickler._again_far,
    b"(": Unpickler._mark,
    b"t": Unpickler._tuple,
    b")": Unpickler._empty_tuple,
    b"\x85": Unpickler._tuple_of_one,
    b"\x86": Unpickler._tuple_of_two,
    b"\x87": Unpickler._tuple_of_three,
    b"}": Unpickler._empty_dict,
    b"]": Unpickler._empty_list,
    b"\x8f": Unpickler._empty_set,
    b"u": Unpickler._set_items,
    b"s": Unpickler._set_item,
    b"e": Unpickler._append_items,
    b"a": Unpickler._append_item,
    b"c": Unpickler._name,
    b"Q": Unpickler._storage,
    b"R": Unpickler._reduce,
    b"\x81": Unpickler._new_object,
    b"b": Unpickler._give_state,
    b"\x80": Unpickler._note_protocol,
}


def _length(value: object, depth: int = 2) -> int:
    """The charge of going through a value once: what a call copies or looks at, however often it is referred to."""
    if isinstance(value, str | bytes):
        return 2 * len(value)
    if isinstance(value, tuple) and depth:
        return STEP * len(value) + (sum(_length(part, depth - 1) for part in value) if len(value) <= 64 else 0)
    return 2 * STEP * len(value) if isinstance(value, tuple | list | dict) else 0


def _is_flat(key: object) -> bool:
    """Whether a key is hashed without descending: hashing deep tuples overflows the stack of the process."""
    plain = (str, int, float, bool, bytes, complex, type(None), Named)
    return isinstance(key, plain) or (isinstance(key, tuple) and all(isinstance(part, plain) for part in key))
