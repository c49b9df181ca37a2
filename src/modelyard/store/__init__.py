"""Content-addressed folders: what steps read and write, named by what is in it.

Layout, the same locally and on the remote: `objects/ab/<hex>` one file's bytes, `trees/ab/<hex>.json` a folder's
manifest, `results/ab/<hex>.json` what a fingerprint made, `refs/<name>.json` small JSON that changes.
"""

from modelyard.store.collect import Collected
from modelyard.store.store import Store

__all__ = ["Collected", "Store"]
