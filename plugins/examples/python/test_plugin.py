from plugin import DisplayName
from scimgate_plugin.testing import run


def test_a_name_of_one_part_has_no_space() -> None:
    ran = run(DisplayName, {}, {"name": {"familyName": "Lovelace"}})
    assert ran.document["displayName"] == "Lovelace", ran
