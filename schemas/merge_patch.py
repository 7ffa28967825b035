"""JSON Merge Patch (RFC 7396) between two objects that hold no null.

The law, tested: `apply(old, diff(old, new)) == new`, and `diff(old, old)` is empty.
"""

from collections.abc import Mapping
from typing import Any

_ABSENT = object()


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest patch that turns `old` into `new`; arrays are replaced whole."""
    patch: dict[str, Any] = {}
    added = 0
    for key, value in new.items():
        before = old.get(key, _ABSENT)
        # Identity first: what a poll did not touch is the same object on both boards.
        if value is before:
            continue
        if isinstance(value, dict) and isinstance(before, dict):
            if changes := diff(before, value):
                patch[key] = changes
        elif value != before:
            patch[key] = value
            added += before is _ABSENT
    if len(old) + added > len(new):
        patch |= {key: None for key in old if key not in new}
    return patch


def apply(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2: the patched value; neither argument is changed."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(result.get(key), value)
    return result
