"""What stock moto lacks and a lab in a real account asks for."""

from typing import Any

import pytest
from moto.iam.models import IAMBackend

from helpers.lab import connection


class Http:
    """The part of a reply that botocore's hooks look at."""

    status_code = 200


def leave_out_what_no_test_asks_for(patch: pytest.MonkeyPatch) -> None:
    """Have stock moto take any image and list none, and make AWS's managed policies in the ordinary partition alone.

    A thousand images in each Region, and as many policies in each of six partitions, take longer than the test. Whoever
    imported the sandbox in this process before has switched the check of images on, and the policies.
    """
    patch.setattr("moto.settings.ENABLE_AMI_VALIDATION", False)
    patch.setattr("moto.settings.ec2_load_default_amis", lambda: False)
    made = IAMBackend._init_aws_policies
    patch.setattr(IAMBackend, "_init_aws_policies", lambda iam: made(iam) if iam.region_name == "aws" else [])


def allow_everything(patch: pytest.MonkeyPatch) -> None:
    """Have IAM's simulation deny nothing, and show no saved query, to any client that a lab makes from now on.

    Stock moto has neither call.
    """
    leave_out_what_no_test_asks_for(patch)
    ordinary = connection.AwsConnection.client

    def client(self: connection.AwsConnection, service: str, *given: Any, **more: Any) -> Any:
        made = ordinary(self, service, *given, **more)
        empty = {"EvaluationResults": [], "queryDefinitions": [], "ResponseMetadata": {}}
        for call in ("iam.SimulatePrincipalPolicy", "logs.DescribeQueryDefinitions"):
            made.meta.events.register(f"before-call.{call}", lambda **_: (Http, empty))
        return made

    patch.setattr(connection.AwsConnection, "client", client)
