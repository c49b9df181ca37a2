import pytest

from modelyard.wording import counted, on_one_line


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 entities"), (1, "1 entity"), (2, "2 entities"), (1_200, "1,200 entities")]
)
def test_a_number_agrees_with_its_noun(number, said):
    assert counted(number, "entity", "entities") == said


def test_one_of_a_noun_has_no_s():
    assert (counted(1, "check"), counted(3, "check")) == ("1 check", "3 checks")


def test_a_long_text_is_one_line_cut_at_a_word():
    said = on_one_line("plan.changes.all(change,\n    change.seconds < 60.0 && change.certain) " * 20, 60)
    assert said == "plan.changes.all(change, change.seconds < 60.0 &&…"
    assert on_one_line("x" * 200, 60) == "x" * 59 + "…"


def test_a_text_that_fits_stays_as_it_is():
    assert on_one_line("plan.deletes > 0") == "plan.deletes > 0"
