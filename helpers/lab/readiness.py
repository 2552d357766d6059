"""Whether an account is ready for a lab: asked before the first creating call, and by ``python -m helpers preflight``.

Each check reads, or asks with ``DryRun``; nothing is made or changed. What AWS does not show is a warning, never "ok".
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, Literal

from botocore.exceptions import ClientError

from helpers._data import CHECKOUT
from helpers.access import FLOW_LOGS_SERVICE, Policy, Principal, may_assume
from helpers.lab import resources
from helpers.lab.connection import masked_arn
from helpers.lab.given_roles import VARIABLE, name_of
from helpers.lab.looks import AWS_ERRORS, code_of
from helpers.lab.resources import paged
from helpers.lab.session import Session
from helpers.lab.teardown import other_regions
from helpers.pricing import lab_hour, money, price_list, regions

POLICY = CHECKOUT / "docs" / "learner-policy.json"
IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
_REFUSED_SKEW = timedelta(minutes=5)  # IAM User Guide, "Elements of an AWS API request signature"
_STANDARD = "acdhimrtz"  # the families that one quota of running instances counts together
_DRY_ANSWERS = ("DryRunOperation", "UnauthorizedOperation")  # allowed and not allowed: any other code says neither
Level = Literal["ok", "warn", "stop"]


@dataclass(frozen=True, slots=True)
class PreflightLine:
    """What was looked at, how it stands, and a sentence that says what to do where it does not stand well."""

    level: Level
    what: str
    sentence: str


@dataclass(frozen=True)
class Preflight:
    """All lines, and what the lab will cost: a sentence."""

    lines: tuple[PreflightLine, ...]
    cost: str

    @property
    def stops(self) -> tuple[PreflightLine, ...]:
        """The lines that stand in the way."""
        return tuple(line for line in self.lines if line.level == "stop")

    def __str__(self) -> str:
        rows = [f"{line.level:<5} {line.what + ':':<14}{line.sentence}" for line in self.lines]
        return "\n".join([*rows, f"      {'cost:':<14}{self.cost}"])


@dataclass(frozen=True)
class _Quota:
    """A quota of Service Quotas, AWS's default for it, how much the lab needs, and how much these resources use."""

    service: str
    code: str
    default: int
    what: str
    needed: int
    kind: str
    used: Callable[[list[Any]], int] = len


def _vcpus(instances: list[Any]) -> int:
    options = [
        machine.get("CpuOptions", {})
        for machine in instances
        if machine["State"]["Name"] in ("pending", "running") and machine["InstanceType"][0] in _STANDARD
    ]
    return sum(option.get("CoreCount", 1) * option.get("ThreadsPerCore", 2) for option in options)


_QUOTAS = (
    _Quota("vpc", "L-F678F1CE", 5, "VPCs", 2, "vpc"),
    _Quota("vpc", "L-A4707A72", 5, "internet gateways", 2, "internet-gateway"),
    _Quota("ec2", "L-1216C47A", 5, "vCPUs of running standard instances", 8, "instance", _vcpus),
)


def preflight(lab: Session) -> Preflight:
    """Look at everything a lab needs of its account and Region. Changes nothing."""
    checks = {
        "identity": _identity,
        "clock": _clock,
        "Region": _region,
        "account name": _alias,
        "roles": _roles,
        "permissions": _permissions,
        "quotas": _quotas,
        "leftovers": _leftovers,
        "SSM": _ssm,
    }
    lines = [PreflightLine(level, what, said) for what, check in checks.items() for level, said in _looked(check, lab)]
    return Preflight(tuple(lines), _cost(lab.region))


Said = Iterator[tuple[Level, str]]


def _looked(check: Callable[[Session], Said], lab: Session) -> Said:
    try:
        yield from check(lab)
    except AWS_ERRORS as problem:
        yield "warn", f"AWS did not show it ({code_of(problem)}). Ask for what docs/learner-policy.json allows."


def _identity(lab: Session) -> Said:
    arn = lab.client("sts").get_caller_identity()["Arn"]
    if arn.endswith(":root"):
        yield (
            "warn",
            "You are the root user, whom no policy limits. Sign in as a role with docs/learner-policy.json.",
        )
    else:
        yield "ok", f"You are {masked_arn(arn)}."


def _clock(lab: Session) -> Said:
    headers = lab.client("sts").get_caller_identity()["ResponseMetadata"].get("HTTPHeaders", {})
    if "date" not in headers:
        yield "warn", "The answers have no date, so the clock of this machine was not compared."
        return
    skew = abs(datetime.now(UTC) - parsedate_to_datetime(headers["date"]))
    seconds = f"{skew.total_seconds():.0f} s from AWS's"
    if skew >= _REFUSED_SKEW:
        yield "stop", f"The clock of this machine is {seconds}, and AWS refuses more than 5 minutes. Set it."
    elif skew > timedelta(seconds=30):
        yield "warn", f"The clock of this machine is {seconds}: records seem to come too early or too late. Set it."
    else:
        yield "ok", f"The clock of this machine is {seconds}."


def _region(lab: Session) -> Said:
    shown = lab.client("ec2", region="us-east-1").describe_regions(AllRegions=True)["Regions"]
    status = {region["RegionName"]: region.get("OptInStatus", "opted-in") for region in shown}.get(lab.region)
    if status is None or status == "not-opted-in":
        yield (
            "stop",
            f"{lab.region} is not enabled here. Enable it in the account's settings, or take us-east-1.",
        )
    elif lab.region not in regions():
        yield "warn", f"{lab.region} is enabled. The course has no prices of it: those of us-east-1 are shown."
    else:
        yield "ok", f"{lab.region} is enabled."


def _alias(lab: Session) -> Said:
    """A name like ``shop-prod`` stops; one that only contains the letters, like ``products``, is worth a look."""
    for alias in paged(lab.client("iam"), "list_account_aliases", "AccountAliases"):
        if {"prod", "production", "prd"} & set(alias.split("-")):
            yield "stop", f"The account is called {alias}: it seems to be for production. Take an account for learning."
        elif "prod" in alias:
            yield "warn", f"The account is called {alias}. If it is for production, take another one."
        else:
            yield "ok", f"The account is called {alias}."
        return
    yield "ok", "The account has no alias, so nothing says that it is for production."


def _roles(lab: Session) -> Said:
    """Given roles: whether they are there, whom they trust, and whether the delivery role writes."""
    if not lab.given_roles:
        yield "ok", "The lab makes its own roles."
        return
    iam = lab.client("iam")
    _, partition, _, _, account, _ = lab.given_roles["flow-logs"].split(":", 5)
    source = f"arn:{partition}:ec2:{lab.region}:{account}:vpc-flow-log/fl-1"
    trusted = {
        "flow-logs": (FLOW_LOGS_SERVICE, {"aws:SourceAccount": account, "aws:SourceArn": source}),
        "instance": ("ec2.amazonaws.com", {}),
    }
    try:
        for short, (service, context) in trusted.items():
            trust = iam.get_role(RoleName=lab.name(short))["Role"]["AssumeRolePolicyDocument"]
            if not may_assume(Policy.parse(trust), Principal.service(service), context).allowed:
                yield "stop", f"The trust policy of the role {lab.name(short)} does not let {service} assume it here."
        iam.get_instance_profile(InstanceProfileName=lab.name("instance"))
    except iam.exceptions.NoSuchEntityException as missing:
        yield "stop", f"{missing.response['Error']['Message']} {VARIABLE} names it: ask who gave you the roles."
        return
    stream = f"arn:{partition}:logs:{lab.region}:{account}:log-group:/{lab.prefix}/vpc-flow-logs:log-stream:x"
    ask = {"ActionNames": ["logs:CreateLogStream", "logs:PutLogEvents"], "ResourceArns": [stream]}
    told = paged(
        iam, "simulate_principal_policy", "EvaluationResults", **ask, PolicySourceArn=lab.given_roles["flow-logs"]
    )
    if denied := [each["EvalActionName"] for each in told if each["EvalDecision"] != "allowed"]:
        yield (
            "stop",
            f"The role {lab.name('flow-logs')} does not allow {', '.join(denied)} on /{lab.prefix}/vpc-flow-logs.",
        )
    names = " and ".join(map(lab.name, trusted))
    yield "ok", f"The lab uses {names}, and needs no iam:CreateRole ({VARIABLE})."


def _permissions(lab: Session) -> Said:
    """Two ways to ask: IAM computes the caller's policies, and a dry run also meets what an organization forbids."""
    answers = _dry_runs(lab)
    denied = [action for action, code in answers.items() if code == "UnauthorizedOperation"]
    unclear = [f"{action} ({code})" for action, code in answers.items() if code not in _DRY_ANSWERS]
    try:
        denied += _simulated(lab)
        asked = "IAM computed that the policies of the caller allow what docs/learner-policy.json lists."
        level: Level = "ok"
    except AWS_ERRORS as problem:
        asked = f"IAM computed nothing ({code_of(problem)}): only dry runs were made."
        level = "warn"
    if denied:
        names = ", ".join(dict.fromkeys(denied))
        yield "stop", f"Not allowed: {names}. Ask for docs/learner-policy.json, or for another role."
        return
    yield level, asked
    if unclear:
        yield "warn", f"A dry run did not show whether this is allowed: {', '.join(unclear)}."


def _dry_runs(lab: Session) -> dict[str, str]:
    """The codes with which AWS answers a dry run of what the lab makes first, by the actions."""
    ec2 = lab.client("ec2")
    machine = {"InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    image = lab.client("ssm").get_parameter(Name=IMAGE)["Parameter"]["Value"]
    calls: Mapping[str, Callable[[], Any]] = {
        "ec2:CreateInternetGateway": lambda: ec2.create_internet_gateway(DryRun=True),
        "ec2:RunInstances": lambda: ec2.run_instances(DryRun=True, ImageId=image, **machine),
    }
    codes = dict.fromkeys(calls, "no answer to a dry run")
    for action, call in calls.items():
        try:
            call()
        except ClientError as answer:
            codes[action] = code_of(answer)
    return codes


def _simulated(lab: Session) -> list[str]:
    """The actions of the learner's policy that IAM computes as denied; nothing for the root user."""
    iam, arn = lab.client("iam"), lab.client("sts").get_caller_identity()["Arn"]
    if arn.endswith(":root"):
        return []
    if ":assumed-role/" in arn:  # its ARN lacks the path of the role
        arn = iam.get_role(RoleName=arn.split("/")[1])["Role"]["Arn"]
    account, partition = arn.split(":")[4], arn.split(":")[1]
    denied = []
    for statement in learner_policy(lab.prefix, account, partition, lab.given_roles)["Statement"]:
        # A request to IAM carries us-east-1 (IAM User Guide, "AWS global condition context keys").
        for region, global_ in ((lab.region, False), ("us-east-1", True)):
            actions = [action for action in statement["Action"] if action.startswith("iam:") == global_]
            ask = {
                "PolicySourceArn": arn,
                "ActionNames": actions,
                "ResourceArns": [_example(each, region, account) for each in statement["Resource"]],
                "ContextEntries": [*_context(statement.get("Condition", {})), _entry("aws:RequestedRegion", region)],
            }
            results = paged(iam, "simulate_principal_policy", "EvaluationResults", **ask) if actions else []
            denied += [result["EvalActionName"] for result in results if result["EvalDecision"] != "allowed"]
    return denied


def _example(pattern: str, region: str, account: str) -> str:
    """One of the resources that a pattern of the policy names: of this Region, of this account, and called ``x``."""
    if pattern == "*":
        return pattern
    parts = pattern.split(":", 5)
    own = [region if parts[3] == "*" else parts[3], account if parts[4] == "*" else parts[4]]
    return ":".join([*parts[:3], *own, parts[5].replace("*", "x")])


def learner_policy(
    prefix: str, account: str, partition: str = "aws", given: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """``docs/learner-policy.json`` for a lab and an account. It is written for ``demo`` in 123456789012.

    Where roles are ``given``, as :attr:`helpers.lab.Lab.given_roles`, these may be looked at and passed, and no role
    may be made or changed.
    """
    text = POLICY.read_text(encoding="utf-8")
    text = text.replace("arn:aws:", f"arn:{partition}:").replace("123456789012", account)
    document = json.loads(re.sub(r'(?<=[/"])demo(?=[-/"])', prefix, text))
    for kind in ("role", "instance-profile") if given else ():
        arns = (
            [*given.values()]
            if kind == "role"
            else [f"arn:{partition}:iam::{account}:{kind}/*{name_of(given['instance'])}"]
        )
        for statement in document["Statement"]:
            if statement["Resource"] == [f"arn:{partition}:iam::{account}:{kind}/{prefix}-*"]:
                kept = ("iam:Get", "iam:List", "iam:PassRole")
                statement |= {
                    "Action": [each for each in statement["Action"] if each.startswith(kept)],
                    "Resource": arns,
                }
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    return dict(document)


def _context(condition: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for operator, keys in condition.items():
        for key, value in keys.items() if operator != "Null" else ():  # Null asks for a key that is not there
            first = value[0] if isinstance(value, list) else value
            yield _entry(key, first)


def _entry(key: str, value: str) -> dict[str, Any]:
    return {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}


def _quotas(lab: Session) -> Said:
    ec2 = lab.client("ec2")
    for quota in _QUOTAS:
        used = quota.used(resources.described(ec2, quota.kind, []))
        own = quota.used(resources.described(ec2, quota.kind, resources.tag_filters(lab.prefix)))
        try:
            asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
            limit, known = int(lab.client("service-quotas").get_service_quota(**asked)["Quota"]["Value"]), True
        except AWS_ERRORS:
            limit, known = quota.default, False
        needed = max(quota.needed - own, 0)
        said = f"{quota.what}: {used} of {limit} used, {needed} more needed"
        said += "" if known else " (the quota was not shown; this is AWS's default)"
        if used + needed <= limit:
            yield "ok", f"{said}."
        else:
            way = "Make room, take another Region, or ask for more in Service Quotas."
            yield ("stop" if known else "warn"), f"{said}. {way}"


def _leftovers(lab: Session) -> Said:
    found = other_regions.read(lab)
    for region in found.in_use:
        how = f"If you do not need them: `{lab.teardown_command(region)}`."
        yield "warn", f"The lab {lab.prefix} has resources in {region}, too. {how}"
    if found.unseen:
        where = ", ".join(f"{region} ({reason})" for region, reason in found.unseen)
        yield "warn", f"Could not look at: {where}."
    if next(other_regions.living(lab, lab.region), None):
        yield "ok", f"The lab {lab.prefix} is there in {lab.region}, and is found again."
    elif not found.in_use and not found.unseen:
        yield "ok", f"Nothing of a lab {lab.prefix} is there in any Region."


def _ssm(lab: Session) -> Said:
    image = lab.client("ssm").get_parameter(Name=IMAGE)["Parameter"]["Value"]
    lab.client("ssm").describe_instance_information(MaxResults=5)
    yield "ok", f"Systems Manager answers, and names the image {image}."


def _cost(region: str) -> str:
    prices = price_list(region if region in regions() else "us-east-1")
    hour = lab_hour(prices)
    day, found = money(hour.total * 24), f"{prices.region}, published {prices.published}"
    return f"about {money(hour.total)} an hour ({day} a day) from notebook 01 until 99, by the prices of {found}."
