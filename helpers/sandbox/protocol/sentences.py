"""AWS's sentences in place of moto's and of our own: ``data/sentences.toml``, asked for every error on its way out.

An entry fits an error of its service, code and actions whose whole message has its pattern. AWS's sentence is filled
from the pattern's groups and from the call's parameters. The first entry that fits counts.
"""

import re
import tomllib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from helpers._data import data_path
from helpers.sandbox.calls import Params, ServiceError


@dataclass(frozen=True)
class Sentence:
    """One row of the table; no ``actions`` means every action, an ``aws_code`` replaces the code, too."""

    service: str
    code: str
    present: str
    aws: str
    source: str
    actions: tuple[str, ...] = ()
    aws_code: str = ""

    def fits(self, action: str, error: ServiceError) -> re.Match[str] | None:
        if error.code != self.code or (self.actions and action not in self.actions):
            return None
        return re.fullmatch(self.present, error.message, re.DOTALL)


@cache
def table() -> Mapping[str, tuple[Sentence, ...]]:
    """The entries of each service, in the order of the file. Raises ``TypeError`` for a row of another shape."""
    rows = tomllib.loads(data_path("sentences.toml").read_text())["sentence"]
    sentences = [Sentence(**{**row, "actions": tuple(row.get("actions", ()))}) for row in rows]
    services = {sentence.service for sentence in sentences}
    return {service: tuple(row for row in sentences if row.service == service) for service in services}


def in_aws_words(service: str, action: str, params: Params, error: ServiceError) -> ServiceError:
    """The error as AWS words it; the same error where no entry fits."""
    for sentence in table().get(service, ()):
        match = sentence.fits(action, error)
        if match is not None:
            request_id = uuid.uuid5(uuid.NAMESPACE_URL, error.message)
            words: dict[str, Any] = {**params, **match.groupdict(), "request_id": request_id}
            code = sentence.aws_code or error.code
            return ServiceError(code, sentence.aws.format_map(words), error.status, **error.members)
    return error
