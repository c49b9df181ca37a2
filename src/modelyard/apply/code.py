"""Code as it was when it ran, kept by digest, so that a plan can say how many lines changed."""

from pathlib import Path

from modelyard.digests import digest_bytes
from modelyard.files import write_whole
from modelyard.graph.model import Node
from modelyard.plan.records import LineChanges

_LARGEST = 1 << 20


def kept(root: Path, digest: str) -> Path:
    return root / ".modelyard" / "cache" / "code" / digest.removeprefix("b3:")


def keep_code(root: Path, node: Node) -> None:
    """Keep the node's code files. What cannot be kept is not: it only makes a plan's words poorer."""
    for file in node.code:
        place = kept(root, file.digest)
        if place.exists():
            continue
        try:
            data = (root / file.path).read_bytes()
            if len(data) > _LARGEST or digest_bytes(data) != file.digest:
                continue
            write_whole(place, data)
        except OSError:
            continue


def line_changes(root: Path) -> LineChanges:
    """Counts lines added and removed between the kept text of a digest and the file as it is now."""

    def count(path: str, before: str, now: str) -> tuple[int, int] | None:
        try:
            old = kept(root, before).read_text(encoding="utf-8").splitlines()
            new_file = kept(root, now)
            new = (new_file if new_file.exists() else root / path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return None
        from difflib import SequenceMatcher

        added = removed = 0
        for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag != "equal":
                removed += j - i
                added += m - k
        return added, removed

    return count
