from plugin import Capitals
from scimgate_plugin.testing import run


def test_contractors_are_excluded_only_if_configured() -> None:
    ran = run(Capitals, {}, {"userName": "eve", "userType": "Contractor"})
    assert ran.error is None and ran.document["userName"] == "eve", ran
