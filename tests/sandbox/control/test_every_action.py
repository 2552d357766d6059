"""Each call of ``tests/data/client_calls/boto3.txt`` gets an answer of AWS's: a reply or one of its errors."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.simulated_actions import recorded
from tests.support.any_call import parameters
from tests.support.served import Sandbox


@pytest.mark.parametrize("service", sorted({service for service, _ in recorded()["boto3"]}))
def test_a_program_s_call_of_each_action_is_answered(sandbox: Sandbox, service: str) -> None:
    client: Any = sandbox.client(service)
    for _, action in sorted(pair for pair in recorded()["boto3"] if pair[0] == service):
        try:
            client._make_api_call(action, parameters(client.meta.service_model.operation_model(action)))
        except ClientError as error:
            shown = error.response["Error"]
            assert shown["Code"] != "InternalFailure", action
            assert shown["Message"] != f"The sandbox does not simulate {service} {action}."
