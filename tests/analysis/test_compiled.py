"""Compiled functions: they run too where no folder can keep their machine code."""

from analysis.compiled import compiled


def test_a_function_is_compiled_where_nothing_can_be_kept() -> None:
    """Numba refuses to keep a function without a file, as it refuses one of a read-only installation."""
    names: dict[str, object] = {}
    exec("def double(number):\n    return 2 * number", names)  # noqa: S102 - a function without a file
    double = compiled(names["double"])  # type: ignore[type-var] # its type is not known here
    assert 42 == double(21)  # type: ignore[operator] # likewise
    assert double.signatures  # type: ignore[attr-defined] # numba's
