"""The law of patches, on any JSON objects without null."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import merge_patch

scalars = st.booleans() | st.integers() | st.text(max_size=5)
values: st.SearchStrategy[Any] = st.recursive(
    scalars | st.lists(scalars, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(objects, objects)
def test_a_patch_turns_old_into_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merge_patch.apply(old, merge_patch.diff(old, new)) == new


@given(objects)
def test_equal_objects_need_no_patch(old: dict[str, Any]) -> None:
    assert merge_patch.diff(old, dict(old)) == {}


@given(objects, objects)
def test_neither_side_is_changed(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = repr((old, new))
    merge_patch.apply(old, merge_patch.diff(old, new))
    assert repr((old, new)) == before


def test_rfc_7396_examples() -> None:
    """Appendix A of the RFC, those with objects."""
    for target, patch, result in [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ]:
        assert merge_patch.apply(target, patch) == result
