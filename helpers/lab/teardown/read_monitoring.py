"""The lab's alarms, topics, dashboards and saved queries, and its buckets.

All but saved queries are found by tag, and then looked up, since tags show for a while after what they were on is
gone. Saved queries carry no tags: the lab's are in the folder that is called like the lab.
"""

from collections.abc import Callable, Iterator, Mapping

from helpers.lab.looks import Looks
from helpers.lab.resources import PROJECT, paged
from helpers.lab.session import Session

MONITORING_KINDS = ("alarm", "topic", "dashboard", "saved-query")
MonitoringItem = tuple[str, str, str]
"""Kind, id (name, ARN or query id) and name."""


def read(lab: Session, looks: Looks) -> tuple[MonitoringItem, ...]:
    """What there is of the lab, in the order in which it can go: an alarm first, so that the teardown rings none."""
    readers: Mapping[str, Callable[[Session], Iterator[MonitoringItem]]] = dict(
        zip(MONITORING_KINDS, (_alarms, _topics, _dashboards, _saved_queries), strict=True)
    )
    return tuple(item for kind, reader in readers.items() for item in looks.at(kind, reader, lab))


def _tagged(lab: Session, kind: str, region: str | None = None) -> set[str]:
    client = lab.client("resourcegroupstaggingapi", region=region)
    wanted = [{"Key": "Project", "Values": [PROJECT]}, {"Key": "Lab", "Values": [lab.prefix]}]
    found = paged(client, "get_resources", "ResourceTagMappingList", TagFilters=wanted, ResourceTypeFilters=[kind])
    return {entry["ResourceARN"] for entry in found}


def _alarms(lab: Session) -> Iterator[MonitoringItem]:
    arns = _tagged(lab, "cloudwatch:alarm")
    living = paged(lab.client("cloudwatch"), "describe_alarms", "MetricAlarms") if arns else ()
    for alarm in living:
        if alarm["AlarmArn"] in arns:
            yield "alarm", alarm["AlarmName"], alarm["AlarmName"]


def _topics(lab: Session) -> Iterator[MonitoringItem]:
    arns = _tagged(lab, "sns")
    for topic in paged(lab.client("sns"), "list_topics", "Topics") if arns else ():
        if topic["TopicArn"] in arns:
            yield "topic", topic["TopicArn"], topic["TopicArn"].rpartition(":")[2]


def _dashboards(lab: Session) -> Iterator[MonitoringItem]:
    """A dashboard belongs to no Region: its tags are asked for where AWS keeps those of global things."""
    arns = _tagged(lab, "cloudwatch:dashboard", "us-east-1")
    for board in paged(lab.client("cloudwatch"), "list_dashboards", "DashboardEntries") if arns else ():
        if board["DashboardArn"] in arns:
            yield "dashboard", board["DashboardName"], board["DashboardName"]


def buckets(lab: Session) -> Iterator[str]:
    """The names of the lab's buckets in its Region."""
    arns = _tagged(lab, "s3")
    for bucket in lab.client("s3").list_buckets()["Buckets"] if arns else ():
        if f"arn:aws:s3:::{bucket['Name']}" in arns:
            yield bucket["Name"]


def _saved_queries(lab: Session) -> Iterator[MonitoringItem]:
    logs = lab.client("logs")
    asked = {"queryDefinitionNamePrefix": f"{lab.prefix}/"}
    while asked:
        page = logs.describe_query_definitions(**asked)
        yield from (("saved-query", saved["queryDefinitionId"], saved["name"]) for saved in page["queryDefinitions"])
        asked = asked | {"nextToken": page["nextToken"]} if page.get("nextToken") else {}
