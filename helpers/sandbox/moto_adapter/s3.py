"""Buckets and their objects, as moto's S3 holds them: part of the adapter, see :mod:`helpers.sandbox.moto_adapter`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket without its objects; ``policy`` is a JSON document, "" where it has none."""

    name: str
    region: str
    policy: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


class S3State:
    """moto's S3 without the detour over its API: for services that read and write buckets of the account."""

    @staticmethod
    def backend(service: str, region: str) -> Any:
        raise NotImplementedError

    def bucket(self, name: str) -> Bucket | None:
        """A bucket of the account, or ``None``."""
        backend = self.backend("s3", "aws")
        held = backend.buckets.get(name)
        if held is None:
            return None
        tags = backend.tagger.get_tag_dict_for_resource(held.arn)
        return Bucket(name, held.region_name, (held.policy or b"").decode(), tags)

    def bucket_names(self) -> tuple[str, ...]:
        """Of all Regions, in the order in which they were made."""
        return tuple(self.backend("s3", "aws").buckets)

    def put_bucket_policy(self, bucket: str, document: str) -> None:
        """Set a bucket's policy. The bucket must exist."""
        self.backend("s3", "aws").put_bucket_policy(bucket, document.encode())

    def put_object(self, bucket: str, key: str, content: bytes) -> None:
        """Write an object, at moto's present moment (:func:`at_time`). The bucket must exist."""
        self.backend("s3", "aws").put_object(bucket, key, content, disable_notification=True)

    def gave_page(self, token: str) -> bool:
        """Whether a page of a list of objects begins at this token."""
        return token in self.backend("s3", "aws")._pagination_tokens

    def objects(self, bucket: str, prefix: str = "") -> dict[str, bytes]:
        """The bytes of each object below a prefix, by key, in the order of keys; none where there is no bucket."""
        held = self.backend("s3", "aws").buckets.get(bucket)
        found = sorted(held.keys) if held is not None else []
        return {key: held.keys[key].value for key in found if key.startswith(prefix)}
