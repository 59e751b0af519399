"""Whatever the description allows, and what it does not, is answered without a server error."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error

EXAMPLES = 40


def fuzz(rig, examples):
    """Ask every route with generated requests; returns how many were sent."""
    import requests

    session = requests.Session()
    session.trust_env = False
    session.verify = str(rig.folder / "ca.pem")
    key = {"Authorization": f"Bearer {rig.keys['operator']}"}
    schema = schemathesis.openapi.from_dict(
        session.get(f"{rig.url}/openapi.json", headers=key, timeout=10).json()
    )
    sent = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def one(case):
            nonlocal sent
            sent += 1
            case.headers = {**(case.headers or {}), **key}
            answer = case.call(base_url=rig.url, session=session, verify=session.verify)
            case.validate_response(answer, checks=[not_a_server_error])
            assert answer.status_code < 500

        one()
    session.close()
    return sent


@pytest.mark.slow
def test_no_request_makes_a_server_error(rig_with):
    rig = rig_with(listen__docs=True, limits__max_lots="100", limits__max_notional="100000000")
    assert fuzz(rig, EXAMPLES) >= 17 * EXAMPLES // 2
    assert rig.ask("GET", "/account")[0] == 200
