"""What catching up says where it is called wrongly."""

from typing import Any

import pytest

from helpers.lab import LabError
from helpers.lab.catchup import CatchUp


@pytest.mark.parametrize("number", ["7", "007", "xx", "", "\u0660\u0667", 7, None])
def test_only_two_digits_are_a_notebook(number: Any) -> None:
    lab: Any = None
    with pytest.raises(LabError, match='two digits, such as "07", not'):
        CatchUp.run(lab, number, {})
