"""Digests and canonical JSON: the one definition of «the same» that every part shares.

A digest is written `b3:` and 64 hexadecimal digits of BLAKE3.
"""

import json
from json import encoder as json_encoder
from pathlib import Path
from typing import Any

from blake3 import blake3

_CHUNK = 1 << 20
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
_make: Any = getattr(json_encoder, "c_make_encoder", None)
# What `_ENCODER.encode` makes anew at each call: a third of the time of a small value.
_encode: Any = _make and _make(
    None, _ENCODER.default, json_encoder.encode_basestring, None, ":", ",", True, False, False
)


def canonical_json(value: Any) -> bytes:
    """Encode plain data so that equal values give equal bytes: sorted keys, no spaces, UTF-8, no NaN."""
    return canonical_text(value).encode()


def canonical_text(value: Any) -> str:
    """`canonical_json` before its encoding."""
    return "".join(_encode(value, 0)) if _encode else _ENCODER.encode(value)


def digest_bytes(data: bytes) -> str:
    return f"b3:{blake3(data).hexdigest()}"


def digest_json(value: Any) -> str:
    return digest_bytes(canonical_json(value))


def digest_file(path: Path) -> str:
    """Digest a file's bytes, in constant memory. Raises OSError."""
    hasher = blake3()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return f"b3:{hasher.hexdigest()}"
