"""What counts as an id."""

from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.domain.errors import Unprocessable
from ates.domain.ids import check_ids, derived_id, is_id

ID = UUID("153cab49-10b2-4007-b9d2-e5359e17babf")


def test_a_uuid_in_canonical_form_is_an_id():
    assert is_id(str(uuid4()))


@pytest.mark.parametrize(
    "text",
    ["", "1", str(ID).upper(), ID.hex, f"{{{ID}}}", f"{ID}\n", ID.urn],
)
def test_any_other_way_to_write_it_would_be_a_second_name_for_the_same_row(text):
    assert not is_id(text)


def test_a_refusal_names_the_field():
    with pytest.raises(Unprocessable, match="task_id is not a UUID") as refused:
        check_ids(account_id=str(uuid4()), task_id="beak")
    assert (refused.value.code, refused.value.context) == ("bad_id", {"field": "task_id"})


@given(st.text())
def test_a_derived_id_is_the_standards_own_version_5(name):
    assert derived_id(NAMESPACE_URL, name) == str(uuid5(NAMESPACE_URL, name))
