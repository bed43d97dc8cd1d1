"""Reads the pickles of PyTorch's files as data: an interpreter that calls nothing that a file names.

The instructions, and the names that may stand in a pickle, are those of `torch.load(weights_only=True)`, so nothing is
accepted here that it refuses. A tensor becomes a description of where its elements lie; no element is read. Work and
memory are bounded before they are spent: each instruction is charged what it may take.
"""

from __future__ import annotations

import io
import struct
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Callable
from pickle import decode_long
from typing import Any

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

#: Memory that a pickle may take beside what twice its file takes, in bytes.
ALLOWANCE = 64 << 20

#: The charge of one instruction: the object that it may make, and its place on the stack. Chosen by hand; containers
#: are charged twice, entries of the memo and of dicts once more.
CHARGE = 64

_BY_NAME = {f"{one.__module__}.{one.__qualname__}": one for one in STAND_INS}


class Damaged(Exception):
    """A pickle is no complete or no sensible one; the message says why."""


class RunsCode(Exception):
    """A pickle names something that is no data; the message is its name."""


class Unpickler:
    """Interprets one pickle.

    Arguments:
        file: the pickle, from its current position on.
        size: bytes that the file has; no instruction may ask for more.
        allowance: what the instructions may be charged in all, in bytes.
        load: makes a storage of a persistent id.
    """

    def __init__(self, file: io.BufferedIOBase, size: int, allowance: int, load: Callable[[Any], Storage]) -> None:
        self._file = file
        self._size = size
        self._left = allowance
        self._load = load
        self._memo: dict[int, Any] = {}
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []

    def value(self) -> Any:
        """The content of the pickle: dicts, lists, tuples, numbers, text, tensors' descriptions, and stand-ins.

        Raises:
            Damaged: it is cut off, makes no sense, or takes more than it may.
            RunsCode: it names something that is neither a tensor nor plain data.
        """
        try:
            return self._run()
        except (IndexError, KeyError, ValueError, TypeError, struct.error, OverflowError, NotLoadable) as error:
            raise Damaged(f"{type(error).__name__}: {error}"[:120]) from error

    def _read(self, count: int) -> bytes:
        if count > 512 and count > self._size - self._file.tell():
            raise Damaged("it is cut off")
        self._left -= 2 * count
        data = self._file.read(count)
        if len(data) != count:
            raise Damaged("it is cut off")
        return data

    def _run(self) -> Any:  # one case for each instruction, the frequent ones first
        file_read = self._file.read
        stack = self._stack
        while True:
            op = file_read(1)
            self._left -= CHARGE
            if self._left < 0:
                raise Damaged("its pickle takes more memory than a checkpoint of its size has use for")
            if op in (b"q", b"r"):  # BINPUT, LONG_BINPUT
                place = self._read(1)[0] if op == b"q" else struct.unpack("<I", self._read(4))[0]
                self._left -= CHARGE
                self._memo[place] = stack[-1]
            elif op in (b"h", b"j"):  # BINGET, LONG_BINGET
                place = self._read(1)[0] if op == b"h" else struct.unpack("<I", self._read(4))[0]
                stack.append(self._memo[place])
            elif op == b"K":  # BININT1
                stack.append(self._read(1)[0])
            elif op == b"X":  # BINUNICODE
                stack.append(str(self._read(struct.unpack("<I", self._read(4))[0]), "utf-8", "surrogatepass"))
            elif op == b"t":  # TUPLE
                values = tuple(stack)
                stack = self._pop_mark()
                stack.append(values)
            elif op == b"(":  # MARK
                self._left -= 3 * CHARGE
                self._outer.append(stack)
                self._stack = stack = []
            elif op == b"R":  # REDUCE
                arguments = stack.pop()
                stack[-1] = self._call(stack[-1], arguments)
            elif op == b"Q":  # BINPERSID
                stack.append(self._load(stack.pop()))
            elif op == b"\x89":  # NEWFALSE
                stack.append(False)
            elif op == b"\x88":  # NEWTRUE
                stack.append(True)
            elif op == b"c":  # GLOBAL
                stack.append(self._find(self._line(), self._line()))
            elif op == b")":  # EMPTY_TUPLE
                stack.append(())
            elif op == b"M":  # BININT2
                stack.append(struct.unpack("<H", self._read(2))[0])
            elif op == b"J":  # BININT
                stack.append(struct.unpack("<i", self._read(4))[0])
            elif op == b"\x85":  # TUPLE1
                self._left -= 3 * CHARGE
                stack[-1] = (stack[-1],)
            elif op == b"\x86":  # TUPLE2
                stack[-2:] = [(stack[-2], stack[-1])]
            elif op == b"\x87":  # TUPLE3
                stack[-3:] = [(stack[-3], stack[-2], stack[-1])]
            elif op == b"N":  # NONE
                stack.append(None)
            elif op == b"G":  # BINFLOAT
                stack.append(struct.unpack(">d", self._read(8))[0])
            elif op == b"}":  # EMPTY_DICT
                self._left -= 3 * CHARGE
                stack.append({})
            elif op == b"]":  # EMPTY_LIST
                self._left -= 3 * CHARGE
                stack.append([])
            elif op == b"\x8f":  # EMPTY_SET
                self._left -= 2 * CHARGE
                stack.append(Setting())
            elif op == b"u":  # SETITEMS
                items = stack
                stack = self._pop_mark()
                for i in range(0, len(items), 2):
                    self._set(stack[-1], items[i], items[i + 1])
            elif op == b"s":  # SETITEM
                value, key = stack.pop(), stack.pop()
                self._set(stack[-1], key, value)
            elif op == b"e":  # APPENDS
                items = stack
                stack = self._pop_mark()
                self._list(stack[-1]).extend(items)
            elif op == b"a":  # APPEND
                item = stack.pop()
                self._list(stack[-1]).append(item)
            elif op == b"b":  # BUILD
                state = stack.pop()
                self._build(stack[-1], state)
            elif op == b"\x8a":  # LONG1
                stack.append(decode_long(self._read(self._read(1)[0])))
            elif op == b"U":  # SHORT_BINSTRING
                stack.append(self._read(self._read(1)[0]).decode())
            elif op == b"\x81":  # NEWOBJ
                arguments = stack.pop()
                stack[-1] = self._new(stack[-1], arguments)
            elif op == b"\x80":  # PROTO
                self._read(1)
            elif op == b".":  # STOP
                return stack.pop()
            else:
                raise Damaged(_unknown(op))

    def _pop_mark(self) -> list[Any]:
        self._stack = self._outer.pop()
        return self._stack

    def _line(self) -> str:
        line = self._file.readline(1_000)
        if not line.endswith(b"\n"):
            raise Damaged("it is cut off")
        return line[:-1].decode()

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
        self._left -= CHARGE
        if isinstance(function, Named) and function.path in CALLS:
            return CALLS[function.path](*arguments)
        return self._new(function, arguments)

    def _new(self, kind: Any, arguments: Any) -> Any:
        if not isinstance(arguments, tuple):
            raise NotLoadable("an object without arguments")
        self._left -= 2 * CHARGE
        if kind in STAND_INS:
            made = f"{kind.__module__}.{kind.__qualname__}"
            if made == "numpy.dtype":
                return NumpyType(*arguments)
            return NumpyArray() if made in NUMPY_RECONSTRUCT else kind(*arguments)
        raise NotLoadable("an object of a kind that is not known")

    def _build(self, made: Any, state: Any) -> None:
        if isinstance(made, OrderedDict) and isinstance(state, dict):  # attributes of an OrderedDict, such as _metadata
            if not all(isinstance(key, str) for key in state):
                raise NotLoadable("attributes without names")
        elif isinstance(made, Setting):
            made.__setstate__(state)
        else:
            raise NotLoadable("a state for what has none")

    def _set(self, target: Any, key: Any, value: Any) -> None:
        if not isinstance(target, dict):
            raise NotLoadable("an entry of what is no dict")
        self._left -= 2 * CHARGE
        if not _is_flat(key):
            raise NotLoadable("a key that is neither a number, text, nor a tuple of such")
        target[key] = value

    def _list(self, target: Any) -> list[Any]:
        if type(target) is not list:
            raise NotLoadable("an item of what is no list")
        return target


def _is_flat(key: object) -> bool:
    """Whether a key is hashed without descending: hashing deep tuples overflows the stack of the process."""
    plain = (str, int, float, bool, bytes, complex, type(None), Named)
    return isinstance(key, plain) or (isinstance(key, tuple) and all(isinstance(part, plain) for part in key))


def _unknown(op: bytes) -> str:
    if not op:
        return "it is cut off"
    if op in b"\x8c\x8d\x8e\x90\x91\x92\x93\x94\x95\x96\x97\x98BCT\x8b":
        return (
            "it was saved with another pickle protocol than PyTorch's own, 2. Save it again with torch.save, "
            "without pickle_protocol"
        )
    return f"byte {op!r} is no instruction"
