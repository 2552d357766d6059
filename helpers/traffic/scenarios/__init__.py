"""Scenarios: scripted traffic of a whole day with a known truth, from ``data/scenarios/*.toml``.

``load`` reads a scenario, ``record`` plays it over the network and gives the records of every interface, what each
record belongs to, and the truth. Every conversation goes through ``helpers.network.trace``, so another rule gives other
records. Equal scenario, seed and start give equal records.

>>> recording = record(load("recorded_day"), seed=1, start=1_767_225_600, hours=1 / 12)
>>> {record.log_status for record in recording.records}
{'OK'}
>>> recording.records == record(load("recorded_day"), seed=1, start=1_767_225_600, hours=1 / 12).records
True
"""

from helpers.traffic.scenarios.conversations import PlannedConversation, conversations
from helpers.traffic.scenarios.incident import Incident, incident
from helpers.traffic.scenarios.recording import Recording, flows_of, record
from helpers.traffic.scenarios.scenario import Scenario, ScenarioError, load

__all__ = [
    "Incident",
    "PlannedConversation",
    "Recording",
    "Scenario",
    "ScenarioError",
    "conversations",
    "flows_of",
    "incident",
    "load",
    "record",
]
