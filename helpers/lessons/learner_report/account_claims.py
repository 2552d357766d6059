"""What a lab's account, the learner's progress and their own words let a report claim. It only reads."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from helpers._data import NOTEBOOKS
from helpers.flowlogs import DEFAULT_FORMAT
from helpers.lab import Lab
from helpers.lab.looks import Looks
from helpers.lab.notebook_file import read_notebook, source_of
from helpers.lab.resources import is_tagged, tag_values
from helpers.lessons.content import checkable
from helpers.lessons.learner_report.before_and_after import before_and_after, in_words, instance_of, utc
from helpers.lessons.learner_report.written_report import Evidence, Picture, ReportClaim, WriteUp
from helpers.lessons.lesson_functions import names_of, records
from helpers.lessons.own_words import kept_words
from helpers.lessons.progress import ExerciseProgress, ProgressFile
from helpers.lessons.the_lab import MACHINES
from helpers.network import Topology
from helpers.pricing import Estimate, estimate, gigabytes, lab_hour, money, price_list, record_bytes, regions

if TYPE_CHECKING:
    import pandas as pd

_PLACES = {
    "Sandbox": "SANDBOX: an offline AWS on one computer. No account of AWS was used, and nothing was billed.",
    "Real AWS account": "REAL AWS ACCOUNT: the lab is in an account of AWS.",
    "Not AWS": "NOT AWS: the calls went to a server that is not AWS.",
}
_PROGRESS = "progress.json, which names no lab and no account; times in UTC"
_QUERIES, _ROWS = 20, 10
_QUERY = re.compile(r"SOURCE .*?START=(\d+) END=(\d+) \| (.*)", re.DOTALL)
Draw = Callable[..., Any]
Step = tuple[str, ReportClaim]


def write_up(lab: Lab, draw: Draw, notes: ProgressFile | None = None) -> WriteUp:
    """The report of a lab: what it holds, what its records show, which checks are done, and what was written.

    ``draw`` draws the map, as ``helpers.figures.network_figure`` does. The account is read and not changed. What AWS
    refuses to show is named and not claimed. Raises ``LabError`` where AWS hides who asks.
    """
    notes = notes or ProgressFile()
    done = {key: each for key, each in notes.entries().items() if each.outcome == "done" and key in checkable()}
    found = _Account(lab)
    steps = [*_checks(done), *found.log_group(), *found.role(), *found.flow_logs(), *found.records(), *found.query()]
    claims = [*_overview(done), *found.count(), *found.map(draw), *(claim for _, claim in sorted(steps, key=_number))]
    claims += [*found.faults(done), *found.limits(), *found.bill()]
    claims += [_own_words(*kept) for kept in kept_words(notes.path.with_name("own_words.json"))]
    facts = {"Lab": f"{lab.prefix} in {lab.region}", "Read": f"{lab.now():%Y-%m-%d %H:%M} UTC by the clock of the lab"}
    facts["Written"] = f"{datetime.now(UTC):%Y-%m-%d}"
    if unseen := found.looks.unseen:
        facts["Not shown by AWS"] = ", ".join(f"{kind} ({why})" for kind, why in sorted(unseen.items()))
    title = f"VPC monitoring with flow logs: lab {lab.prefix} ({lab.place})"
    return WriteUp(title, _PLACES[lab.place], facts, tuple(claims), found.reading["account"])


def _number(step: Step) -> str:
    return step[0]


def _overview(done: Mapping[str, ExerciseProgress]) -> Iterator[ReportClaim]:
    if done:
        rows = [{"lesson": number, "done": len([*keys]), "of": sum(key[:2] == number for key in checkable())}
                for number, keys in groupby(sorted(done), key=lambda key: key[:2])]  # fmt: skip
        first, *_, last = sorted(entry.done_at[:10] for entry in [*done.values()] * 2)
        dates = f"from {first} to {last}" if first != last else f"on {first}"
        text = f"{len(done)} of the {len(checkable())} exercises and broken labs are done, {dates}."
        yield ReportClaim("Overview", text, (Evidence(_PROGRESS, rows=rows),))


def _checks(done: Mapping[str, ExerciseProgress]) -> Iterator[Step]:
    for number, keys in groupby(sorted(done), key=lambda key: key[:2]):
        rows = [
            {
                "check": key,
                "exercise": checkable()[key].title,
                "done at": done[key].done_at[:16].replace("T", " "),
                "tries": done[key].tries,
                "hints": done[key].hints,
                "solution shown": "yes" if done[key].solution else "no",
            }
            for key in keys
        ]
        first = source_of(read_notebook(next(NOTEBOOKS.glob(f"{number}_*.ipynb")))["cells"][0])
        title = f"{number} {first.splitlines()[0].removeprefix('# ')}"
        text = f"In lesson {number}, {_count(len(rows), 'exercise is', 'exercises are')} done."
        yield _step(number, text, title, Evidence(_PROGRESS, rows=rows))


def _own_words(notebook: str, question: str, text: str, date: str) -> ReportClaim:
    evidence = Evidence(f"own_words.json, written on {date}; nobody has judged this answer", quote=text)
    return ReportClaim("Key takeaways", question, (evidence,), f"Lesson {notebook}, in my own words")


def _step(number: str, text: str, title: str, *evidence: Evidence) -> Step:
    return number, ReportClaim("Implementation steps", text, evidence, title)


class _Account:
    """One look at the lab's account. Each method gives the claims that can be made from it, and may give none."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.looks, self.reading = lab, Looks(), lab.reading(minutes=0.01)
        self.looks.unseen |= self.reading["unread"]
        self._read_at = f"read at {self.reading['read_at'][:19].replace('T', ' ')}"
        self._group_name = f"/{lab.prefix}/vpc-flow-logs"
        groups = {group["logGroupName"]: group for group in self.reading["log_groups"]}
        self._group: Mapping[str, Any] = groups.get(self._group_name, {})
        self._own_logs, self._own_vpcs, self._own_instances = (
            [thing for thing in things if is_tagged(tag_values(thing), lab.prefix)]
            for things in (self.reading["flow_logs"], *map(self.reading["network"].get, ("Vpcs", "Instances")))
        )
        read = self.looks.at("records", lambda: [records(lab, 0)]) if self._group else []
        self._table: pd.DataFrame | None = read[0] if read and not read[0].empty else None

    def _answer(self, call: str, shown: Any) -> Evidence:
        return Evidence(f"{call}, {self._read_at}", json.dumps(shown, indent=1, ensure_ascii=False))

    def count(self) -> Iterator[ReportClaim]:
        if self._table is not None:
            named = self._table.fillna({"action": "none", "instance": ""}).groupby(["instance", "action"])
            rows = [{"written by": instance_of(row), "action": row.action, "records": row.n}
                    for row in named.size().reset_index(name="n").itertuples()]  # fmt: skip
            span = f"from {utc(self._table.start.min())} to {utc(self._table.end.max())}"
            text = f"The flow logs of this lab wrote {_count(len(self._table), 'record')}, {span}."
            yield ReportClaim("Overview", text, (Evidence(f"the records in {self._group_name}, counted", rows=rows),))

    def map(self, draw: Draw) -> Iterator[ReportClaim]:
        if self._own_vpcs:
            ids = [vpc["VpcId"] for vpc in self._own_vpcs]
            drawn = draw(Topology.from_describe(None, **self.reading["network"]), names=names_of(self.lab), vpcs=ids)
            svg = _signed(drawn.image.decode(), f"{self.lab.place}, lab {self.lab.prefix}")
            evidence = Evidence(f"the describe calls of the network, {self._read_at}",
                                picture=Picture(svg, f"{self.lab.place}: {drawn.alt}", drawn.text))  # fmt: skip
            text = f"The lab has {_count(len(ids), 'VPC')} and {_count(len(self._own_instances), 'instance')}."
            yield ReportClaim("Architecture", text, (evidence,))

    def log_group(self) -> Iterator[Step]:
        if self._group:
            days = self._group.get("retentionInDays")
            text = f"The log group {self._group_name} keeps its events {f'for {days} days' if days else 'for good'}."
            shown = {key: self._group[key] for key in ("logGroupName", "logGroupClass", "retentionInDays", "arn")
                     if key in self._group}  # fmt: skip
            yield _step("02", text, "The log group", self._answer("DescribeLogGroups", shown))

    def role(self) -> Iterator[Step]:
        used = {each.get("DeliverLogsPermissionArn") for each in self._own_logs}
        for arn, role in self.reading["roles"].items():
            if role and arn in used:
                text = f"Flow logs of the lab deliver with the role {arn.rpartition('/')[2]}, with this trust policy."
                yield _step("03", text, "The role", self._answer("GetRole", role["trust"]))

    def flow_logs(self) -> Iterator[Step]:
        keys = {"flow log": "FlowLogId", "of": "ResourceId", "traffic": "TrafficType", "to": "LogGroupName",
                "status": "FlowLogStatus", "last delivery": "DeliverLogsStatus"}  # fmt: skip
        rows = [{name: each.get(key, "") for name, key in keys.items()} for each in self._own_logs]
        if rows:
            delivered = sum(row["last delivery"] == "SUCCESS" for row in rows)
            text = f"The lab has {_count(len(rows), 'flow log')}; of {delivered} the last delivery says SUCCESS."
            yield _step("04", text, "The flow logs", Evidence(f"DescribeFlowLogs, {self._read_at}", rows=rows))

    def records(self) -> Iterator[Step]:
        """The last accepted and the last rejected record, between two private addresses where there is one."""
        for action in ("ACCEPT", "REJECT"):
            if (table := self._table) is None:
                return
            found = table[table.action == action].sort_values("start")
            inside = found[found.srcaddr.str.startswith("10.") & found.dstaddr.str.startswith("10.")]
            if not found.empty:
                row = (found if inside.empty else inside).iloc[-1]
                evidence = Evidence(f"a line of {self._group_name}", row.line)
                yield _step("06", in_words(row), f"A record with {action}", evidence)

    def query(self) -> Iterator[Step]:
        """The newest query over the log group whose rows CloudWatch Logs still has; first one that counts."""
        logs, kind = self.lab.client("logs"), {"logGroupName": self._group_name, "status": "Complete"}
        asked = self.looks.at("queries", lambda: logs.describe_queries(**kind, maxResults=_QUERIES)["queries"])
        for query in sorted(asked, key=lambda each: ("stats" not in each["queryString"], -each["createTime"])):
            results: list[Any] = []
            with suppress(ClientError):  # rows are kept for some days only
                results = logs.get_query_results(queryId=query["queryId"])["results"]
            rows = [{p["field"]: p.get("value", "") for p in row if p["field"] != "@ptr"} for row in results]
            if rows:
                whole = _QUERY.fullmatch(query["queryString"])
                span = f" from {utc(int(whole[1]) / 1000)} to {utc(int(whole[2]) / 1000)}" if whole else ""
                text = f"A query over the records{span} gave {_count(len(rows), 'row')}."
                said = Evidence(f"DescribeQueries, asked at {utc(query['createTime'] / 1000)}",
                                whole[3] if whole else query["queryString"])  # fmt: skip
                got = Evidence(f"GetQueryResults, {min(len(rows), _ROWS)} of {len(rows)}", rows=rows[:_ROWS])
                yield _step("07", text, "A query", said, got)
                return

    def faults(self, done: Mapping[str, ExerciseProgress]) -> list[ReportClaim]:
        if self._table is None:
            return []
        return self.looks.at("commands", before_and_after, self.lab, self._table, done)

    def limits(self) -> Iterator[ReportClaim]:
        if self._table is not None:
            fields = [field.name for field in DEFAULT_FORMAT.fields]
            text = f"A record has {len(fields)} fields. None holds what was sent, and none names the rule that decided."
            evidence = Evidence("the format, and the first line", f"{' '.join(fields)}\n{self._table.line.iloc[0]}")
            yield ReportClaim("Security", text, (evidence,), "What the records do not show")

    def bill(self) -> Iterator[ReportClaim]:
        prices = price_list(self.lab.region if self.lab.region in regions() else None)
        would = "cost" if self.lab.place == "Real AWS account" else "would cost"
        if self._table is not None:
            size, days = sum(map(record_bytes, self._table.line)), self._group.get("retentionInDays", 365)
            bill = estimate(gigabytes(size), retention_days=days, prices=prices)
            text = f"{_count(len(self._table), 'record')} of {size:,} bytes {would} {money(bill.total)}, at list price."
            yield ReportClaim("Cost", text, (_priced(bill),), "The records")
        running = [each["InstanceId"] for each in self._own_instances if each["State"]["Name"] == "running"]
        if len(running) == len(MACHINES):
            hour = lab_hour(prices)
            text = f"The {len(running)} instances, with disks and addresses, {would} {money(hour.total)} per hour."
            named = Evidence(f"DescribeInstances, {self._read_at}", f"running: {', '.join(running)}")
            yield ReportClaim("Cost", text, (named, _priced(hour)), "The instances")


def _priced(bill: Estimate) -> Evidence:
    rows = [{"item": line.meter.description, "quantity": f"{line.quantity:.6f}", "unit": line.meter.unit,
             "cost": money(bill.cost_of(line).amount)} for line in bill.lines]  # fmt: skip
    return Evidence(bill.dated, rows=rows)


def _signed(svg: str, words: str) -> str:
    """The picture with the place that it shows in its lower margin, so that a copy of it says so, too."""
    foot = float(re.findall(r'height="([\d.]+)"', svg)[0]) - 4
    text = f'<text x="16" y="{foot:g}" font-size="11" font-family="sans-serif" fill="#9E3D00">{escape(words)}</text>'
    return svg.replace("</svg>", f"{text}\n</svg>")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"
