"""Any call of any of AWS's services: parameters made from botocore's model, just enough for boto3 to send it."""

from random import Random
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

_SCALARS: dict[str, Any] = {
    "boolean": True,
    "timestamp": 1767603600,
    "blob": b"x",
    "integer": 1,
    "long": 1,
    "float": 1.0,
    "double": 1.0,
}


def parameters(model: OperationModel) -> dict[str, Any]:
    """The required parameters, each as small as its shape allows."""
    made = _smallest(model.input_shape) if model.input_shape else {}
    assert isinstance(made, dict)
    return made


def _smallest(shape: Shape, around: tuple[str, ...] = ()) -> Any:
    """A structure that requires itself ends at the second one: boto3 does not look deeper than it is told."""
    within = (*around, shape.name)
    if isinstance(shape, StructureShape):
        members = shape.required_members or (list(shape.members)[:1] if shape.is_tagged_union else [])
        return {name: _smallest(shape.members[name], within) for name in members} if shape.name not in around else {}
    if isinstance(shape, ListShape):
        return [_smallest(shape.member, within)] * shape.metadata.get("min", 0)
    if isinstance(shape, MapShape):
        return {}
    if shape.type_name == "string":
        return (shape.metadata.get("enum") or ["x" * max(1, shape.metadata.get("min", 1))])[0]
    return _SCALARS.get(shape.type_name, {})


_TEXTS = [
    "",
    "x",
    "0.0.0.0/0",
    "10.1.0.0/16",
    "::/0",
    "-1",
    "all",
    "true",
    "*",
    "arn:aws:iam::123456789012:role/x",
    "a" * 300,
]
_TEXTS += ["ü", "a b", "{}", "[]", '{"Version": "2012-10-17"}', "fields @message", "us-east-1a", "t3.micro", "learner"]
_PREFIXES = ("acl", "aclassoc", "ami", "eipalloc", "eipassoc", "eni", "fl", "i", "igw", "pcx", "pl", "rtb", "rtbassoc")
_PREFIXES += ("sg", "sgr", "subnet", "vpc", "vpc-cidr-assoc")
_NUMBERS = [0, 1, -1, 5, 100, 1001, 65536, 2**31 - 1, -(2**31)]


def fuzzed(shape: Shape, draw: Random, known: list[str], depth: int = 0) -> Any:
    """A value that botocore takes for the shape; ids are those of ``known`` things, and of none."""
    if isinstance(shape, StructureShape):
        names = [name for name in shape.members if name in shape.required_members or draw.random() < 0.4 / (depth + 1)]
        return {name: fuzzed(shape.members[name], draw, known, depth + 1) for name in names if name != "DryRun"}
    if isinstance(shape, ListShape):
        return [fuzzed(shape.member, draw, known, depth + 1) for _ in range(draw.choice([0, 1, 1, 2]))]
    if isinstance(shape, MapShape):
        return {"k": fuzzed(shape.value, draw, known, depth + 1)} if draw.random() < 0.5 else {}
    if shape.type_name == "string":
        if shape.metadata.get("enum") and draw.random() < 0.8:
            return draw.choice(shape.metadata["enum"])
        ids = [*known, *(f"{prefix}-0123456789abcdef0" for prefix in _PREFIXES)]
        return draw.choice(ids) if draw.random() < 0.6 else draw.choice(_TEXTS)
    if shape.type_name in ("integer", "long"):
        return draw.choice(_NUMBERS)
    return _SCALARS.get(shape.type_name, {})
