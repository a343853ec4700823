"""Arrays with a JSON header as bytes: the same content gives the same bytes, on every machine."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driftd.errors import OperationError

MAGIC = b"driftd1\n"


def pack(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Write a JSON-able header and named arrays; counts take the smallest unsigned type that holds them."""
    stored = {name: _compact(np.asarray(array)) for name, array in sorted(arrays.items())}
    shapes = {name: [array.dtype.str, list(array.shape)] for name, array in stored.items()}
    text = json.dumps({"header": header, "arrays": shapes}, sort_keys=True, separators=(",", ":")).encode()
    return b"".join([MAGIC, struct.pack("<Q", len(text)), text, *(array.tobytes() for array in stored.values())])


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read what `pack` wrote; integer arrays come back as int64.

    Raises:
        OperationError: The bytes are not ours or are cut short.
    """
    try:
        if not data.startswith(MAGIC):
            raise ValueError("it does not begin like one")  # noqa: TRY301  # one place says what it means for a person
        start = len(MAGIC) + 8
        (size,) = struct.unpack_from("<Q", data, len(MAGIC))
        meta = json.loads(data[start : start + size])
        arrays, offset = {}, start + size
        for name, (kind, shape) in meta["arrays"].items():
            dtype, count = np.dtype(kind), int(np.prod(shape, dtype=np.int64))
            array = np.frombuffer(data, dtype, count, offset).reshape(shape)
            arrays[name] = array.astype(np.int64 if dtype.kind in "iu" else np.float64)
            offset += count * dtype.itemsize
    except (ValueError, KeyError, struct.error) as error:
        raise OperationError(
            f"a stored profile cannot be read: {error}", remedy="restore the state folder, or begin a new reference"
        ) from error
    return meta["header"], arrays


def _compact(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "iu":
        return np.ascontiguousarray(array, dtype="<f8")
    largest = int(array.max(initial=0))
    for kind in ("<u2", "<u4"):
        if largest <= np.iinfo(kind).max and int(array.min(initial=0)) >= 0:
            return np.ascontiguousarray(array, dtype=kind)
    return np.ascontiguousarray(array, dtype="<i8")
