"""Reports of these tests draw in this process: other tests keep the other cores busy."""

from collections.abc import Iterator

import pytest

from analysis.figures import draw


@pytest.fixture(scope="package", autouse=True)
def _here() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(draw, "FEW", 10_000)
        yield
