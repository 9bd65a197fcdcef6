"""These tests draw pictures in their own process: other tests use the other cores."""

from collections.abc import Iterator

import pytest

from analysis.figures import draw


@pytest.fixture(scope="package", autouse=True)
def _here() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw, "FEW", 10_000)
        yield
