"""What stock moto lacks and a lab in a real account asks for."""

from typing import Any

import pytest

from helpers.lab import connection


class Http:
    """The part of a reply that botocore's hooks look at."""

    status_code = 200


def allow_everything(patch: pytest.MonkeyPatch) -> None:
    """Have IAM's simulation deny nothing, and show no saved query, to any client that a lab makes from now on.

    Stock moto has neither call, and takes any image: whoever imported the sandbox in this process before has switched
    its check of images on.
    """
    patch.setattr("moto.settings.ENABLE_AMI_VALIDATION", False)
    ordinary = connection.AwsConnection.client

    def client(self: connection.AwsConnection, service: str, *given: Any, **more: Any) -> Any:
        made = ordinary(self, service, *given, **more)
        empty = {"EvaluationResults": [], "queryDefinitions": [], "ResponseMetadata": {}}
        for call in ("iam.SimulatePrincipalPolicy", "logs.DescribeQueryDefinitions"):
            made.meta.events.register(f"before-call.{call}", lambda **_: (Http, empty))
        return made

    patch.setattr(connection.AwsConnection, "client", client)
