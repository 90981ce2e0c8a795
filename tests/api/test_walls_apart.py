"""The two walls between organisations, each by itself: the predicate in the statements with views that show everything, then the
views under a server whose statements name no organisation. Nothing may leak. With both away nearly everything does."""

import pytest

from apart import MUTANT, Place

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def place(cluster, world, settings, run_folder):
    made = Place(cluster, settings, run_folder, "apart")
    yield made
    made.end()


@pytest.mark.parametrize("wall, program, opened", [("first", None, True), ("second", MUTANT, False)], ids=["first", "second"])
def test_a_wall_alone_holds(place, wall, program, opened):
    faults, changed = place.try_all(wall, program, opened)
    assert not faults, f"{len(faults)} faults with the {wall} wall alone:\n" + "\n".join(faults[:10])
    assert not changed, f"with the {wall} wall alone rows of other organisations changed: {changed}"


def test_without_walls_all_leaks(place):
    """So the attempts do reach."""
    faults, changed = place.try_all("none", MUTANT, True, roles=())
    shown = [fault for fault in faults if "the other organisation shows" in fault]
    assert len(shown) > 100 and changed, (len(shown), changed)
